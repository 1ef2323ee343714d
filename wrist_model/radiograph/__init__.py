"""One file to pixels and facts, never to an identity."""

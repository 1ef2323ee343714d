"""Who stands in which split, and what keeps the splits apart."""

"""The catalogue as its readers see it: read-only SQL, documented queries, Datasette."""

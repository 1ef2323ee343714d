"""Places to ingest from. Imports nothing here."""

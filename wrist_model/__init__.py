"""Radiographs and networks: pure functions over files, arrays and records. No Prefect, no SQL. Imports nothing here."""

"""One Prefect task a verb: read the catalogue, call one pure function, write the catalogue. Imports nothing here."""

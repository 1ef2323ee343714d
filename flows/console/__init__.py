"""The console's commands, grouped by what people do: run, decide, look, serve. Imports nothing here."""

"""The report: page, figures, template. Imports nothing here."""

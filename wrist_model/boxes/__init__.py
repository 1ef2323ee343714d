"""Boxes that somebody drew on radiographs, from files in other tools' forms. Imports nothing here."""

"""Synthetic wrist radiographs, for the demo and the tests. Drawn, not photographed: they say nothing of patients.

One rule holds the room together: a study with a fracture is drawn by the same code from the same random streams as
one without, and the fracture is switched on last, so that only the bone may tell. Imports nothing here.
"""

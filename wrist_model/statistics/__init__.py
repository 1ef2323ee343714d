"""Metrics, intervals and tests on plain arrays; imports records and errors alone."""

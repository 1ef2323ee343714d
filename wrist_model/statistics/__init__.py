"""Metrics, intervals and tests on arrays; knows neither networks nor files."""

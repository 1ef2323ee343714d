"""Prefect on this machine: its server, its child processes, what is done after a crash."""

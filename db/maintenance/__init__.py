"""Migrations, backups and database roles."""

"""A database's address holds a password: no error tells a part of it, however the address is written."""

from __future__ import annotations

import pytest

from db.database_address import connect_arguments
from db.engine import open_catalogue
from db.query import read_only_sql
from wrist_model.errors import CatalogueError

SECRET = "Hush99"  # noqa: S105
ADDRESSES = [
    f"u:{SECRET}%zz@127.0.0.1:1/db",
    f"u:{SECRET} x@127.0.0.1:1/db",
    f"u:x@{SECRET}@127.0.0.1:1/db",
    f"u:x@y:{SECRET}@127.0.0.1:1/db",
    f"u:x:{SECRET}@127.0.0.1:1/db",
    f"u:x/{SECRET}@127.0.0.1:1/db",
    f"u:x@/{SECRET}@127.0.0.1:1/db",
    f"u:x#{SECRET}@127.0.0.1:1/db",
    f"u:x?{SECRET}@127.0.0.1:1/db",
    f"u:'{SECRET}@127.0.0.1:1/db",
    f"u:{SECRET}@[::1/db",
    f"u:{SECRET}@127.0.0.1:port/db",
    f"u@127.0.0.1:1/db?password={SECRET} b%",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_error_tells_a_part_of_the_password(tmp_path, monkeypatch, address):
    monkeypatch.setenv("WRIST_DATABASE_URL", "postgresql+psycopg://" + address)
    for connect in (lambda: read_only_sql.query("select 1", home=tmp_path), lambda: open_catalogue(tmp_path)):
        with pytest.raises(CatalogueError) as error:
            connect()
        assert SECRET not in str(error.value)


def test_a_server_that_is_not_found_is_no_fault_of_the_sql(tmp_path, monkeypatch):
    monkeypatch.setenv("WRIST_DATABASE_URL", "postgresql+psycopg://u:p@no-such-host.invalid/db")
    with pytest.raises(CatalogueError, match="can't be reached"):
        read_only_sql.query("select 1", home=tmp_path)


def test_sql_and_the_catalogue_read_an_address_alike():
    told = connect_arguments("postgresql+psycopg://u%40x:p%25w%20x%40@db.example:5433/cat?sslmode=require")
    assert told == {
        "user": "u@x",
        "password": "p%w x@",
        "host": "db.example",
        "port": 5433,
        "dbname": "cat",
        "sslmode": "require",
    }
    assert connect_arguments("postgresql+psycopg://u:p@/cat?host=/run/pg") == {
        "user": "u",
        "password": "p",
        "dbname": "cat",
        "host": "/run/pg",
    }

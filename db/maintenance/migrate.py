"""Bringing a database to this code's schema, or back: Alembic under a lock, and the public views anew after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from db.audit.chain import count
from db.maintenance import grants
from db.schema import views
from db.schema.revisions import HEAD, REVISIONS, refuse_newer, stored_revision
from wrist_model.errors import CatalogueError

MIGRATION_LOCK = 0x57524D47
FOLDER = Path(__file__).parents[1] / "migrations"


def upgrade(engine: Engine, home: Path, revision: str = HEAD) -> str:
    """Bring the schema to `revision`; returns the revision it was at (`none` when empty). One transaction."""
    return _move(engine, home, lambda config: command.upgrade(config, revision), wanted=revision)


def make(connection: Connection) -> None:
    """The whole schema of this code, in the open transaction, where the search_path of PostgreSQL says."""
    config = configuration(connection)
    config.attributes["wanted"] = HEAD
    command.upgrade(config, HEAD)
    for statement in views.create_statements(connection.dialect.name, HEAD):
        connection.exec_driver_sql(statement)


def downgrade(engine: Engine, home: Path, revision: str) -> str:
    """Take the schema back to an earlier revision (`base` drops it all); returns the revision it was at.

    Raises CatalogueError for an unknown revision, or one that can't hold what is stored: nothing is changed then.
    """
    if revision not in (*REVISIONS, "base"):
        raise CatalogueError(f"No schema {revision}; known are base, {', '.join(REVISIONS)}.")
    return _move(engine, home, lambda config: command.downgrade(config, revision), wanted=revision)


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration without a file: scripts beside this module, an open connection passed in."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))  # a configuration file's escape
    config.attributes["connection"] = connection
    return config


def _move(engine: Engine, home: Path, step: Callable[[Config], None], wanted: str) -> str:
    with _alone(engine, home):
        found = stored_revision(engine)
        refuse_newer(found)
        if found == wanted:
            return found
        with engine.connect().execution_options(wrist_writes=True) as connection, connection.begin():
            postgresql = engine.dialect.name == "postgresql"
            if postgresql:  # else Alembic would take another's alembic_version, further down the path, for ours
                connection.exec_driver_sql("SELECT set_config('search_path', quote_ident(current_schema()), true)")
            readers = grants.view_readers(connection) if postgresql else {}
            for statement in views.drop_statements():
                connection.exec_driver_sql(statement)
            config = configuration(connection)
            config.attributes["wanted"] = wanted
            step(config)
            for statement in () if wanted == "base" else views.create_statements(engine.dialect.name, wanted):
                connection.exec_driver_sql(statement)
            grants.grant_again(connection, readers)
            if wanted != "base":
                count(connection)
    return found or "none"


@contextmanager
def _alone(engine: Engine, home: Path) -> Iterator[None]:
    """One migration at a time: a lock in the database on PostgreSQL, a locked file beside a SQLite one."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            yield
        return
    import fcntl

    path = Path(str(engine.url.database) + ".lock")
    try:
        held = path.open("w")
    except OSError as error:
        raise CatalogueError(f"{path}: can't be written ({error.strerror}). Check the folder's permissions.") from None
    with held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield

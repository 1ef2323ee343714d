"""A database's error as one sentence with a way out: PostgreSQL's by its SQLSTATE, whatever language its server speaks.

SQLite's messages are English in each installation, and psycopg's own (a server that can't be reached) have no SQLSTATE.
"""

from __future__ import annotations

from wrist_model.errors import CatalogueBusy, CatalogueError

BUSY_SECONDS = 60
FULL = "The disk is full: nothing of this step was stored. Free some space and run it again."
UNREACHABLE = "The server can't be reached or refuses: check that it runs, and WRIST_DATABASE_URL."
GONE = "The connection to the server was lost; nothing of this step was stored. Run the same command again."
READ_ONLY = "It can't be written: check the permissions of the database and of its user."
LACKS_RIGHT = "The database user lacks a right: see `wrist db grant`."
BUSY = f"Another writer held it for {BUSY_SECONDS} s; nothing was stored. Run the same command again."
APPEND_ONLY = "Audited rows are never changed: add a new row that corrects the old one."

BY_STATE = {
    "53100": FULL,  # disk_full
    "25006": READ_ONLY,  # read_only_sql_transaction
    "42501": LACKS_RIGHT,  # insufficient_privilege
    "55P03": BUSY,  # lock_not_available
    "40001": BUSY,  # serialization_failure
    "40P01": BUSY,  # deadlock_detected
    "57P01": GONE,  # admin_shutdown
    "57P02": GONE,  # crash_shutdown
    "57P05": GONE,  # idle_session_timeout
    "25P03": GONE,  # idle_in_transaction_session_timeout
    "57P03": UNREACHABLE,  # cannot_connect_now
    "53300": UNREACHABLE,  # too_many_connections
    "3D000": UNREACHABLE,  # invalid_catalog_name
}
BY_CLASS = {"08": UNREACHABLE, "28": UNREACHABLE}  # connection exception, invalid authorization
BY_WORD = (
    ("disk is full", FULL),
    ("no space left", FULL),
    ("readonly", "It can't be written: check the permissions of the file and its folder."),
    ("read-only", READ_ONLY),
    ("unable to open", "It can't be opened: check that its folder exists and can be written."),
    ("locked", BUSY),
    ("malformed", "The file is damaged: keep a copy of it, then `wrist db restore FILE` with the last backup."),
    ("not a database", "The file is no SQLite database: restore a backup with `wrist db restore FILE`."),
    ("disk i/o", "The disk reports an error: check it, then run `wrist verify`."),
    ("append-only", APPEND_ONLY),
    ("connection", UNREACHABLE),
    ("resolve host", UNREACHABLE),
)


def state(error: BaseException | None) -> str | None:
    """The SQLSTATE of a database driver's error; None for SQLite's, and where the server said nothing."""
    found = getattr(error, "sqlstate", None)
    return str(found) if found else None


def explain(message: str, place: str, sqlstate: str | None = None) -> CatalogueError:
    """A database's message as one sentence with a way out. sqlstate: PostgreSQL's, see `state`."""
    first = message.strip().splitlines()[0] if message.strip() else "no message"
    advice = None
    if sqlstate is not None:
        advice = BY_STATE.get(sqlstate) or BY_CLASS.get(sqlstate[:2])
    if advice is None:  # SQLite's, psycopg's own, and what our triggers raise
        low = first.lower()
        advice = next((said for sign, said in BY_WORD if sign in low), "Nothing of this step was stored.")
    kind = CatalogueBusy if advice is BUSY else CatalogueError
    return kind(f"{place}: {first}{'' if first.endswith('.') else '.'} {advice}")

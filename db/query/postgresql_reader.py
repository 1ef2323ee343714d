"""What `wrist sql` runs on PostgreSQL, and as whom: one query, or the plan of one, as a reader where there is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wrist_model.errors import UsageError

if TYPE_CHECKING:
    from psycopg import Connection

_EXPLAIN = re.compile(r"\s*explain\b\s*(?:\(([\w\s,]*)\)|((?:(?:analy[sz]e|verbose)\b\s*)*))(.*)", re.I | re.S)
_SHOW = re.compile(r"\s*show\s+[\w.]+(\s+[\w.]+)*\s*", re.I)

# A role that may read the public views, and nothing that a reader may not: no table, no powers, no other role.
_READER = """
SELECT r.rolname FROM pg_roles r WHERE NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
  OR r.rolbypassrls) AND r.rolname !~ '^pg_' AND r.rolname <> current_user
AND pg_has_role(current_user, r.oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER'
  ELSE 'SET' END)
AND has_schema_privilege(r.oid, current_schema(), 'USAGE') AND has_table_privilege(r.oid, 'studies', 'SELECT')
AND NOT has_table_privilege(r.oid, 'audit_entry', 'SELECT')
AND NOT EXISTS (SELECT 1 FROM pg_auth_members m WHERE m.member = r.oid)
ORDER BY r.rolname <> 'wrist_reader', r.rolname LIMIT 1
"""


def become_reader(connection: Connection[Any]) -> str:
    """Go on, until the transaction ends, as the reader role that this login may become. Gives what has to be said where
    there is none: empty when a reader reads."""
    is_reader = "SELECT current_user, NOT has_table_privilege('audit_entry', 'SELECT')"
    user, reads_alone = connection.execute(is_reader).fetchone() or ("", True)
    if reads_alone:
        return ""
    found = connection.execute(_READER).fetchone()
    if found is None:
        return (
            f"PostgreSQL: this ran with all rights of {user}, in a read-only transaction that was rolled back. "
            "`wrist db grant` makes a reader role; a login that may become it reads as it."
        )
    connection.execute("SELECT set_config('role', %s, true)", (found[0],))
    return ""


def one_query(connection: Connection[Any], sql: str) -> tuple[str, bool]:
    """The statement to run, and whether by itself (a plan, a setting) or through a cursor (a query).

    A cursor takes one query, without writes, and nothing else. So a query is declared as one first, through a protocol
    that takes one statement, and so is what is to be explained; that is then put together anew, of plain options and
    that query. Raises psycopg.Error for anything else, UsageError for EXPLAIN alone.
    """
    if _SHOW.fullmatch(sql):
        return sql, True
    match = _EXPLAIN.fullmatch(sql)
    asked = match[3] if match else sql
    if not asked.strip():
        raise UsageError("EXPLAIN of what? Give a SELECT after it.")
    connection.execute(f"DECLARE wrist_asked NO SCROLL CURSOR FOR {asked}", prepare=True)
    connection.execute("CLOSE wrist_asked")
    if match is None:
        return sql, False
    options = match[1] if match[1] is not None else ", ".join(match[2].split())
    return f"EXPLAIN {f'({options}) ' if options.strip() else ''}{asked}", True

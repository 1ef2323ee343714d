"""PostgreSQL: what stands around the schema and decides what it says or who may change it.

Owners, rights, roles' settings, schemas that stand before ours, functions and operators called as PostgreSQL's own,
casts, event triggers. What an extension brought is the server's own matter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from db.audit.anchor_file import Found
from db.schema.all_tables import AUDITED, METADATA
from db.schema.revisions import VERSIONS
from db.schema.views import VIEWS

OURS = "to_regnamespace(quote_ident(current_schema()))"
FIRST = 16_384  # the first oid of what an installed server doesn't have by itself
HARMLESS = "MAINTAIN"  # PostgreSQL's right to vacuum and count
RIGHTS = {
    **dict.fromkeys(METADATA.tables, frozenset(("SELECT", "INSERT", "UPDATE", "DELETE"))),
    **dict.fromkeys(("audit_entry", *AUDITED), frozenset(("SELECT", "INSERT"))),
    **dict.fromkeys((VERSIONS, *VIEWS), frozenset(("SELECT",))),
}
"""What `wrist db grant` gives at most."""

LOADED = {"auto_explain", "pg_stat_statements"}
SETTINGS = {
    "session_replication_role": {"origin", "local"},
    "transform_null_equals": {"off", "false", "no", "0"},
    "session_preload_libraries": LOADED,
    "local_preload_libraries": LOADED,
}
"""Settings of roles that change what statements do or say, and the values that don't."""

_EXTENSION = "EXISTS (SELECT 1 FROM pg_depend e WHERE e.deptype = 'e' AND e.classid = '{}'::regclass AND e.objid = {})"

_OWNERS = f"""
SELECT c.relname, pg_get_userbyid(c.relowner) FROM pg_class c
WHERE c.relnamespace = {OURS} AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
UNION ALL SELECT p.proname, pg_get_userbyid(p.proowner) FROM pg_proc p
WHERE p.pronamespace = {OURS} AND p.proname = 'wrist_append_only' ORDER BY 1
"""
_GRANTS = f"""
SELECT c.relname, g.grantee, pg_get_userbyid(g.grantee) AS role, g.privilege_type AS kind, g.is_grantable AS passes
FROM pg_class c, aclexplode(c.relacl) g WHERE c.relnamespace = {OURS} AND g.grantee <> c.relowner
UNION SELECT c.relname, g.grantee, pg_get_userbyid(g.grantee), g.privilege_type, g.is_grantable
FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) g
WHERE c.relnamespace = {OURS} AND g.grantee <> c.relowner ORDER BY 1, 3, 4
"""
_MAKERS = f"""
SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END AS role
FROM pg_namespace n, aclexplode(n.nspacl) g WHERE n.oid = {OURS} AND g.privilege_type = 'CREATE'
AND g.grantee <> n.nspowner AND g.grantee NOT IN (SELECT relowner FROM pg_class WHERE relnamespace = {OURS}
  AND relname = 'audit_entry')
AND NOT (g.grantee = 0 AND current_setting('server_version_num')::int < 150000 AND n.nspname = 'public')
"""
_TO_COME = f"""
SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END AS role,
  g.privilege_type AS kind
FROM pg_default_acl d, aclexplode(d.defaclacl) g WHERE d.defaclnamespace IN (0, {OURS}) AND d.defaclobjtype = 'r'
AND g.grantee <> d.defaclrole AND g.privilege_type NOT IN ('SELECT', 'INSERT', '{HARMLESS}') ORDER BY 1, 2
"""
_ROLE_SETTINGS = """
SELECT s.setdatabase <> 0 AS here, s.setrole, CASE s.setrole WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(s.setrole) END
AS role, unnest(s.setconfig) AS said FROM pg_db_role_setting s
WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_FALSE_SCHEMAS = f"""
SELECT DISTINCT n.nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
WHERE n.oid <> {OURS} AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relname = ANY (%(names)s)
AND NOT EXISTS (SELECT 1 FROM pg_class a WHERE a.relnamespace = n.oid AND a.relname = 'audit_entry' AND a.relkind = 'r')
"""
_CALLED_ALIKE = (
    f"""
SELECT p.oid::regprocedure::text AS name FROM pg_proc p WHERE p.oid >= {FIRST}
AND (p.pronamespace = 'pg_catalog'::regnamespace OR p.pronamespace = {OURS} AND EXISTS (SELECT 1 FROM pg_proc o
  WHERE o.pronamespace = 'pg_catalog'::regnamespace AND o.oid < {FIRST} AND o.proname = p.proname))
AND NOT {_EXTENSION.format("pg_proc", "p.oid")} ORDER BY 1
""",
    f"""
SELECT p.oid::regoperator::text AS name FROM pg_operator p WHERE p.oid >= {FIRST}
AND p.oprnamespace IN ('pg_catalog'::regnamespace, {OURS})
AND NOT {_EXTENSION.format("pg_operator", "p.oid")} ORDER BY 1
""",
    f"""
SELECT 'the cast from ' || castsource::regtype || ' to ' || casttarget::regtype AS name FROM pg_cast c
WHERE c.oid >= {FIRST} AND castsource < {FIRST} AND casttarget < {FIRST}
AND NOT {_EXTENSION.format("pg_cast", "c.oid")} ORDER BY 1
""",
)
_EVENT_TRIGGERS = f"""
SELECT evtname, evtevent FROM pg_event_trigger t WHERE NOT {_EXTENSION.format("pg_event_trigger", "t.oid")} ORDER BY 1
"""


def compare(connection: Connection) -> Iterator[Found]:
    """What stands around a catalogue and isn't as Wrist makes it or asks for."""
    yield from _owners(connection)
    yield from _rights(connection)
    yield from _settings(connection)
    for query in _CALLED_ALIKE:
        for row in connection.exec_driver_sql(query):
            yield "function", row.name, "PostgreSQL's own may no longer be what is called: this is not one of them."
    for row in connection.exec_driver_sql(_EVENT_TRIGGERS):
        yield "event_trigger", row.evtname, f"It runs code at each {row.evtevent}; Wrist has none."


def _owners(connection: Connection) -> Iterator[Found]:
    found = connection.exec_driver_sql(_OWNERS).all()
    ours = [(name, owner) for name, owner in found if name in RIGHTS or name == "wrist_append_only"]
    most = Counter(owner for _, owner in ours).most_common(1)[0][0] if ours else None
    for name, owner in ours:
        if owner != most:
            yield "owner", name, f"It belongs to {owner}, all else to {most}: an owner may change what is stored."


def _rights(connection: Connection) -> Iterator[Found]:
    for row in connection.exec_driver_sql(_GRANTS):
        if row.relname not in RIGHTS or row.kind == HARMLESS:
            continue
        role = row.role if row.grantee else "PUBLIC"
        allowed = RIGHTS[row.relname] if row.grantee else RIGHTS[row.relname] & {"SELECT"}
        if row.kind not in allowed or row.passes:
            passing = " and pass that right on" if row.passes else ""
            said = f"{role} may {row.kind} it{passing}, which `wrist db grant` never gives: REVOKE it."
            yield "right", row.relname, said
    for row in connection.exec_driver_sql(_MAKERS):
        said = f"{row.role} may make functions and tables beside ours: REVOKE CREATE ON SCHEMA … FROM {row.role}."
        yield "right", "the schema", said
    for row in connection.exec_driver_sql(_TO_COME):
        yield "right", "tables to come", f"{row.role} may {row.kind} them (ALTER DEFAULT PRIVILEGES): REVOKE it there."


def _settings(connection: Connection) -> Iterator[Found]:
    paths: dict[tuple[bool, int], str] = {}
    for row in connection.exec_driver_sql(_ROLE_SETTINGS):
        name, _, value = row.said.partition("=")
        if name == "search_path":
            paths[row.here, row.setrole] = value
        harmless = SETTINGS.get(name)
        if harmless is not None and not set(_names(value)) <= harmless:
            yield "setting", row.role, f"{name} is set to {value} for this role: it changes what statements do."
    yield from _paths(connection, paths)


def _paths(connection: Connection, said: dict[tuple[bool, int], str]) -> Iterator[Found]:
    """Roles that find something else under our names, or under PostgreSQL's, than what is ours or PostgreSQL's."""
    ours = str(connection.exec_driver_sql("SELECT current_schema()").scalar())
    found = connection.exec_driver_sql(_FALSE_SCHEMAS, {"names": list(RIGHTS)}).scalars()
    false = set(found)
    default: Any = connection.exec_driver_sql(
        "SELECT CASE WHEN source IN ('configuration file', 'command line', 'global') THEN reset_val ELSE boot_val END "
        "FROM pg_settings WHERE name = 'search_path'"
    ).scalar()
    if not false and not said:
        return
    roles = connection.exec_driver_sql("SELECT oid, rolname FROM pg_roles WHERE rolcanlogin ORDER BY rolname")
    for oid, role in roles:
        places = ((True, oid), (False, oid), (True, 0), (False, 0))
        value = next((said[place] for place in places if place in said), default)
        path = [role if name == "$user" else name for name in _names(value)]
        before = path[: path.index(ours)] if ours in path else path
        if led := next((name for name in before if name in false), None):
            told = f"Its search_path ({value}) finds {led} before {ours}, and in it something that is called as ours."
            yield "setting", role, told
        if "pg_catalog" in path[1:]:
            yield "setting", role, f"Its search_path ({value}) puts other functions before PostgreSQL's own."


def _names(value: str) -> list[str]:
    """The parts of a list in PostgreSQL's way of writing."""
    parts = re.findall(r'"((?:[^"]|"")*)"|([^,\s"]+)', value)
    return [quoted.replace('""', '"') if quoted else bare.lower() for quoted, bare in parts]

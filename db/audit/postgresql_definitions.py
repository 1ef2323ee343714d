"""PostgreSQL: is the schema what the migrations make?

The same server makes it once more, in temporary tables of a transaction that is rolled back: so both are told in the
same words, whatever the server's version, and no right is needed but TEMPORARY, which a database gives to everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from db.audit.anchor_file import Found
from db.maintenance.migrate import make

Object = tuple[str, str, str]
"""Kind, the table or view that it is of, and its name."""

OURS, TEMPORARY = "to_regnamespace(quote_ident(current_schema()))", "pg_my_temp_schema()"

# Each: kind, relation, name, and all that says what it is. {of} is the schema; {kept} how its tables are kept.
QUERIES = (
    """
SELECT CASE WHEN c.relkind = 'v' THEN 'view' ELSE 'table' END, c.relname, '', concat_ws(' ', c.relkind,
  CASE WHEN c.relpersistence = '{kept}' THEN 'kept' ELSE c.relpersistence::text END, c.relrowsecurity,
  c.relforcerowsecurity, c.relispartition, a.amname,
  CASE WHEN EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid) THEN c.relhastriggers::text END,
  CASE WHEN EXISTS (SELECT 1 FROM pg_index x WHERE x.indrelid = c.oid) THEN c.relhasindex::text END,
  CASE WHEN EXISTS (SELECT 1 FROM pg_rewrite r WHERE r.ev_class = c.oid) THEN c.relhasrules::text END, c.relchecks,
  CASE WHEN c.relkind = 'v' THEN concat_ws(' ', c.reloptions::text,
  pg_get_viewdef(c.oid, true), (SELECT string_agg(concat_ws(' ', t.attname, format_type(t.atttypid, t.atttypmod),
    pg_get_expr(d.adbin, d.adrelid), t.attcollation::regcollation), ', ' ORDER BY t.attnum)
    FROM pg_attribute t LEFT JOIN pg_attrdef d ON d.adrelid = t.attrelid AND d.adnum = t.attnum
    WHERE t.attrelid = c.oid AND t.attnum > 0)) END)
FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam
WHERE c.relnamespace = {of} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
""",
    """
SELECT 'column', c.relname, t.attname, concat_ws(' ', row_number() OVER (PARTITION BY c.oid ORDER BY t.attnum),
  format_type(t.atttypid, t.atttypmod), t.attnotnull, pg_get_expr(d.adbin, d.adrelid), t.attidentity, t.attgenerated,
  t.attcollation::regcollation)
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = t.attrelid AND d.adnum = t.attnum
WHERE c.relnamespace = {of} AND c.relkind IN ('r', 'p', 'f') AND t.attnum > 0 AND NOT t.attisdropped
""",
    """
SELECT 'constraint', c.relname, CASE k.contype WHEN 'n' THEN pg_get_constraintdef(k.oid, true) ELSE k.conname END,
  concat_ws(' ', k.contype, pg_get_constraintdef(k.oid, true), k.convalidated, k.condeferrable, k.condeferred)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE c.relnamespace = {of}
""",
    """
SELECT 'index', c.relname, i.relname, concat_ws(' ', pg_get_indexdef(x.indexrelid, 0, true), x.indisvalid, x.indisready,
  x.indislive, x.indisunique, x.indimmediate, x.indisprimary)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
WHERE c.relnamespace = {of}
""",
    """
SELECT 'trigger', c.relname, t.tgname, concat_ws(' ', t.tgenabled, t.tgtype,
  replace(pg_get_triggerdef(t.oid, true), 'pg_temp.', ''))
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = {of} AND NOT t.tgisinternal
""",
    """
SELECT 'key''s trigger', c.relname, concat_ws(' ', k.conname, t.tgfoid::regproc),
  concat_ws(' ', t.tgenabled, t.tgtype, t.tgdeferrable, t.tginitdeferred)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_constraint k ON k.oid = t.tgconstraint
WHERE c.relnamespace = {of} AND t.tgisinternal
""",
    """
SELECT 'rule', c.relname, r.rulename, concat_ws(' ', r.ev_enabled, r.is_instead,
  CASE WHEN r.rulename <> '_RETURN' THEN pg_get_ruledef(r.oid, true) END)
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relnamespace = {of}
""",
    """
SELECT 'policy', c.relname, p.polname, concat_ws(' ', p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid))
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = {of}
""",
    """
SELECT 'inheriting table', c.relname, h.inhrelid::regclass::text, ''
FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhparent WHERE c.relnamespace = {of} AND c.relkind IN ('r', 'p')
""",
    """
SELECT 'function', p.proname, pg_get_function_identity_arguments(p.oid), concat_ws(' ', p.prokind, l.lanname, p.prosrc,
  p.prosecdef, p.proleakproof, p.provolatile, p.proconfig::text, p.prorettype::regtype)
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = {of} AND p.proname = 'wrist_append_only'
""",
)

_references: dict[str, dict[Object, str]] = {}
"""The server's version → what the migrations make there, in its words."""


def compare(connection: Connection) -> Iterator[Found]:
    """What is missing, altered, or added to a table or view of ours. Another application's tables are no matter."""
    try:
        wanted = _reference(connection.engine)
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines()[0]
        yield (
            "schema",
            "the definitions",
            f"They can't be compared ({said}): to compare them, the schema is made once more in temporary tables. "
            "GRANT TEMPORARY ON DATABASE … TO whoever verifies; a standby server has none.",
        )
        return
    relations = {of for _, of, _ in wanted}
    there = {each: said for each, said in _objects(connection, OURS, "p").items() if each[1] in relations}
    gone = {of for kind, of, _ in set(wanted) - set(there) if kind in ("table", "view")}
    for kind, of in sorted({(kind, of) for kind, of, _ in wanted if kind in ("table", "view") and of in gone}):
        yield f"missing_{kind}", of, f"This {kind} is gone, or something else stands in its place."
    for kind, of, name in sorted(wanted):
        if of in gone or there.get((kind, of, name)) == wanted[kind, of, name]:
            continue
        where, what = _place(kind, of, name)
        if (kind, of, name) not in there:
            yield f"missing_{kind}", where, f"{what} was dropped."
        else:
            yield kind, where, f"{what} is not as the migrations made it: it was altered, disabled or replaced."
    for kind, of, name in sorted(set(there) - set(wanted)):
        if of not in gone:
            where, what = _place(kind, of, name)
            yield kind, where, f"{what} is not one of ours; it may change what is stored, or what is read."


def _place(kind: str, of: str, name: str) -> tuple[str, str]:
    if kind in ("table", "view"):
        return of, f"This {kind}"
    if kind == "function":
        return of, f"The function {of}({name})"
    return name if kind in ("trigger", "index") else of, f"{of}'s {kind} {name}"


def _objects(connection: Connection, of: str, kept: str) -> dict[Object, str]:
    found: dict[Object, str] = {}
    for query in QUERIES:
        for row in connection.exec_driver_sql(query.format(of=of, kept=kept)):
            found[row[0], row[1], row[2]] = row[3]
    return found


def _reference(engine: Engine) -> dict[Object, str]:
    """What the migrations make on this server."""
    with engine.connect() as connection:
        version = str(connection.exec_driver_sql("SHOW server_version").scalar())
        connection.rollback()
        if version not in _references:
            event.listen(connection, "before_cursor_execute", _among_the_temporary, retval=True)
            with connection.begin() as transaction:
                connection.exec_driver_sql("SET TRANSACTION READ WRITE")
                connection.exec_driver_sql("SET LOCAL search_path = pg_temp")
                make(connection)
                made = _objects(connection, TEMPORARY, "t")
                transaction.rollback()
            _references[version] = made
    return _references[version]


def _among_the_temporary(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """Functions are looked for among the temporary ones only where that is said."""
    for before in ("CREATE FUNCTION ", "EXECUTE FUNCTION "):
        statement = statement.replace(f"{before}wrist_append_only", f"{before}pg_temp.wrist_append_only")
    return statement, parameters

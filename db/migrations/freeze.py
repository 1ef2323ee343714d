"""Write the first schema's SQL for both databases from the mapped tables. Run by hand before the first release only:
`python -m db.migrations.freeze`. A released schema never changes; what comes after is a revision of its own.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

import db.schema_runs  # noqa: F401
from db.chain import audited_tables
from db.columns import Base
from db.triggers import postgresql_triggers, sqlite_triggers


def statements(dialect: str) -> list[str]:
    compiler = sqlite.dialect() if dialect == "sqlite" else postgresql.dialect()
    made = []
    for table in Base.metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=compiler)))
        made += [str(CreateIndex(index).compile(dialect=compiler)) for index in sorted(table.indexes, key=str)]
    append_only = ("audit_entry", *audited_tables())
    if dialect == "postgresql":
        made += postgresql_triggers(append_only)
    else:
        made += sqlite_triggers(append_only, uniques())
    return ["\n".join(line.rstrip() for line in one.strip().splitlines()) for one in made]


def uniques() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Each table's unique column groups that a row's own number doesn't already make unique."""
    return {
        table.name: tuple(
            columns
            for constraint in sorted(table.constraints, key=lambda one: str(getattr(one, "columns", "")))
            if isinstance(constraint, UniqueConstraint)
            and "id" not in (columns := tuple(column.name for column in constraint.columns))
        )
        for table in Base.metadata.tables.values()
    }


if __name__ == "__main__":
    for name in ("sqlite", "postgresql"):
        target = Path(__file__).parent / "versions" / f"0001_{name}.sql"
        target.write_text("\n-- next\n".join(statements(name)) + "\n", encoding="utf-8")

"""Prefect's own history of a home: how many of its runs are old, and deleting them by Prefect's own vacuum.

That takes ended runs with their task runs, logs and artifacts, in batches, beside a server that runs; a run that is
suspended, or at work, is none. The catalogue's rows keep the ids of such runs.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from db.home import prefect_folder
from db.maintenance.compact import compact
from flows.host.environment import exactly, process_environment
from flows.host.server_record import living

RETENTION = "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"
NAME = "prefect.db"


@dataclass(frozen=True)
class History:
    """old: ended runs older than was asked for. bytes: of Prefect's database file."""

    old: int
    bytes: int


def history(home: Path, before: datetime, *, delete: bool = False) -> History:
    """How many ended runs ended before that time (aware). delete: delete them, too; the file gets smaller where no
    server uses it, else the space is used again."""
    file = prefect_folder(home) / NAME
    if not file.is_file():
        return History(0, 0)
    keep = datetime.now(before.tzinfo) - before
    with exactly({**process_environment(home), RETENTION: str(keep.total_seconds())}):
        from prefect.context import SettingsContext, get_settings_context
        from prefect.settings.models.root import Settings

        with SettingsContext(profile=get_settings_context().profile, settings=Settings()):
            old = asyncio.run(_vacuumed(keep, delete))
    if delete and old and living(home) is None:
        compact(file)
    return History(old, file.stat().st_size)


async def _vacuumed(keep: timedelta, delete: bool) -> int:
    import sqlalchemy
    from prefect.server.database import provide_database_interface
    from prefect.server.schemas.states import TERMINAL_STATES
    from prefect.server.services import db_vacuum
    from prefect.types._datetime import now

    database: Any = provide_database_interface()
    run = database.FlowRun
    ended = sqlalchemy.and_(run.state_type.in_(TERMINAL_STATES), run.end_time < now("UTC") - keep)
    try:
        async with database.session_context() as session:
            counted = sqlalchemy.select(sqlalchemy.func.count()).select_from(run).where(ended)
            old = int((await session.execute(counted)).scalar() or 0)
        if delete and old:
            await db_vacuum.vacuum_old_flow_runs(db=database)
            await db_vacuum.vacuum_stale_artifact_collections(db=database)
    finally:
        await (await database.engine()).dispose()
    return old

"""Commands on the catalogue's own keeping: browse, and `wrist db …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(browse)
    kept = typer.Typer(help="Upgrade, back up, restore and share the catalogue's database.", no_args_is_help=True)
    for command in (upgrade, downgrade, backup, restore, grant):
        kept.command()(command)
    app.add_typer(kept, name="db")


def browse(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Where Datasette listens.")] = 8001,
) -> None:
    """Open Datasette on the views, with facets, plots, thumbnails and the documented queries, until Ctrl-C."""
    import subprocess

    from db.engine import open_catalogue
    from db.home import database_url, home
    from db.query.datasette_plugin import command

    open_catalogue(existing=True)
    started, folder = command(database_url(), home(), port)
    print(
        f"http://127.0.0.1:{port}/catalogue (Ctrl-C ends it; plots: http://127.0.0.1:{port}/-/dashboards/plots)",
        flush=True,
    )
    raise typer.Exit(subprocess.run(started, cwd=folder, check=False).returncode)


def upgrade() -> None:
    """Bring the database to this version's schema; a SQLite file is brought there on first use anyway."""
    from db.engine import engine_of
    from db.home import home
    from db.maintenance.migrate import upgrade as bring
    from db.schema.revisions import HEAD

    place = home()
    place.mkdir(parents=True, exist_ok=True)
    before = bring(engine_of(place), place)
    print(f"The schema is at {HEAD}; it was at {before}.")


def downgrade(revision: Annotated[str, typer.Argument(help="An earlier schema; `base` drops everything.")]) -> None:
    """Take the database back to an earlier schema. Back it up first."""
    from db.engine import engine_of
    from db.home import home
    from db.maintenance.migrate import downgrade as take

    place = home()
    before = take(engine_of(place), place, revision)
    print(f"The schema is at {revision}; it was at {before}.")


def backup(file: Annotated[Path, typer.Argument(help="The SQLite file to write.")]) -> None:
    """A consistent copy of the database, whichever it is, while runs go on writing."""
    from db.engine import open_catalogue
    from db.maintenance.backup import backup as back_up
    from tasks.named_files import require_output

    require_output(file, "FILE", database=True)
    made = back_up(open_catalogue(existing=True, writes=False), file.absolute())
    print(f"{made}: whole. Copy identity.key, models/, reports/, explanations/ and pixels/ beside it.")


def restore(file: Annotated[Path, typer.Argument(help="A file that `wrist db backup` wrote.")]) -> None:
    """Put a backup in the database's place; it is verified first, and the present one is kept."""
    from db.home import database_url, home
    from db.maintenance.backup import restore as put_back

    place = home()
    kept = put_back(file.absolute(), place, database_url(place))
    print(f"Restored {file}." + (f" What was there before: {kept}" if kept else ""))


def grant(
    writer: Annotated[str, typer.Option("--writer", help="The role that may add rows.")] = "wrist_writer",
    reader: Annotated[str, typer.Option("--reader", help="The role that may see the views.")] = "wrist_reader",
) -> None:
    """Print the SQL for two PostgreSQL roles: a writer that can't change rows, a reader of the views alone."""
    from sqlalchemy import make_url

    from db.engine import engine_of, schema_of
    from db.home import database_url, home, sqlite_file
    from db.maintenance.grants import grant_sql
    from wrist_model.errors import UsageError

    url = database_url()
    if sqlite_file(url) is not None:
        raise UsageError("SQLite has no roles: set the rights of the file. For roles set WRIST_DATABASE_URL.")
    print(grant_sql(str(make_url(url).database), writer, reader, schema_of(engine_of(home()))), end="")

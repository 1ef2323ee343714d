"""What the rows of a run tell of its counts: what a run that ends is stored with, and one that was killed."""

from __future__ import annotations

from sqlalchemy import Connection

from db.lookups import one


def ingest_counts(connection: Connection, run: int) -> dict[str, int | None]:
    """What the rows of an ingest tell of its counts, all that is known of one that was killed: files of which images
    were added, and files that were newly refused. None: nobody knows."""
    found = [  # of the rows since its beginning: there is no index
        one(
            connection,
            f"SELECT count(DISTINCT path) AS n FROM {table} WHERE ingest_run_id = :run AND id >= "
            "(SELECT min(a.first_row) FROM audit_entry a JOIN ingest_run r ON r.id = :run "
            "WHERE a.seq > r.entry AND a.table_name = :table)",
            run=run,
            table=table,
        ).n
        for table in ("image", "quarantined_file")
    ]
    unknown = dict.fromkeys(("n_unchanged", "n_changed", "n_filtered", "n_ignored"))
    return {"n_new": int(found[0]), **unknown, "n_quarantined": int(found[1])}


def evaluation_counts(connection: Connection, run: int) -> dict[str, int]:
    """How many predictions an evaluation stored."""
    return {
        f"n_{level}_predictions": int(
            one(connection, f"SELECT count(*) AS n FROM {level}_prediction WHERE evaluation_id = :run", run=run).n
        )
        for level in ("image", "study")
    }

"""What a source says of studies that are catalogued already: labels come late, and what stays as it was is counted."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine

from db import exclusions, labels
from db.engine import writing
from db.lookups import row_ids
from tasks.ingest_writer import Ledger
from wrist_model.intake.examine_file import Context
from wrist_model.records import Provenance
from wrist_model.sources.recognise_source import CONFLICTING


def take_statements(ledger: Ledger, context: Context) -> None:
    """Label catalogued studies that never had a label and that the source states one for now. Count what else it says
    otherwise, which is left alone: a person corrects labels (`wrist relabel`), and nobody's study moves."""
    engine, done = ledger.engine, ledger.done
    said = {context.key.study(context.source, raw): label for raw, label in ledger.stated.items()}
    doubts = {context.key.study(context.source, raw): why for raw, why in ledger.doubts.items()}
    named = {context.key.study(context.source, raw): label for raw, label in context.labels.items()}
    stated = {uid: label for uid, label in (said | named).items() if label is not None and label != CONFLICTING}
    if stated:
        stood = labels.only_labels(engine, stated)
        done.labelled_otherwise += sum(stated[uid] != label for uid, label in stood.items())
        done.labelled_later += _label_later(engine, stated, doubts if context.uncertain == "exclude" else {}, ledger.by)
    if said or doubts:
        done.named_otherwise += len(said.keys() | doubts.keys()) - len(exclusions.standing(engine, [*said, *doubts]))
    if doubts:
        done.doubted_otherwise += _doubted_otherwise(engine, doubts, context)


def _label_later(engine: Engine, stated: Mapping[str, int], doubts: Mapping[str, str], by: Provenance) -> int:
    """doubts: of the studies that are left out when they get their label."""
    if not labels.never_labelled(engine, stated):
        return 0
    with writing(engine) as connection:  # a person may label meanwhile
        never = labels.never_labelled(connection, stated)
        now = {uid: label for uid, label in stated.items() if uid in never}
        if now:
            labels.relabel(connection, now, "stated by the source after it was first catalogued", by)
            rows = row_ids(connection, "study", "study_uid", now.keys() & doubts.keys())
            exclusions.leave_out_studies(connection, {row: doubts[uid] for uid, row in rows.items()}, by)
    return len(now)


def _doubted_otherwise(engine: Engine, doubts: dict[str, str], context: Context) -> int:
    """How many doubted studies stand otherwise than new ones would: what was decided once stays."""
    stands = exclusions.standing(engine, doubts)
    if context.uncertain == "exclude":
        return sum(not one.decided for one in stands.values())
    if context.uncertain == "keep":
        return sum(one.reason == doubts[uid] for uid, one in stands.items())
    return sum(one.label is not None for one in stands.values())

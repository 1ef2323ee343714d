"""Plans that were stored before a hold-out was looked at, and the looks that have spent of their error.

A look is a decision of the gate under a plan, or a session in which test patients were scored by a model that had not
served: the latter where no decision took the session into account, as before there were plans. Models that serve or
served are scored as references, and replicates can never serve: neither tries a new hypothesis.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db import hold_outs, promotions
from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.hold_outs import internal, internal_test
from db.lookups import among, every, new_id, one, row_id
from db.patient_identity import persons
from db.schema.views import OF_REPLICATE
from wrist_model.errors import DataError
from wrist_model.evidence_records import Plan, PlanLook
from wrist_model.records import Provenance

_PLANS = (
    "SELECT plan_id, content_sha256, content, recipe_sha256, dataset_id, rule, looks_planned, looks_before, "
    "alpha_spent, budget_plan_id, new_patients_only, created_at FROM plans "
)
# Frozen versions that have internal test patients in common with one: `:dataset` is its row.
_RELATED = (
    "(SELECT DISTINCT t.dataset_version_id FROM dataset_patient t JOIN dataset_patient mine "
    "ON mine.patient_id = t.patient_id AND mine.dataset_version_id = :dataset "
    f"JOIN patient q ON q.id = t.patient_id WHERE {internal_test('q')})"
)
_LAST = 2**62  # after every entry of the chain
# Sessions that scored a version's internal test split, by rows h (holdout_look) and e (evaluation).
_LOOKED = f"holdout_look h JOIN evaluation e ON e.id = h.evaluation_id AND {internal('e')}"


def add_plan(
    engine: Catalogue,
    content: Mapping[str, Any],
    *,
    recipe_sha256: str,
    dataset_id: str,
    alpha_spent: float,
    budget: Plan | None,
    by: Provenance,
) -> Plan:
    """Write a plan. content: holds `rule`, `looks_planned`, `looks_before` and `hold_out.new_patients_only`.

    budget: the plan whose budget it goes on with, None: it begins one. Raises DataError where this recipe has a plan on
    this version: it is fixed.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    with writing(engine) as connection:
        if plan_of(connection, recipe_sha256, dataset_id) is not None:
            raise DataError(f"Recipe {recipe_sha256[:12]} has a plan on {dataset_id} already: it is fixed.")
        row = {
            "plan_id": new_id("pl"),
            "content_sha256": hashlib.sha256(text.encode()).hexdigest(),
            "content": text,
            "recipe_id": row_id(connection, "recipe", "recipe_sha256", recipe_sha256),
            "dataset_version_id": row_id(connection, "dataset_version", "dataset_id", dataset_id),
            "rule": content["rule"],
            "looks_planned": content["looks_planned"],
            "looks_before": content["looks_before"],
            "alpha_spent": alpha_spent,
            "begins_id": row_id(connection, "plan", "plan_id", budget.plan_id) if budget else None,
            "new_patients_only": int(content["hold_out"]["new_patients_only"]),
        }
        append(connection, "plan", [row], by)
        return plan(connection, str(row["plan_id"]))


def plan(engine: Catalogue, plan_id: str) -> Plan:
    """One plan. Raises DataError when there is none of that id."""
    found = _plans(engine, "WHERE plan_id = :id", id=plan_id)
    if not found:
        raise DataError(f'No plan {plan_id!r} in the catalogue: `wrist sql "select plan_id from plans"` lists them.')
    return found[0]


def plan_of(engine: Catalogue, recipe_sha256: str, dataset_id: str) -> Plan | None:
    """The plan of a recipe on a frozen version, or None."""
    where = "WHERE recipe_sha256 = :recipe AND dataset_id = :dataset"
    return next(iter(_plans(engine, where, recipe=recipe_sha256, dataset=dataset_id)), None)


def newest_plan(engine: Catalogue, dataset_id: str) -> Plan | None:
    """The plan that was stored last on a frozen version, or None."""
    return next(reversed(_plans(engine, "WHERE dataset_id = :dataset", dataset=dataset_id)), None)


def budget_plan(engine: Catalogue, dataset_id: str) -> Plan | None:
    """The plan that began the budget of a version's test patients: of the newest plan by the score rule on a version
    that has test patients in common with it. None where no plan did."""
    with reading(engine) as connection:
        dataset = row_id(connection, "dataset_version", "dataset_id", dataset_id)
        row = one(
            connection,
            "SELECT b.plan_id FROM plan p JOIN plan b ON b.id = coalesce(p.begins_id, p.id) "
            f"WHERE p.rule = 'score' AND p.dataset_version_id IN {_RELATED} ORDER BY p.id DESC LIMIT 1",
            dataset=dataset,
        )
        return plan(connection, row.plan_id) if row else None


def looks(
    engine: Catalogue, dataset_id: str, budget: Plan | None, evaluation_ids: Sequence[str] = ()
) -> tuple[bool, ...]:
    """Of each look at a version's test patients, in the order in which they scored them, whether it promoted.

    budget: the plan that began the budget; where that is of new patients alone, only looks since then count.
    evaluation_ids: those of the look that is being made: only what came before it counts, so that two that were scored
    before either was decided have two numbers. What was decided before and is compared again comes last.
    """
    with reading(engine) as connection:
        values = {"dataset": row_id(connection, "dataset_version", "dataset_id", dataset_id), "after": 0}
        if budget is not None and budget.new_patients_only:
            values["after"] = _entry(connection, budget)
        decided = every(
            connection,
            "SELECT k.entry, k.evaluation_ids, o.decision FROM plan_look k JOIN plan p ON p.id = k.plan_id "
            f"JOIN promotion o ON o.id = k.promotion_id WHERE p.rule = 'score' AND k.entry > :after "
            f"AND p.dataset_version_id IN {_RELATED} ORDER BY k.id",
            **values,
        )
        sessions = every(
            connection,
            f"SELECT h.session, min(h.entry) AS entry FROM {_LOOKED} JOIN model_version m ON m.id = e.model_version_id "
            f"AND NOT {OF_REPLICATE.format(model='m')} "
            f"WHERE h.entry > :after AND h.dataset_version_id IN {_RELATED} AND NOT EXISTS (SELECT 1 FROM promotion o "
            "WHERE o.model_version_id = e.model_version_id AND o.entry < h.entry "
            "AND o.decision IN ('promoted', 'rolled_back')) GROUP BY h.session",
            **values,
        )
        taken = [*evaluation_ids, *(one_ for row in decided for one_ in json.loads(row.evaluation_ids))]
        scored = among(
            connection,
            f"SELECT h.session, e.evaluation_id, h.entry FROM {_LOOKED} WHERE e.evaluation_id IN :values",
            taken,
        )
    told, before = {row.session for row in scored}, set[str]()
    first: dict[str, int] = {}
    for row in scored:
        first[row.evaluation_id] = min(row.entry, first.get(row.evaluation_id, row.entry))

    def place(ids: Sequence[str], otherwise: int) -> int:
        """Where a look stands: when it scored, or, where it was decided before, at the decision."""
        new = before.isdisjoint(ids) and any(one_ in first for one_ in ids)
        before.update(ids)
        return min(first[one_] for one_ in ids if one_ in first) if new else otherwise

    found = [(place(json.loads(row.evaluation_ids), row.entry), row.decision == "promoted") for row in decided]
    found += [(row.entry, False) for row in sessions if row.session not in told]
    now = place(evaluation_ids, _LAST)
    return tuple(promoted for entry, promoted in sorted(found) if entry < now)


def add_look(
    engine: Catalogue,
    plan_id: str,
    promotion_id: str,
    *,
    look: int,
    alpha: float,
    evaluation_ids: Sequence[str],
    compared: Mapping[str, Sequence[int]],
    by: Provenance,
) -> None:
    """Write that the gate decided under a plan. look: its number, from 1; alpha: the error of its limits, 0 where none
    was left; compared: reference → positive and negative patients in common."""
    with writing(engine) as connection:
        row = {
            "plan_id": row_id(connection, "plan", "plan_id", plan_id),
            "promotion_id": row_id(connection, "promotion", "promotion_id", promotion_id),
            "look": look,
            "alpha": alpha,
            "evaluation_ids": json.dumps(list(evaluation_ids)),
            "compared": json.dumps({name: list(counts) for name, counts in compared.items()}, sort_keys=True),
        }
        append(connection, "plan_look", [row], by)


def look_of(engine: Catalogue, model_version_id: str) -> PlanLook | None:
    """The last look that decided about a model version under a plan, or None."""
    with reading(engine) as connection:
        row = one(
            connection,
            "SELECT plan_id, promotion_id, model_version_id, decision, look, alpha, created_at FROM plan_looks "
            "WHERE model_version_id = :model ORDER BY seq DESC LIMIT 1",
            model=model_version_id,
        )
    return PlanLook(*row) if row else None


def looked_at_before(engine: Catalogue, found: Plan | None) -> set[str]:
    """The patients, by key, whose test studies had been scored when a plan was stored (None: by now), or those of
    another patient of the same person."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT DISTINCT q.id FROM dataset_patient t JOIN patient q ON q.id = t.patient_id "
            f"WHERE {internal_test('q')} AND t.dataset_version_id IN "
            f"(SELECT h.dataset_version_id FROM {_LOOKED} WHERE h.entry < :entry)",
            entry=_entry(connection, found) if found else _LAST,
        )
        person, seen = persons(connection), {row.id for row in rows}
        people = {person[patient] for patient in seen if patient in person}
        seen |= {patient for patient, lowest in person.items() if lowest in people}
        keys = among(connection, "SELECT patient_key FROM patient WHERE id IN :values", seen)
    return {row.patient_key for row in keys}


@dataclass(frozen=True)
class Comparable:
    """Test patients that a look compares on. positives, negatives: with a study of that class; learnt: how many were
    left out, since a model that is compared has learnt from them."""

    positives: int
    negatives: int
    learnt: int


def comparable_patients(
    engine: Catalogue, dataset_id: str, *, budget: Plan | None = None, unseen: bool = False
) -> Comparable:
    """The internal test patients of a version on whom a model that is trained on it will be compared with those that
    serve or served now: by the reference that leaves the fewest, as it has learnt from the most.

    budget: the plan that began the budget; where that is of new patients alone, without those looked at before it.
    unseen: of those alone whose test studies nobody has scored yet.
    """
    with reading(engine) as connection:
        own = hold_outs.known_to_version(connection, dataset_id)
        models = promotions.references(connection)
        known = hold_outs.known_patients(connection, models, dataset_id) if models else {"": frozenset()}
        seen: set[str] = set()
        if unseen or (budget is not None and budget.new_patients_only):
            seen = looked_at_before(connection, None if unseen else budget)
        rows = every(
            connection,
            "SELECT DISTINCT m.label, p.patient_key FROM dataset_member m JOIN patient p ON p.id = m.patient_id "
            f"WHERE m.dataset_version_id = :dataset AND {internal_test('m')} AND m.included = 1",
            dataset=row_id(connection, "dataset_version", "dataset_id", dataset_id),
        )
    held = [row for row in rows if row.patient_key not in seen]
    left = [[row for row in held if row.patient_key not in own | learnt] for learnt in known.values()]
    counts = {label: min(sum(row.label == label for row in rows) for rows in left) for label in (1, 0)}
    everybody = len({row.patient_key for row in held})
    return Comparable(counts[1], counts[0], everybody - min(len({row.patient_key for row in rows}) for rows in left))


def _entry(connection: Connection, found: Plan) -> int:
    return int(one(connection, "SELECT entry FROM plan WHERE plan_id = :id", id=found.plan_id).entry)


def _plans(engine: Catalogue, where: str, **values: Any) -> list[Plan]:
    with reading(engine) as connection:
        rows = every(connection, f"{_PLANS}{where} ORDER BY seq", **values)
    return [Plan(*(*row[:10], bool(row[10]), row[11])) for row in rows]

"""An independent verifier of a catalogue's figures: one file, the standard library, no code shared with the project.

`python benchmarks/recheck.py catalogue.sqlite` (a home's file, or one that `wrist db backup` wrote) derives from the
stored image scores upwards: study scores, calibration, thresholds, decisions, counts, metrics, comparisons and what the
gate decided; intervals are compared with its own resampling, with room for its Monte Carlo error and for the other
method. It prints the first difference and exits 1, or says what it derived. The hash chain is `wrist verify`'s.

What it can't find, since the file doesn't hold it: a picture that was exchanged, or a label that was wrong, before the
catalogue saw it; a network whose weights saw test pictures elsewhere; a training that was done and never catalogued; a
whole session removed with all of its rows and a chain made anew (an anchor kept elsewhere finds that).
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from statistics import NormalDist
from typing import Any

NEAR, CLIP, RESAMPLES = 1e-6, 1e-7, 200
Found = Iterator[str]


def problems(con: sqlite3.Connection) -> Found:
    """Each difference as a sentence, from the bottom up."""
    con.row_factory = sqlite3.Row
    yield from hashes(con)
    yield from splits(con)
    yield from trainings(con)
    runs = con.execute("SELECT * FROM evaluations WHERE purpose = 'evaluation' AND status = 'finished'").fetchall()
    for run in runs:
        yield from evaluation(con, run, False)
    yield from gate(con)
    for run in runs:  # the slow part
        yield from evaluation(con, run, True)


def hashes(con: sqlite3.Connection) -> Found:
    for table, column in (("recipes_used", "recipe_sha256"), ("plans", "content_sha256")):
        for row in con.execute(f"SELECT content, {column} AS said FROM {table}"):
            if sha256(row["content"]) != row["said"]:
                yield f"{table}: {row['said'][:12]} is not the hash of its content"
    for version in con.execute("SELECT * FROM dataset_versions").fetchall():
        digest = hashlib.sha256(f"label version {version['label_version']}\n".encode())
        for m in con.execute(
            "SELECT m.image_uid, i.pixel_sha256, m.study_uid, m.patient_key, m.split, m.label, m.included, "
            f"m.excluded_reason, {external(con, 'm')} FROM dataset_members m JOIN images i USING (image_uid) "
            "WHERE m.dataset_id = ? ORDER BY m.image_uid",
            (version["dataset_id"],),
        ):
            line = list(m) if m["hold_out"] is not None else list(m)[:-1]
            digest.update(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        if digest.hexdigest() != version["manifest_sha256"]:
            yield f"{version['dataset_id']}: its members are not those that its manifest's hash is of"


def external(con: sqlite3.Connection, row: str) -> str:
    """A row's external set; of a catalogue before schema 0006 there are none."""
    known = {column["name"] for column in con.execute("PRAGMA table_info(dataset_members)")}
    return f"{row}.hold_out" if "hold_out" in known else "NULL AS hold_out"


def splits(con: sqlite3.Connection) -> Found:
    for column in ("m.patient_key", "i.pixel_sha256"):
        for row in con.execute(
            f"SELECT m.dataset_id, {column} AS what FROM dataset_members m JOIN images i ON i.image_uid = m.image_uid "
            "WHERE m.included = 1 GROUP BY 1, 2 HAVING count(DISTINCT m.split) > 1"
        ):
            yield f"{row['dataset_id']}: {row['what'][:16]} stands in two splits"


def trainings(con: sqlite3.Connection) -> Found:
    known = {column["name"] for column in con.execute("PRAGMA table_info(training_runs)")}
    number = "t.replicate" if "replicate" in known else "NULL AS replicate"  # before schema 0008 there are none
    others = set()
    for row in con.execute(
        f"SELECT t.training_run_id, t.seed, {number}, r.content FROM training_runs t "
        "JOIN recipes_used r ON r.recipe_sha256 = t.recipe_sha256"
    ):
        first = json.loads(row["content"]).get("training", {}).get("seed", row["seed"])
        named = first
        if row["replicate"] is not None:
            others.add(row["training_run_id"])
            named = int(sha256(f"replicate {row['replicate']} of seed {first}")[:8], 16) % 2**31
        if row["seed"] != named:
            yield f"{row['training_run_id']}: trained with seed {row['seed']}; its recipe names {named}"
    models = {row["model_version_id"]: row for row in con.execute("SELECT * FROM model_versions")}
    for row in con.execute("SELECT promotion_id, model_version_id FROM promotions"):
        inside = (models[row["model_version_id"]]["members"] or row["model_version_id"]).split(",")
        if any(models[one]["training_run_id"] in others for one in inside):
            yield f"{row['promotion_id']}: it is about {row['model_version_id']}, a replicate, which can't serve"


def evaluation(con: sqlite3.Connection, run: sqlite3.Row, intervals: bool) -> Found:
    name, content = run["evaluation_id"], {}
    for row in con.execute("SELECT content FROM recipes_used WHERE recipe_sha256 = ?", (run["recipe_sha256"],)):
        content = json.loads(row["content"]).get("evaluation", {})
    points = {
        (p["level"], p["name"]): p
        for p in con.execute("SELECT * FROM operating_points WHERE model_version_id = ?", (run["model_version_id"],))
    }
    rows: dict[str, list[sqlite3.Row]] = {}
    for level in ("image", "study"):
        sql = f"SELECT * FROM {level}_predictions WHERE evaluation_id = ? ORDER BY {level}_uid"
        rows[level] = con.execute(sql, (name,)).fetchall()
        if not intervals:
            yield from members(con, run, level, rows[level])
            for row in rows[level]:
                yield from one_row(name, level, row, points)
    if not intervals:
        yield from means(name, rows)
        yield from thresholds(name, rows, points, content)
        yield from before_test(con, run)
    for level in ("study", "image"):
        for split in ("validation", "test"):
            held = [row for row in rows[level] if row["split"] == split]
            if not intervals:
                yield from metrics(con, run, level, split, held, points, content)
            elif (level, split) == ("study", "test"):
                yield from limits(con, run, held)


def of_set(run: sqlite3.Row) -> str | None:
    """The external set that was scored; None: validation and the internal test split."""
    return run["hold_out"] if "hold_out" in run.keys() else None  # noqa: SIM118 (a row, not a dict)


def members(con: sqlite3.Connection, run: sqlite3.Row, level: str, rows: list[sqlite3.Row]) -> Found:
    """What was scored is what the frozen version holds of the set: nobody dropped, moved, doubled or relabelled."""
    wanted = {
        m["uid"]: (m["split"], m["label"], m["patient_key"])
        for m in con.execute(
            f"SELECT {level}_uid AS uid, split, label, patient_key, {external(con, 'm')} FROM dataset_members m "
            "WHERE dataset_id = ? AND included = 1 AND split IN ('validation', 'test')",
            (run["dataset_id"],),
        )
        if m["hold_out"] == of_set(run)
    }
    seen = {row[f"{level}_uid"]: (row["split"], row["label"], row["patient_key"]) for row in rows}
    for uid in sorted(wanted.keys() | seen.keys()):
        if wanted.get(uid) != seen.get(uid):
            yield f"{run['evaluation_id']}: {level} {uid} was scored as {seen.get(uid)}; frozen is {wanted.get(uid)}"


def one_row(name: str, level: str, row: sqlite3.Row, points: dict[Any, sqlite3.Row]) -> Found:
    point, uid = points.get((level, row["operating_point"])), row[f"{level}_uid"]
    if point is None or not point["serving"]:
        yield f"{name}: {level} {uid} was decided at {row['operating_point']}, which doesn't serve"
        return
    if row["logit"] is not None and not near(expit(row["logit"]), row["raw_probability"]):
        yield f"{name}: {level} {uid}: its logit is not that of its raw probability"
    p = expit(point["slope"] * logit(row) + point["intercept"])
    if not near(p, row["probability"]):
        yield f"{name}: {level} {uid} has probability {row['probability']}; its raw score gives {p}"
    called = int(row["probability"] >= point["threshold"])
    if called != row["predicted_label"] or row["threshold"] != point["threshold"]:
        yield f"{name}: {level} {uid} is called {row['predicted_label']}; at {point['threshold']} it is {called}"


def means(name: str, rows: dict[str, list[sqlite3.Row]]) -> Found:
    of_study = defaultdict(list)
    for row in rows["image"]:
        of_study[row["study_uid"]].append(row["raw_probability"])
    for row in rows["study"]:
        raw = of_study[row["study_uid"]]
        if not raw or row["n_images"] != len(raw) or not near(sum(raw) / len(raw), row["raw_probability"]):
            yield f"{name}: study {row['study_uid']}: its score is not the mean of its images'"


def thresholds(name: str, rows: dict[str, list[sqlite3.Row]], points: dict[Any, sqlite3.Row], recipe: Any) -> Found:
    """Slope, intercept and thresholds follow from validation alone; another version's points were fixed earlier."""
    for level in ("image", "study"):
        held = [row for row in rows[level] if row["split"] == "validation"]
        x, y = [logit(row) for row in held], [row["label"] for row in held]
        own = [point for (at, _), point in points.items() if at == level]
        if not own or len(set(y)) < 2:
            continue
        fitted = slope_and_intercept(x, y)
        if fitted and any(
            abs(a - b) > 1e-3 * max(1, abs(a))
            for a, b in zip(fitted, (own[0]["slope"], own[0]["intercept"]), strict=True)
        ):
            yield f"{name}: {level}s are calibrated by slope {own[0]['slope']}; validation gives {fitted}"
        p = [expit(own[0]["slope"] * one + own[0]["intercept"]) for one in x]
        for point in own:
            wanted = youden(p, y) if point["name"] == "youden" else None
            if point["name"] == "sensitivity":
                wanted = reaching(p, y, point["target"], recipe.get("rules") == "second")
            if wanted is not None and not near(wanted, point["threshold"]):
                yield f"{name}: {level} threshold {point['name']} is {point['threshold']}; validation gives {wanted}"
            if point["serving"] != (point["name"] == recipe.get("serving", point["name"])):
                yield f"{name}: {point['name']} serves {point['serving']}; the recipe names {recipe.get('serving')}"


def before_test(con: sqlite3.Connection, run: sqlite3.Row) -> Found:
    """Points before test predictions, and a look for them."""
    first = test_scored_at(con, run["evaluation_id"])
    late = con.execute(
        "SELECT max(o.entry) AS seq FROM operating_point o JOIN model_version m ON m.id = o.model_version_id "
        "WHERE m.model_version_id = ?",
        (run["model_version_id"],),
    ).fetchone()["seq"]
    if first is not None and late is not None and late > first:
        yield f"{run['evaluation_id']}: its thresholds were fixed after test was scored"
    looks = con.execute("SELECT count(*) AS n FROM holdout_looks WHERE evaluation_id = ?", (run["evaluation_id"],))
    if first is not None and not looks.fetchone()["n"]:
        yield f"{run['evaluation_id']}: test was scored, and no look is written"


def test_scored_at(con: sqlite3.Connection, evaluation: str) -> int | None:
    """The first entry of the chain that holds a test prediction of an evaluation."""
    sql = (
        "SELECT min(p.entry) AS seq FROM study_prediction p JOIN evaluation e ON e.id = p.evaluation_id "
        "WHERE e.evaluation_id = ? AND p.split = 'test'"
    )
    return con.execute(sql, (evaluation,)).fetchone()["seq"]


def metrics(
    con: sqlite3.Connection, run: sqlite3.Row, level: str, split: str, rows: Any, points: Any, recipe: Any
) -> Found:
    """Every metric of all studies or images that this file can derive: value, counts, and its interval's place."""
    stored = con.execute(
        "SELECT * FROM evaluation_metrics WHERE evaluation_id = ? AND level = ? AND split = ? AND subgroup = 'all'",
        (run["evaluation_id"], level, split),
    ).fetchall()
    y, p = [row["label"] for row in rows], [row["probability"] for row in rows]
    keys = [row["patient_key"] for row in rows]
    for one in stored:
        where = f"{run['evaluation_id']}: {one['metric']} of {split} {level}s ({one['operating_point'] or 'no point'})"
        point = points.get((level, one["operating_point"]))
        threshold = point["threshold"] if point else None
        if one["threshold"] != threshold:
            yield f"{where}: its threshold is {one['threshold']}; locked is {threshold}"
            continue
        counted = (len({row["study_uid"] for row in rows}), len(set(keys)))
        if (one["n_studies"], one["n_patients"]) != counted:
            yield f"{where}: of {one['n_studies']} studies, {one['n_patients']} patients; stored are {counted}"
        if one["bootstrap_seed"] is not None and one["bootstrap_seed"] != recipe.get("bootstrap_seed"):
            yield f"{where}: resampled with seed {one['bootstrap_seed']}; the recipe names another"
        if threshold is not None:
            cells = confusion(y, p, threshold)
            if cells != (one["tp"], one["fp"], one["tn"], one["fn"]):
                yield f"{where}: counts are stored otherwise than {cells} (tp, fp, tn, fn)"
        value = measured(one["metric"], y, p, threshold)
        if value is NotImplemented:
            continue
        if (value is None) != (one["value"] is None) or (value is not None and not near(value, one["value"])):
            yield f"{where} is stored as {one['value']}; the predictions give {value}"


def limits(con: sqlite3.Connection, run: sqlite3.Row, rows: Any) -> Found:
    """The intervals of the test studies' metrics."""
    y, p, keys = ([row[name] for row in rows] for name in ("label", "probability", "patient_key"))
    for one in con.execute(
        "SELECT * FROM evaluation_metrics WHERE evaluation_id = ? AND level = 'study' AND split = 'test' "
        "AND subgroup = 'all' AND ci_low IS NOT NULL AND metric <> 'ece'",
        (run["evaluation_id"],),
    ).fetchall():
        if measured(one["metric"], y, p, one["threshold"]) is not NotImplemented:
            where = f"{run['evaluation_id']}: {one['metric']} ({one['operating_point'] or 'no point'})"
            yield from interval(where, one, y, p, keys, one["threshold"])


def interval(where: str, one: sqlite3.Row, y: list[int], p: list[float], keys: list[str], threshold: Any) -> Found:
    """Its own percentile interval over patients: the stored one holds the value, is not far, nor much narrower."""
    groups = defaultdict(list)
    for place, key in enumerate(keys):
        groups[key].append(place)
    patients, rng, drawn = sorted(groups), random.Random(one["metric"]), []
    for _ in range(RESAMPLES):
        places = [place for _ in patients for place in groups[rng.choice(patients)]]
        value = measured(one["metric"], [y[i] for i in places], [p[i] for i in places], threshold)
        if value is not None:
            drawn.append(value)
    if len(drawn) < RESAMPLES / 2 or max(drawn) - min(drawn) < NEAR:  # on the boundary every resample says the same
        return
    drawn.sort()
    low, high = drawn[int(0.025 * len(drawn))], drawn[int(0.975 * len(drawn)) - 1]
    width, stored = high - low, one["ci_high"] - one["ci_low"]
    few = len(patients) < 30 or not 0.05 < one["value"] < 0.95
    room = width + 0.02 + (4 / len(patients) if few else 0.0)  # resamples hardly know errors so rare
    if not one["ci_low"] - NEAR <= one["value"] <= one["ci_high"] + NEAR:
        yield f"{where}: its interval {one['ci_low']} to {one['ci_high']} doesn't hold its value {one['value']}"
    elif stored < 0.6 * width or max(abs(one["ci_low"] - low), abs(one["ci_high"] - high)) > room:
        yield f"{where}: its interval {one['ci_low']} to {one['ci_high']}; resampling gives {low:.4f} to {high:.4f}"


def gate(con: sqlite3.Connection) -> Found:
    """Plans before looks, margins of their recipes, error that adds up, limits and decisions that follow."""
    history: dict[str, dict[int, bool]] = defaultdict(dict)
    for plan in con.execute("SELECT p.*, r.content AS recipe FROM plans p JOIN recipes_used r USING (recipe_sha256)"):
        said, named = json.loads(plan["content"]), json.loads(plan["recipe"]).get("gate", {})
        for kind in ("margin", "floor"):
            for one, value in said[f"{kind}s"].items():
                if (wanted := named.get(f"{kind}_{one}", value)) != value:
                    yield f"{plan['plan_id']}: {kind} of {one} {value}; its recipe says {wanted}"
        if said["looks_planned"] != plan["looks_planned"] or said["looks_before"] != plan["looks_before"]:
            yield f"{plan['plan_id']}: its looks are not those of its content"
        if plan["budget_plan_id"] == plan["plan_id"] and plan["rule"] == "score":
            history[plan["plan_id"]] = dict.fromkeys(range(1, plan["looks_before"] + 1), False)
    for look in con.execute(
        "SELECT k.*, p.content, p.budget_plan_id, p.seq AS planned_at, b.looks_planned AS of_budget, "
        "b.seq AS begun_at, b.new_patients_only, o.comparison_ids FROM plan_looks k JOIN plans p USING (plan_id) "
        "JOIN plans b ON b.plan_id = p.budget_plan_id JOIN promotions o USING (promotion_id) ORDER BY k.seq"
    ).fetchall():
        where, done = f"look {look['look']} of {look['plan_id']}", history[look["budget_plan_id"]]
        for uid in json.loads(look["evaluation_ids"]):
            seen = test_scored_at(con, uid)
            if look["look"] == 1 and seen is not None and seen < look["planned_at"]:
                yield f"{where}: {uid} had scored test before the plan was stored"
        if look["look"] in done:
            yield f"{where}: another look has its number"
        alpha = next_alpha([done.get(one, False) for one in range(1, look["look"])], look["of_budget"])
        if not near(alpha, look["alpha"]):
            yield f"{where} spends {look['alpha']}; of the error {alpha} is left for it"
        done[look["look"]] = look["decision"] == "promoted"
        yield from decision(con, look, where, alpha or 0.05 / look["of_budget"], past=alpha == 0)
    looked = {row["promotion_id"] for row in con.execute("SELECT promotion_id FROM plan_looks")}
    for row in con.execute("SELECT promotion_id, reason FROM promotions WHERE decision = 'promoted'").fetchall():
        if "lower limit" in row["reason"] + " [" and "(look " in row["reason"] and row["promotion_id"] not in looked:
            yield f"{row['promotion_id']}: it was decided at a look that is not written"


def decision(con: sqlite3.Connection, look: sqlite3.Row, where: str, alpha: float, past: bool) -> Found:
    said, passed, refused = json.loads(look["content"]), True, False
    dataset, model, seq = said["hold_out"]["dataset_id"], look["model_version_id"], look["seq"]
    ours = test_rows(con, model, dataset)
    served = {row["architecture"] for row in ours.values()}
    if said["serves"] not in served and len(json.loads(look["evaluation_ids"])) > 1:
        yield f"{where}: it decided about {served}; the plan names {said['serves']}"
    left_out = learnt(con, model, dataset, seq) | seen_before(con, look)
    ids = (look["comparison_ids"] or "").split(",") if look["comparison_ids"] else []
    for uid in ids:
        one = con.execute("SELECT * FROM comparisons WHERE comparison_id = ?", (uid,)).fetchone()
        theirs, out = test_rows(con, one["reference"], dataset), left_out | learnt(con, one["reference"], dataset, seq)
        shared = sorted(s for s in ours.keys() & theirs.keys() if ours[s]["patient_key"] not in out)
        a, b = [ours[s] for s in shared], [theirs[s] for s in shared]
        people = [len({row["patient_key"] for row in a if label in (None, row["label"])}) for label in (None, 1, 0)]
        told = f"{where}: {one['metric']} against {one['reference']}"
        if people[0] != one["n_patients"]:
            yield f"{told} rests on {one['n_patients']} patients; neither model has learnt from {people[0]}"
        label = int(one["metric"] == "sensitivity")
        calls = [[row["predicted_label"] == label for row in rows if row["label"] == label] for rows in (a, b)]
        if one["metric"] == "roc_auc":
            gap = auc([r["label"] for r in a], [r["probability"] for r in a])
            other = auc([r["label"] for r in b], [r["probability"] for r in b])
            if gap is not None and other is not None and not near(gap - other, one["difference"]):
                yield f"{told} differs by {one['difference']}; the predictions give {gap - other}"
            if one["ci_low"] is not None and not one["ci_low"] <= one["difference"] <= one["ci_high"]:
                yield f"{told}: its limits {one['ci_low']}, {one['ci_high']} don't hold {one['difference']}"
        elif calls[0] and people[0] == len(a):
            only = [sum(x > z for x, z in zip(*pair, strict=True)) for pair in (calls, calls[::-1])]
            low, high = tango(only[0], only[1], len(calls[0]), alpha)
            if not (near(low, one["ci_low"]) and near(high, one["ci_high"])):
                yield f"{told}: {one['ci_low']} to {one['ci_high']}; Tango's limits are {low}, {high}"
        margin = said["margins"][one["metric"]]
        few = min(people[1:]) < (said["fewest_of_a_class"] or 0)
        passed &= one["ci_low"] is not None and one["ci_low"] > -margin and not few
        refused |= one["ci_high"] is not None and one["ci_high"] < -margin and not few
    wanted = "refused" if refused else "promoted" if passed and not past and not said["asks_a_person"] else "undecided"
    if ids and wanted != look["decision"] and not (look["decision"] == "undecided" and wanted == "promoted"):
        yield f"{where}: it is stored as {look['decision']}; its limits and margins say {wanted}"
    if not ids and look["decision"] == "promoted":
        yield from floors(where, [row for row in ours.values() if row["patient_key"] not in left_out], said, alpha)


def floors(where: str, rows: list[sqlite3.Row], said: Any, alpha: float) -> Found:
    """A first model that was promoted: its values, and for patients with one study Wilson's lower limits."""
    y, p = [row["label"] for row in rows], [row["probability"] for row in rows]
    people = {label: len({row["patient_key"] for row in rows if row["label"] == label}) for label in (1, 0)}
    found, z = {"roc_auc": auc(y, p) or 0.0}, NormalDist().inv_cdf(1 - alpha)
    for name, label in (("sensitivity", 1), ("specificity", 0)):
        n, right = sum(b == label for b in y), sum(r["predicted_label"] == label == r["label"] for r in rows)
        share = right / n if n else 0.0
        if n and n == people[label]:
            spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
            share = (share + z * z / (2 * n) - spread) / (1 + z * z / n)
        found[name] = share
    few = min(people.values()) < (said["fewest_of_a_class"] or 0)
    if few or any(found[name] < floor - NEAR for name, floor in said["floors"].items()):
        yield f"{where}: a first model was promoted; {people} patients, {found}, floors {said['floors']}"


@lru_cache
def persons(con: sqlite3.Connection, before: int) -> dict[int, int]:
    """Patient row → one row for all of the same person, as was known at an entry of the chain; without the others."""
    same: dict[int, int] = {}
    for a, b in con.execute(
        "SELECT patient_a_id, patient_b_id FROM patient_merge WHERE entry < ?1 UNION ALL SELECT p.id, x.patient_id "
        "FROM patient p JOIN patient_pseudonym x ON x.pseudonym = p.patient_key WHERE x.entry < ?1", (before,),
    ).fetchall():  # fmt: skip
        one, other = same.setdefault(a, a), same.setdefault(b, b)
        same = {patient: one if person == other else person for patient, person in same.items()}
    return same


@lru_cache
def learnt(con: sqlite3.Connection, model: str, dataset: str, before: int) -> set[str]:
    """A version's internal test patients whom a model or a member of it has learnt from, as was known at an entry: the
    same person, equal pixels, a confirmed copy; and every patient of theirs."""
    row = con.execute("SELECT * FROM model_versions WHERE model_version_id = ?", (model,)).fetchone()
    sql = "SELECT v.model_version_id, t.dataset_id FROM model_versions v JOIN training_runs t USING (training_run_id)"
    versions = {version for one, version in con.execute(sql) if one in (row["members"] or model).split(",")}
    held = con.execute(
        f"SELECT i.*, m.dataset_id, m.patient_key, m.split, {external(con, 'm')} FROM dataset_members m "
        f"JOIN image i USING (image_uid) WHERE m.included = 1 AND m.dataset_id IN (?{', ?' * len(versions)})",
        (dataset, *versions),
    ).fetchall()
    seen = [one for one in held if one["dataset_id"] in versions and one["split"] != "test"]
    tested = [one for one in held if one["dataset_id"] == dataset and one["split"] == "test" and of_set(one) is None]
    pairs = con.execute(
        "SELECT image_a_id, image_b_id FROM near_duplicate WHERE confirmed = 1 AND entry < ?", (before,)
    )
    images, pixels, same = {one["id"] for one in seen}, {one["pixel_sha256"] for one in seen}, persons(con, before)
    copies = {a for pair in pairs.fetchall() for a, b in (tuple(pair), tuple(pair)[::-1]) if b in images}
    known = [*seen, *(one for one in tested if one["id"] in copies or one["pixel_sha256"] in pixels)]
    people = {same.get(one["patient_id"], one["patient_id"]) for one in known}
    return {one["patient_key"] for one in tested if same.get(one["patient_id"], one["patient_id"]) in people}


def seen_before(con: sqlite3.Connection, look: sqlite3.Row) -> set[str]:
    """Under a budget of new patients alone: those, and theirs, whose test studies had been scored before it began."""
    rows = con.execute(
        f"SELECT DISTINCT t.patient_id, {external(con, 'e')} FROM dataset_patient t JOIN holdout_look h "
        "ON h.dataset_version_id = t.dataset_version_id JOIN evaluation e ON e.id = h.evaluation_id "
        "WHERE t.split = 'test' AND h.entry < ?", (look["begun_at"] if look["new_patients_only"] else 0,),
    ).fetchall()  # fmt: skip
    same = persons(con, look["seq"])
    people = {same.get(one["patient_id"], one["patient_id"]) for one in rows if of_set(one) is None}
    every = con.execute("SELECT id, patient_key FROM patient").fetchall()
    return {one["patient_key"] for one in every if same.get(one["id"], one["id"]) in people}


def test_rows(con: sqlite3.Connection, model: str, dataset: str) -> dict[str, sqlite3.Row]:
    sql = "SELECT * FROM study_predictions WHERE model_version_id = ? AND dataset_id = ? AND split = 'test'"
    return {row["study_uid"]: row for row in con.execute(sql, (model, dataset)).fetchall() if of_set(row) is None}


def next_alpha(done: list[bool], planned: int) -> float:
    """Equal shares of 5%; a look that promotes hands its own on (fallback), any other has spent it."""
    share, carried = 0.05 / planned, 0.0
    for promoted in done[:planned]:
        carried = share + carried if promoted else 0.0
    return 0.0 if len(done) >= planned else share + carried


def tango(b: float, c: float, n: float, alpha: float) -> tuple[float, float]:
    z = NormalDist().inv_cdf(1 - alpha)

    def statistic(delta: float) -> float:
        two = 2 * n
        mid = -b - c + (two - b + c) * delta
        last = -c * delta * (1 - delta)
        q = (math.sqrt(max(0.0, mid * mid - 4 * two * last)) - mid) / (2 * two)
        spread, gap = n * (2 * q + delta * (1 - delta)), b - c - n * delta
        far = math.copysign(math.inf, gap) if spread <= 0 else gap / math.sqrt(spread)
        return 0.0 if abs(gap) <= 1e-12 * n else far

    ends = []
    for end, sign in ((-1.0, 1), (1.0, -1)):
        inside, outside = (b - c) / n, end
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if sign * statistic(middle) <= z else (inside, middle)
        ends.append((inside + outside) / 2)
    return ends[0], ends[1]


def slope_and_intercept(x: list[float], y: list[int]) -> tuple[float, float] | None:
    """Maximum likelihood by Newton's steps; Platt's targets where the classes are apart; None where x is constant or
    the slope had to be held."""
    if max(x) - min(x) < 1e-9:
        return None
    n1, n0 = sum(y), len(y) - sum(y)
    ones, zeros = [a for a, b in zip(x, y, strict=True) if b], [a for a, b in zip(x, y, strict=True) if not b]
    apart = min(ones) >= max(zeros) or max(ones) <= min(zeros)
    targets = [((n1 + 1) / (n1 + 2) if b else 1 / (n0 + 2)) if apart else float(b) for b in y]
    slope, intercept = 0.0, math.log(sum(targets) / (len(y) - sum(targets)))
    for _ in range(200):
        g0 = g1 = h00 = h01 = h11 = 0.0
        for a, t in zip(x, targets, strict=True):
            p = expit(slope * a + intercept)
            w = p * (1 - p)
            g0, g1, h00, h01, h11 = g0 + p - t, g1 + (p - t) * a, h00 + w, h01 + w * a, h11 + w * a * a
        det = h00 * h11 - h01 * h01
        if det <= 1e-14:
            return None
        step = ((h00 * g1 - h01 * g0) / det, (h11 * g0 - h01 * g1) / det)
        size = min(1.0, 2.0 / max(1e-12, abs(step[0]), abs(step[1])))
        slope, intercept = slope - size * step[0], intercept - size * step[1]
        if max(abs(step[0]), abs(step[1])) < 1e-10:
            break
    return (slope, intercept) if slope > 0.0101 else None


def youden(p: list[float], y: list[int]) -> float:
    values, best, at = sorted(set(p)), -1.0, 0
    n1, n0 = sum(y), len(y) - sum(y)
    for place, t in enumerate(values):
        one = sum(a >= t for a, b in zip(p, y, strict=True) if b) / n1
        two = sum(a < t for a, b in zip(p, y, strict=True) if not b) / n0
        if one + two > best + 1e-12:
            best, at = one + two, place
    return values[0] if at == 0 else (values[at] + values[at - 1]) / 2


def reaching(p: list[float], y: list[int], target: float, midway: bool) -> float:
    found = sorted((a for a, b in zip(p, y, strict=True) if b), reverse=True)
    value = found[max(1, math.ceil(target * len(found) - 1e-9)) - 1]
    lower = [a for a in p if a < value]
    return (value + max(lower)) / 2 if midway and lower else value


def confusion(y: list[int], p: list[float], t: float) -> tuple[int, int, int, int]:
    pairs = [(b, a >= t) for a, b in zip(p, y, strict=True)]
    return tuple(sum(one == pair for one in pairs) for pair in ((1, True), (0, True), (0, False), (1, False)))  # type: ignore[return-value]


def measured(name: str, y: list[int], p: list[float], t: float | None) -> Any:
    """A metric; None where undefined, NotImplemented where this file doesn't derive it."""
    n = len(y)
    if t is not None:
        tp, fp, tn, fn = confusion(y, p, t)
        agree, chance = (tp + tn) / n, ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / n**2
        parts = {
            "accuracy": (tp + tn, n), "sensitivity": (tp, tp + fn), "specificity": (tn, tn + fp),
            "ppv": (tp, tp + fp), "npv": (tn, tn + fn), "f1_positive": (2 * tp, 2 * tp + fp + fn),
            "f1_negative": (2 * tn, 2 * tn + fp + fn), "cohen_kappa": (agree - chance, 1 - chance),
        }  # fmt: skip
        if name not in parts:
            return NotImplemented
        top, bottom = parts[name]
        return top / bottom if bottom > 1e-12 else None
    if name == "roc_auc":
        return auc(y, p)
    if name == "brier":
        return sum((a - b) ** 2 for a, b in zip(p, y, strict=True)) / n
    if name == "observed_expected":
        return sum(y) / sum(p) if sum(p) > 0 else None
    return NotImplemented


def auc(y: list[int], p: list[float]) -> float | None:
    """By ranks, ties at their mean."""
    n1, n0, total, place = sum(y), len(y) - sum(y), 0.0, 0
    if not n1 or not n0:
        return None
    order = sorted(range(len(p)), key=p.__getitem__)
    while place < len(order):
        end = place
        while end < len(order) and p[order[end]] == p[order[place]]:
            end += 1
        total += (place + 1 + end) / 2 * sum(y[order[i]] for i in range(place, end))
        place = end
    return (total - n1 * (n1 + 1) / 2) / (n1 * n0)


def sha256(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()


def expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def logit(row: sqlite3.Row) -> float:
    if row["logit"] is not None:
        return float(row["logit"])
    p = min(1 - CLIP, max(CLIP, row["raw_probability"]))
    return math.log(p / (1 - p))


def near(a: float, b: float | None) -> bool:
    return b is not None and abs(a - b) <= NEAR


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python benchmarks/recheck.py catalogue.sqlite", file=sys.stderr)
        return 2
    con = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    for problem in problems(con):
        print(problem)
        return 1
    tables = "evaluation_metrics", "plan_looks"
    n = [con.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables]
    print(f"no difference: {n[0]} metrics and {n[1]} decisions of the gate follow from the stored predictions")
    return 0


if __name__ == "__main__":
    sys.exit(main())

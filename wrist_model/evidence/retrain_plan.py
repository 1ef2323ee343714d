"""The plan of a retrain: all that decides what its hold-out will be said to show, fixed before that is looked at.

In the manner of a predetermined change control plan (FDA, guidance of December 2024: description of modifications,
modification protocol, impact assessment). It is no such plan: those are agreed with an authority for a device.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from wrist_model.evidence import hold_out_plan, promotion_gate, score_gate
from wrist_model.evidence.alpha_spending import TOTAL, Budget
from wrist_model.evidence.hold_out_plan import HoldOut, HoldOutPlan
from wrist_model.evidence_records import IMAGE_SUBGROUPS, SOURCE_SUBGROUPS
from wrist_model.recipe import WIDEST_MARGIN, GateRecipe, Recipe

_OF_IMAGES = ("age_band" if name == "age" else name for name in IMAGE_SUBGROUPS)
SUBGROUPS = tuple(sorted(("source", "body_part", "n_views", *_OF_IMAGES, *SOURCE_SUBGROUPS)))
"""What test studies are told apart by, where their source says it."""
REFERENCES = "the model that serves and, of those that served before, the one with the highest first test AUC"


def floors(gate: GateRecipe) -> dict[str, float]:
    """Metric → least lower limit of a first model, in the order in which they are told; 0 asks for none."""
    return {
        "roc_auc": gate.floor_roc_auc,
        "sensitivity": gate.floor_sensitivity,
        "specificity": gate.floor_specificity,
    }


def outlook(hold_out: HoldOut, gate: GateRecipe, alpha: float) -> HoldOutPlan | None:
    """What these patients can decide at one look; None where a class has fewer than the gate asks for."""
    if min(hold_out.positives, hold_out.negatives) < score_gate.FEWEST_OF_A_CLASS or alpha <= 0:
        return None
    return hold_out_plan.plan(hold_out, promotion_gate.margins(gate), alpha)


def content(
    recipe: Recipe,
    dataset_id: str,
    manifest_sha256: str,
    hold_out: HoldOut,
    *,
    assumed_from: str,
    new_patients_only: bool,
    learnt: int,
    looks_planned: int,
    looks_before: int,
    foretold: HoldOutPlan | None,
) -> dict[str, Any]:
    """What is stored and hashed. hold_out: patients of each class, and the area and correlation that `foretold`
    assumes, `assumed_from` in words; learnt: test patients beside these, from whom a model that is compared has learnt;
    looks_before: looks at these patients that earlier plans, or none, have made."""
    gate, score = recipe.gate, recipe.gate.rule == "score"
    return {
        "rule": gate.rule,
        "margins": promotion_gate.margins(gate),
        "floors": floors(gate),
        "fewest_of_a_class": score_gate.FEWEST_OF_A_CLASS if score else None,
        "fewest_patients": None if score else promotion_gate.FEWEST_PATIENTS,
        "error": TOTAL,
        "error_is": "over all planned looks together" if score else "of each look",
        "looks_planned": looks_planned,
        "looks_before": looks_before,
        "asks_a_person": gate.ask_person,
        "references": REFERENCES,
        "hold_out": {
            "dataset_id": dataset_id,
            "manifest_sha256": manifest_sha256,
            "positive_patients": hold_out.positives,
            "negative_patients": hold_out.negatives,
            "new_patients_only": new_patients_only,
            "learnt_patients": learnt,
        },
        "serves": recipe.evaluation.serve,
        "operating_point": {
            "name": recipe.evaluation.serving,
            "sensitivity_target": recipe.evaluation.sensitivity_target,
            "fixed_on": "validation, before a test study is scored",
        },
        "interval_rules": recipe.evaluation.rules,
        "networks": list(recipe.network.architectures),
        "first_seed": recipe.training.seed,
        "replicates": recipe.training.replicates,
        "subgroups": list(SUBGROUPS),
        "subgroups_decide": False,
        "foretold": None if foretold is None else {"assumed_from": assumed_from, **_foretold(hold_out, foretold)},
        "change_control": {
            "modifications": "new weights of the named networks, trained by this recipe on patients of the training "
            "split; calibration and thresholds fitted anew on validation; nothing else of what serves",
            "protocol": "patients never change splits; the guard, the margins, floors and looks above; what they can't "
            "decide waits for a person",
            "impact": "a loss within the margins can go unseen; the references keep small losses from adding up; roll "
            "back with `wrist promote`",
        },
    }


def _foretold(hold_out: HoldOut, found: HoldOutPlan) -> dict[str, Any]:
    return {
        "auc": hold_out.auc,
        "correlation": hold_out.correlation,
        "alpha": found.alpha,
        "power": found.power,
        "metrics": [asdict(one) for one in found.metrics],
        "margins_together": dict(found.margins_together),
        "verdict": found.verdict,
    }


def can_decide(plan_content: str) -> bool:
    """Whether a stored plan foretold that each metric can be decided at a margin within the widest."""
    found = json.loads(plan_content)["foretold"]
    return found is not None and all(one["smallest_margin"] is not None for one in found["metrics"])


def in_words(said: Mapping[str, Any], budget: Budget | None = None) -> list[tuple[str, str]]:
    """(what, planned) a line, of a plan's content. budget: what is left now, by the score rule."""
    hold = said["hold_out"]
    who = f"{hold['positive_patients']} patients with a positive and {hold['negative_patients']} with a negative study"
    who += ", new ones alone" if hold["new_patients_only"] else ""
    if learnt := hold.get("learnt_patients"):  # older plans counted them in, unsaid
        who += f"; {learnt} more are left out, since a model that is compared has learnt from them"
    lines = [
        ("Hold-out", f"{hold['dataset_id']}: {who}"),
        ("Serves", f"{said['serves']} at {said['operating_point']['name']}, fixed on validation"),
        ("Rule", _rule(said)),
        ("Margins", ", ".join(f"{name} {value:.3f}" for name, value in said["margins"].items())),
        ("First model", _floors(said["floors"])),
        ("Looks", _looks(said)),
    ]
    if said["replicates"] > 1:
        others = said["replicates"] - 1
        lines.append(("Seeds", f"{said['first_seed']} serves, whatever {others} others show; none of these can serve"))
    if budget is not None:
        lines.append(("Left now", budget.in_words))
    return lines + expected(said)


def expected(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what, foretold) a line: power, half-widths, margins and studies that 80% power needs."""
    found = said["foretold"]
    if found is None:
        if said["rule"] != "score":
            return [("Power", "not foretold for the bootstrap rule")]
        few = said["fewest_of_a_class"]
        return [
            ("Power", f"none: this hold-out can't decide with fewer than {few} patients of a class, or no look left")
        ]
    lines = [
        (
            "Assumed",
            f"AUC {found['auc']:.3f}, correlation of scores {found['correlation']:.2f} ({found['assumed_from']})",
        ),
        ("Power", f"an equally good challenger is promoted in {found['power']:.0%} at the next look"),
    ]
    for one in found["metrics"]:
        smallest = one["smallest_margin"]
        margin = f"a margin of {smallest:.3f}" if smallest else f"no margin up to {WIDEST_MARGIN:.2f}"
        needed = one["studies_needed"] or f"more than {hold_out_plan.MOST_STUDIES}"
        lines.append(
            (
                one["metric"],
                f"expected half-width {one['half_width']:.3f}; {one['power']:.0%} at {one['margin']:.3f}; 80% at "
                f"{margin}, or with {needed} studies",
            )
        )
    return [*lines, ("Verdict", found["verdict"])]


def _rule(said: Mapping[str, Any]) -> str:
    if said["rule"] == "score":
        return (
            "score limits (AUC: DeLong's, sensitivity and specificity: Tango's, clustered by patient) against "
            f"{said['references']}; {said['fewest_of_a_class']} patients of each class at least"
        )
    return f"percentiles of the bootstrap against {said['references']}; {said['fewest_patients']} patients at least"


def _floors(found: Mapping[str, float]) -> str:
    if not any(found.values()):
        return "serves unexamined: the recipe has no floors"
    return "lower limits of at least " + ", ".join(f"{name} {value:.3f}" for name, value in found.items())


def _looks(said: Mapping[str, Any]) -> str:
    before = f"after {said['looks_before']} looks" if said["looks_before"] else "before any look"
    return f"{said['looks_planned']}, one-sided error {said['error']:.0%} {said['error_is']}; stored {before}"


def lines_of(plan_content: str, budget: Budget | None = None) -> Sequence[tuple[str, str]]:
    """`in_words` of a stored plan's canonical JSON."""
    return in_words(json.loads(plan_content), budget)

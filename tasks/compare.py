"""Compare networks on the same test studies: paired differences with intervals."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task

from db import comparisons, evaluations
from db.engine import open_catalogue
from db.predictions import study_predictions
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import BUSY
from wrist_model.recipe import Recipe
from wrist_model.statistics import paired_tests


@task(name="compare", task_run_name="compare the networks", tags=["evaluation"], **BUSY)
def compare_networks(evaluation_ids: Sequence[str], recipe: Recipe) -> None:
    """Writes the paired differences of the first evaluation's model minus each other's, on the test studies; a pair
    that is stored is not computed again."""
    engine = open_catalogue()
    first, *others = evaluation_ids
    challenger = evaluations.evaluation(engine, first).model_version_id
    stored = {
        one.reference
        for _, one, _ in comparisons.comparisons(engine, first)
        if one.challenger == challenger and "one_sided" not in one.method  # the gate's
    }
    for other in others:
        reference = evaluations.evaluation(engine, other).model_version_id
        if reference in stored:
            continue
        found = paired_tests.paired(
            study_predictions(engine, first, "test"),
            study_predictions(engine, other, "test"),
            challenger=challenger,
            reference=reference,
            resamples=recipe.evaluation.resamples,
            seed=recipe.evaluation.bootstrap_seed,
            rules=recipe.evaluation.rules,
        )
        comparisons.add_comparisons(engine, first, found, provenance())

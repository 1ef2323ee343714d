"""An ensemble's stored predictions follow from its members' stored ones, by the rules that these were trained under."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gate_hall import BY, RECIPE, Hall
from scipy import special

from db import models
from db.predictions import image_predictions, study_predictions
from db.query.read_only_sql import query
from tasks.predict_dataset import predictions
from wrist_model.recipe import Recipe

SECOND = replace(RECIPE, evaluation=replace(RECIPE.evaluation, rules="second"))


def averaged(hall: Hall, recipe: Recipe) -> tuple[list, list[list]]:
    """The test rows of an ensemble of two networks, and of these."""
    hall.recipe = recipe
    (one, first), (two, second) = hall.network(3.0), hall.network(1.0, same=2)
    ensemble = models.add_ensemble(hall.engine, [one, two], BY)
    evaluation = predictions(ensemble, hall.dataset, recipe, [first, second])
    return (
        image_predictions(hall.engine, evaluation, "test"),
        [image_predictions(hall.engine, each, "test") for each in (first, second)],
    )


def test_by_the_second_rules_it_is_the_mean_of_calibrated_logits_and_keeps_it(hall: Hall) -> None:
    rows, members = averaged(hall, SECOND)
    for row, *of in zip(rows, *members, strict=True):
        assert row.logit == pytest.approx(np.mean([special.logit(one.probability) for one in of]), abs=1e-9)
        assert row.raw_probability == pytest.approx(special.expit(row.logit), abs=1e-12)
    sql = "SELECT count(*) FROM study_predictions WHERE architecture = 'ensemble' AND logit IS NOT NULL"
    assert query(sql).rows == [(84,)]


def test_by_the_first_rules_it_is_the_mean_of_raw_probabilities_as_before(hall: Hall) -> None:
    rows, members = averaged(hall, RECIPE)
    for row, *of in zip(rows, *members, strict=True):
        assert row.raw_probability == pytest.approx(np.mean([one.raw_probability for one in of]), abs=1e-12)
        assert row.logit is None


def test_scores_that_round_to_one_stay_apart_by_their_logits(hall: Hall) -> None:
    hall.recipe = SECOND
    model, _ = hall.network(3.0)
    hall.recipe = replace(SECOND, evaluation=replace(SECOND.evaluation, resamples=300))
    evaluation = hall.evaluation(model, 3.0, 1, hall.dataset, shift=60.0)
    rows = image_predictions(hall.engine, evaluation, "test")
    assert {row.raw_probability for row in rows} == {1.0} and len({row.logit for row in rows}) == len(rows)
    studies = study_predictions(hall.engine, evaluation, "test")
    assert len({row.logit for row in studies}) == len(studies)

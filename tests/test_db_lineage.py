"""From a prediction back to the file, the code and the machine, on both databases."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from db_story import BY, FACTS, RECIPE, RECIPE_SHA, STORED, tell, train
from sqlalchemy import Engine

from db import evaluations
from db.lineage import explain_prediction, lines
from db.query.read_only_sql import query
from wrist_model.errors import DataError
from wrist_model.records import Forward


def test_a_study_prediction_of_an_ensemble_leads_to_every_file_recipe_and_machine(catalogue: Engine) -> None:
    story = tell(catalogue)
    [(one,)] = query(
        "SELECT prediction_id FROM study_predictions "
        f"WHERE evaluation_id = '{story.evaluation_id}' AND study_uid = 'st-0005'"
    ).rows
    found = explain_prediction(catalogue, one)
    assert json.loads(json.dumps(found)) == found
    assert found["prediction"]["threshold"] == 0.4
    assert [image["image_uid"] for image in found["images"]] == ["im-0005-0", "im-0005-1"]
    assert found["images"][0]["preprocessing"] == ["png:L", "invert"] and len(found["images"][0]["file_sha256"]) == 64
    assert {model["architecture"] for model in found["model"]["members"]} == {"resnet50", "efficientnetb0"}
    for model in found["model"]["members"]:
        training = model["training"]
        assert model["file_is_there"]
        assert training["recipe"]["recipe_sha256"] == RECIPE_SHA and training["recipe"]["content"] == json.loads(RECIPE)
        assert training["weights_origin"] == {"source": "none", "sha256": None}
        assert training["dataset"]["dataset_id"] == story.dataset_id
        assert training["code"] == {"git_commit": "abc123", "dirty_work_tree": True}
        assert training["libraries"]["tensorflow"] == "2.21" and training["machine"] == {"cpu": "two cores"}
    assert any("uncommitted changes" in line for line in lines(found))


def test_a_prospective_prediction_has_no_dataset_and_unknown_ids_are_one_clear_line(catalogue: Engine) -> None:
    tell(catalogue)
    [(one,)] = query("SELECT prediction_id FROM image_predictions WHERE purpose = 'prospective'").rows
    assert explain_prediction(catalogue, one)["dataset"] is None
    for unknown in ("ip-999", "xx-1", "ip-", "17", "ip-1; DROP TABLE fact"):
        with pytest.raises(DataError):
            explain_prediction(catalogue, unknown)


def test_an_evaluation_that_stopped_is_completed_by_its_own_engine_alone(catalogue: Engine) -> None:
    story = tell(catalogue)
    _, model = train(catalogue, story.dataset_id, "resnet50", seed=21)

    def begun(engine: str) -> evaluations.EvaluationStart:
        start = evaluations.begin_evaluation(
            catalogue,
            model_version_id=model,
            dataset_id=story.dataset_id,
            purpose="evaluation",
            facts=replace(FACTS, forward=Forward(engine, "f32")),
            by=BY,
            recipe=STORED,
        )
        evaluations.finish_evaluation(catalogue, start.evaluation_id, BY, "failed", "cut off")
        row = evaluations.evaluation(catalogue, start.evaluation_id)
        assert (row.engine, row.precision) == (engine, "f32")
        return start

    first, again, elsewhere = begun("openvino"), begun("openvino"), begun("tensorflow")
    assert again.resumed and again.evaluation_id == first.evaluation_id
    assert not elsewhere.resumed and elsewhere.evaluation_id != first.evaluation_id

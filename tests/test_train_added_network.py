"""A network is one file: MobileNetV2 is added by tests/backbones/mobilenetv2.py alone, and goes all the way."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from db.home import work_folders
from tests import evidence_data, train_data
from wrist_model import recipe as recipes
from wrist_model.errors import RecipeError, UsageError, WeightsError
from wrist_model.evidence import evaluation_metrics
from wrist_model.explanation import grad_cam
from wrist_model.network import backbone, backbones, pretrained_weights
from wrist_model.records import Epoch, ImagePrediction, Split, network_file
from wrist_model.report import page
from wrist_model.report.report_data import GalleryCase, GalleryMap, ModelReport
from wrist_model.scoring import inference, operating_points, study_aggregation
from wrist_model.training import fit

NAME = "mobilenetv2"


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """MobileNetV2's file beside the others, as if it lay in their folder."""
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, str(Path(__file__).parent / "backbones")])


def test_a_recipe_that_lists_no_network_keeps_its_own_when_another_is_added(added: None) -> None:
    assert backbone.names() == ("resnet50", "efficientnetb0", "efficientnetlite0", NAME)
    assert recipes.load("demo").network.architectures == backbone.by_default() == ("resnet50", "efficientnetb0")
    assert recipes.load("demo", [NAME]).evaluation.serve == NAME


def test_a_network_without_a_file_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(RecipeError, match="unknown model 'mobilenetv2'; known are resnet50, efficientnetb0"):
        recipes.load("demo", [NAME])
    with pytest.raises(UsageError, match="known are resnet50, efficientnetb0"):
        backbone.row(NAME)


def test_an_added_network_trains_evaluates_explains_and_is_reported(added: None, tmp_path: Path) -> None:
    pictures = {
        "train": train_data.refs(tmp_path / "train", 8),
        "validation": train_data.refs(tmp_path / "validation", 8, first=8),
        "test": train_data.refs(tmp_path / "test", 8, first=16),
    }
    weights = train_data.backbone(tmp_path, NAME)
    with pytest.raises(WeightsError, match=f"holds {NAME}, not resnet50"):
        pretrained_weights.resolve(str(weights), "resnet50")
    recipe = train_data.recipe(str(weights), epochs=1, views_per_image=1).only((NAME,))
    recipe = replace(recipe, evaluation=replace(recipe.evaluation, resamples=100))
    found = pretrained_weights.resolve(str(weights), NAME)
    network = fit.prepared(recipe, NAME, found, "float32")
    assert network.boundary == backbone.row(NAME).boundary_layer

    told: list[Epoch] = []
    folders = work_folders(tmp_path)
    model = fit.train(
        pictures["train"], pictures["validation"], recipe, NAME, folders=folders, run_id="r", on_epoch=told.append
    )
    path = network_file(folders.models, model.artifact_sha256)

    def rows(split: Split) -> tuple[ImagePrediction, ...]:
        scores = inference.predict(path, pictures[split])
        return tuple(
            ImagePrediction(ref.image_uid, ref.study_uid, ref.patient_key, split, ref.label, float(score))
            for ref, score in zip(pictures[split], scores, strict=True)
        )

    points = operating_points.lock(rows("validation"), recipe.evaluation)
    images = operating_points.apply(points, rows("test"))
    studies = operating_points.apply(points, study_aggregation.by_study(rows("test")))
    metrics = evaluation_metrics.measure(images, studies, points, recipe.evaluation, "test")
    assert {metric.metric for metric in metrics if metric.value is not None} >= {"roc_auc", "sensitivity", "brier"}

    explainer = grad_cam.open_network(path, NAME)
    assert explainer.method == "sharpened-grad-cam"
    maps = grad_cam.explain(path, NAME, pictures["test"][:2], tmp_path / "explanations", explainer=explainer)
    assert len(maps) == 2 and all((tmp_path / one.path).is_file() for one in maps)

    shown = GalleryMap(NAME, maps[0].path, maps[0].sanity_score, maps[0].border_share, maps[0].withheld)
    case = GalleryCase(images[0].image_uid, images[0].study_uid, "missed", 1, 0.4, 0.5, (shown,))
    reported = ModelReport(
        f"mv-{NAME}",
        NAME,
        history=tuple(told),
        operating_points=points,
        metrics=metrics,
        images=images,
        studies=studies,
    )
    html = page.render(
        evidence_data.report_data(
            tmp_path, models=(reported,), served=reported.model_version_id, comparisons=(), gallery=(case,)
        )
    )
    assert "MobileNetV2" in html and backbone.row(NAME).colour in html


@pytest.mark.parametrize("name", backbone.names())
def test_a_row_says_what_the_network_is_in_keras(name: str) -> None:

    row = backbone.row(name)
    layers = {layer.name for layer in row.builder(include_top=False, weights=None, input_shape=(64, 64, 3)).layers}
    assert {row.signature_layer, row.boundary_layer, row.gradcam_layer} <= layers
    assert row.finer_gradcam_layer in {"", *layers}
    grey = np.repeat(np.linspace(0, 255, 16, dtype=np.float32).reshape(1, 4, 4, 1), 3, axis=-1)
    ours = np.asarray(row.preprocess(grey))
    assert (ours.min(), ours.max()) == pytest.approx(row.value_range, abs=1e-3)
    if not row.keras_module:  # keras.applications has no such network: its weights come as PyTorch's file
        assert row.from_torch and len(row.torch_sha256) == 64 and not row.weights_url
        return
    module = importlib.import_module(f"keras.src.applications.{row.keras_module}")
    assert ours == pytest.approx(module.preprocess_input(grey.copy()), abs=1e-3)
    assert row.weights_md5 in str(module.WEIGHTS_HASHES)
    assert row.weights_url.startswith(getattr(module, "BASE_WEIGHTS_PATH", "https://"))

"""Recipes: what is read, what is refused, and when two are the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from wrist_model import recipe
from wrist_model.errors import RecipeError

FAULTS = {
    "split.sed": ("[split]\nsed = 3", "unknown field split.sed"),
    "dropout": ("[network]\ndropout = 1.5", "network.dropout is 1.5; allowed is 0 to 0.9"),
    "epochs": ("[training]\nepochs = 0", "training.epochs is 0; allowed is 1 to 1000"),
    "epochs type": ('[training]\nepochs = "ten"', "training.epochs is 'ten'; expected int"),
    "boolean as number": ("[training]\nepochs = true", "expected int"),
    "model": ('[network]\narchitectures = ["vgg"]', "unknown model 'vgg'; known are resnet50, efficientnetb0"),
    "model twice": ('[network]\narchitectures = ["resnet50", "resnet50"]', "each network once"),
    "shares": ("[split]\ntrain = 0.8", "must be 1"),
    "brightness": ("[augmentation]\nbrightness = [1.5, 0.5]", "augmentation.brightness"),
    "brightness length": ("[augmentation]\nbrightness = [1.5]", "a list of 2 values"),
    "serving": ('[evaluation]\nserving = "best"', "evaluation.serving is 'best'; allowed are 'youden', 'sensitivity'"),
    "serve": ('[evaluation]\nserve = "both"', "evaluation.serve"),
    "table": ("training = 3", "must be a table"),
    "unknown table": ("[gates]\na = 1", "unknown field gates. Known are: name, note, split"),
    "not a number": ("[network]\ndropout = nan", "network.dropout is nan; allowed is 0 to 0.9"),
    "text for a list": ('[network]\narchitectures = "resnet50"', "architectures is 'resnet50'; expected a list of str"),
    "whole number": ("[training]\nepochs = 3.0", "training.epochs is 3.0; expected int"),
    "yes or no": ("[gate]\nask_person = 1", "gate.ask_person is 1; expected bool"),
    "not TOML": ("= 3", "not a TOML file"),
    "wide margin": ('[gate]\nrule = "score"\nmargin_roc_auc = 0.2', "at most 0.1 is allowed"),
    "no margin": ('[gate]\nrule = "score"\nmargin_roc_auc = 0.0', "more than 0"),
    "a floor by the bootstrap rule": ("[gate]\nfloor_roc_auc = 0.7", "need gate.rule"),
}

# As version 0.1.0 wrote them: (canonical JSON, model JSON). Since then they say by which rules they are evaluated and
# by which the gate decides.
HASHES = {
    "report": (
        "7ceba8c6278dda5824a63736d037bf81052ac689af9800e12ac690cef095ea42",
        "d27ef720a2f9956df1699ace957271c9470df8166f83af1cb66107d0cfb228e5",
    ),
    "quick": (
        "ace8f8b681acbfc3b2d8288ec666a19733f3fe2b48022ff7d21e5a5e04f04400",
        "8ce3e2be56982cf71de9d3a3c5515f992d4bb5320282faedaa86ba5ff4116257",
    ),
    "demo": (
        "1ee488ed66d81bd283841e8c8e70d4601bf2ee05d6030767443d7d2d9c99e50f",
        "6adfebbcdac59bf9b95cfb7ade1d36b1742e3af72b652ec8fbfb5b9646700838",
    ),
}


@pytest.mark.parametrize("content, message", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_its_file_and_field(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    with pytest.raises(RecipeError) as caught:
        recipe.read(file)
    assert message in str(caught.value) and "mine" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_says_where_recipes_are(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="recipes/"):
        recipe.read(tmp_path / "absent.toml")


def test_shipped_recipes_are_valid_and_found_by_name() -> None:
    for name in ("report", "quick", "demo", "lite0"):
        assert recipe.read(recipe.find(name)) == recipe.read(recipe.find(f"recipes/{name}.toml"))


def test_name_and_note_do_not_change_a_recipes_hash_and_every_setting_does() -> None:
    base = recipe.from_mapping({"name": "a"}, "a")
    assert base.sha256 == recipe.from_mapping({"name": "b", "note": "the same"}, "b").sha256
    assert base.sha256 != recipe.from_mapping({"name": "a", "training": {"seed": 21}}, "a").sha256


def test_a_margin_or_the_gallery_needs_no_new_training_and_a_threshold_does() -> None:
    base = recipe.from_mapping({"name": "a"}, "a")
    other = {"gate": {"margin_roc_auc": 0.01}, "explain": {"gallery": 4}, "evaluation": {"serve": "resnet50"}}
    same = recipe.from_mapping({"name": "b", **other}, "b")
    assert same.sha256 != base.sha256 and same.model_json == base.model_json == base.only(("resnet50",)).model_json
    for changed in ({"training": {"epochs": 3}}, {"evaluation": {"sensitivity_target": 0.95}}, {"split": {"seed": 1}}):
        assert recipe.from_mapping({"name": "c", **changed}, "c").model_json != base.model_json


def test_the_reports_recipe_is_the_reports() -> None:
    report = recipe.read(recipe.find("report"))
    assert (report.network.weights, report.network.image_size, report.network.free_layers) == ("imagenet", 224, 10)
    assert (report.network.dense_units, report.network.dropout) == (64, 0.3)
    assert (report.training.learning_rate, report.training.epochs, report.training.patience) == (1e-4, 10, 4)
    assert (report.training.batch_size, report.training.class_weights) == (64, "balanced")
    assert report.augmentation.brightness == (0.5, 1.5)
    assert (report.augmentation.rotation_degrees, report.augmentation.shear_degrees) == (20.0, 0.2)
    assert report.network.batch_norm == "inference"


def test_a_stored_recipe_is_the_recipe() -> None:
    report = recipe.read(recipe.find("report"))
    assert recipe.stored(report.canonical_json, "report").sha256 == report.sha256


OF_0_1_0 = {  # what a recipe's training was then, where it has changed since
    "demo": (
        {"epochs": 15, "patience": 15, "learning_rate": 1e-3, "learning_rate_schedule": "cosine"},
        {"dropout": 0.3},
    )
}


@pytest.mark.parametrize("name", HASHES)
def test_todays_recipes_keep_the_hashes_that_catalogues_hold(name: str) -> None:
    read = recipe.load(name)
    training, network = OF_0_1_0.get(name, ({}, {}))
    assert all(getattr(read.training, field) != value for field, value in training.items())
    read = replace(read, training=replace(read.training, **training), network=replace(read.network, **network))
    first = replace(read.evaluation, rules="first")
    before = replace(read, gate=recipe.GateRecipe(), evaluation=first, drift=recipe.DriftRecipe())
    assert (before.sha256, hashlib.sha256(before.model_json.encode()).hexdigest()) == HASHES[name]
    assert read.network_json == before.network_json and read.evaluation.rules == "second"
    assert (read.gate.rule, read.gate.floor_roc_auc, before.gate.rule) == ("score", 0.7, "bootstrap")
    assert recipe.stored(read.canonical_json, name).canonical_json == read.canonical_json


@dataclass(frozen=True)
class LaterGate(recipe.GateRecipe):
    floor: float = recipe.later("9.9", 0.0)


@dataclass(frozen=True)
class LaterSection(recipe.Checked):
    looks: int = 1


@dataclass(frozen=True)
class LaterRecipe(recipe.Recipe):
    gate: LaterGate = LaterGate()
    plan: LaterSection = recipe.later("9.9", LaterSection())


def test_a_later_field_leaves_the_hash_alone_until_it_is_used() -> None:
    before = recipe.Recipe("a")
    assert LaterRecipe("a").canonical_json == before.canonical_json
    assert LaterRecipe("a", gate=LaterGate(floor=0.0), plan=LaterSection(1)).sha256 == before.sha256
    used = json.loads(LaterRecipe("a", gate=LaterGate(floor=0.5), plan=LaterSection(2)).canonical_json)
    assert used["gate"]["floor"] == 0.5 and used["plan"] == {"looks": 2}
    assert LaterRecipe("a", gate=LaterGate(floor=0.5)).model_json == before.model_json


def test_a_written_recipe_is_read_back_equal(tmp_path: Path) -> None:
    for name in HASHES:
        path = tmp_path / f"{name}.toml"
        recipe.write(recipe.load(name), path)
        assert recipe.read(path) == recipe.load(name)

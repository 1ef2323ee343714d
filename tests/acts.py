"""What actors do to a catalogue in the interleaving tests: each act is a command, on the environment's home."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from db.engine import open_catalogue
from db.home import home
from tests import factories, small_network
from wrist_model.recipe import GateRecipe, Recipe, SplitRecipe, from_mapping

SOURCE = "hospital"


def recipe(seed: int = 1) -> Recipe:
    """A network that is trained in seconds; another seed is another training."""
    network = {"weights": "none", "image_size": 32, "architectures": [small_network.known()], "dense_units": 8}
    training = {"epochs": 1, "patience": 1, "batch_size": 16, "mode": "online", "seed": seed}
    evaluation = {"resamples": 100, "serve": small_network.known()}
    content = {"name": f"seed{seed}", "network": network, "training": training, "evaluation": evaluation}
    return from_mapping({**content, "explain": {"gallery": 2}}, "tests")


def ingest(manifest: str) -> dict[str, Any]:
    from tasks.ingest import catalogue
    from tasks.sources_toml import Root

    boxes = str(Path(manifest).with_name("boxes.csv"))
    return catalogue.fn([Root(manifest, None, SOURCE, "ANY", boxes=boxes)], SplitRecipe(), 1)


def freeze() -> str:
    from tasks.freeze import freeze as act

    return act.fn()


def train(dataset_id: str, seed: int = 1) -> str:
    from tasks.train import fit

    return fit.fn(dataset_id, recipe(seed), small_network.known())


def predict(model: str, dataset_id: str, seed: int = 1) -> str:
    from tasks.predict_dataset import predict as act

    return act.fn(model, dataset_id, recipe(seed))


def score(evaluation_id: str, seed: int = 1) -> None:
    from tasks.evaluation_metrics import score as act

    act.fn(evaluation_id, recipe(seed))


def gate(evaluation_id: str, seed: int = 1) -> dict[str, Any]:
    from tasks.gate import gate as act

    return act.fn([evaluation_id], recipe(seed))


def planned(seed: int) -> Recipe:
    """The same recipe, whose gate goes by a plan."""
    return replace(recipe(seed), gate=GateRecipe(0.03, 0.1, 0.1, rule="score"))


def plan(dataset_id: str, seed: int) -> str:
    from tasks.plan import frozen_plan

    return frozen_plan(dataset_id, planned(seed)).plan_id


def gate_by_plan(evaluation_id: str, seed: int) -> dict[str, Any]:
    from tasks.gate import gate as act

    return act.fn([evaluation_id], planned(seed))


def explain(evaluation_id: str) -> int:
    from tasks.explain import explain as act

    small_network.known()  # in a process that trained nothing
    return len(act.fn(evaluation_id, evaluation_id, 2))


def report(evaluation_id: str) -> str:
    from tasks.report import write

    return write.fn([evaluation_id])


def score_new() -> dict[str, Any]:
    from tasks import predict

    predict.WAIT_SECONDS = 3.0  # who is held at a seam renews its lease, and is not to be waited for half an hour
    return predict.score_new.fn(None, None)


def promote(model: str) -> dict[str, str]:
    from tasks.promote import by_hand

    return by_hand(model, "in between")


def relabel(study_path: str) -> dict[str, int]:
    """Turn the label of one catalogued picture's study around."""
    from tasks.relabel import relabel as act

    with open_catalogue().connect() as connection:
        sql = "SELECT study_uid, label FROM images WHERE path = '" + study_path + "'"
        uid, label = connection.exec_driver_sql(sql).one()
    file = home().parent / f"relabel-{study_path}.csv"
    file.write_text(f"study_uid,label\n{uid},{1 - label}\n")
    return act(file)


def exclude(path: str) -> str:
    from db.exclusions import exclude as act
    from tasks.runtime.provenance import provenance

    with open_catalogue().connect() as connection:
        sql = "SELECT study_uid FROM images WHERE path = '" + path + "'"
        uid = connection.exec_driver_sql(sql).scalar_one()
    return act(open_catalogue(), uid, "in between", provenance()).target


def manifest(folder: Path, pictures: list[tuple[np.ndarray, str, int | None]]) -> str:
    """Write pictures (pixels, patient, label), boxes on them, and their list; gives the list's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "manifest.csv"
    drawn = [f"{patient}-{number}.png,fracture,0.5,0.5,0.2,0.2" for number, (_, patient, _) in enumerate(pictures)]
    (folder / "boxes.csv").write_text("\n".join(["path,class,x_center,y_center,w,h", *drawn]))
    with path.open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(("path", "label", "patient", "study"))
        for number, (pixels, patient, label) in enumerate(pictures):
            name = f"{patient}-{number}.png"
            Image.fromarray(pixels).save(folder / name)
            table.writerow((name, "" if label is None else label, patient, f"s{patient}"))
    return str(path)


def small(number: int, label: int, side: int = 96) -> np.ndarray:
    picture = Image.fromarray(factories.radiograph(number, label))
    picture.thumbnail((side, side))
    return np.asarray(picture)


def first_files(folder: Path, count: int = 48) -> str:
    """Pictures of as many patients, both labels in turn, and two studies that nobody has labelled."""
    pictures: list[tuple[np.ndarray, str, int | None]] = [
        (small(number // 2, number % 2), f"p{number}", number % 2) for number in range(count)
    ]
    return manifest(folder, [*pictures, (small(70, 0), "q0", None), (small(71, 1), "q1", None)])


def near_copies(folder: Path, count: int = 48) -> str:
    """The first pictures again, a little darker, of other people: some of these stand in other splits."""
    pictures: list[tuple[np.ndarray, str, int | None]] = []
    for number in range(0, count, 3):
        darker = np.round(small(number // 2, number % 2) * 0.97).astype(np.uint8)
        pictures.append((darker, f"r{number}", number % 2))
    return manifest(folder, pictures)


def incoming(folder: Path) -> str:
    """Studies that nobody has labelled."""
    return manifest(folder, [(small(80 + n, n % 2), f"t{n}", None) for n in range(3)])


def look() -> str:
    """The newest network's test studies are scored once more, as another number of resamples asks for."""
    from db import datasets, evaluations, models
    from db.predictions import add_predictions, image_predictions, study_predictions
    from tasks.runtime.provenance import facts, provenance

    engine, by = open_catalogue(), provenance()
    dataset_id, model = (
        datasets.dataset(engine).dataset_id,
        models.model(engine, small_network.known()).model_version_id,
    )
    rows = [row for row in evaluations.newest_finished(engine, dataset_id) if row.model_version_id == model]
    if not rows:  # a version was frozen since, on which nothing is scored
        return ""
    resamples = 200 + evaluations.holdout_looks(engine, dataset_id)
    another = replace(recipe(2), evaluation=replace(recipe(2).evaluation, resamples=resamples))
    evaluation_id = evaluations.begin_evaluation(
        engine,
        model_version_id=model,
        dataset_id=dataset_id,
        purpose="evaluation",
        facts=facts(),
        by=by,
        recipe=another.as_stored,
    ).evaluation_id
    before = rows[-1].evaluation_id
    of_images, of_studies = image_predictions(engine, before), study_predictions(engine, before)
    add_predictions(engine, evaluation_id, of_images, of_studies, by)
    evaluations.finish_evaluation(engine, evaluation_id, by)
    return evaluation_id


def promote_challenger() -> dict[str, str]:
    """Let the model serve that does not: of two networks the one that was trained last."""
    from db import promotions

    engine = open_catalogue()
    serving = promotions.champion(engine)
    with engine.connect() as connection:
        known = connection.exec_driver_sql("SELECT model_version_id FROM model_version ORDER BY id").scalars().all()
    return promote([one for one in known if serving is None or one != serving.model_version_id][-1])

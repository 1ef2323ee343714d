"""What the choices of a recipe do on real radiographs, from real pretrained weights: a cross-validation.

    python -m benchmarks transfer --data ../shared/data/fracatlas-hand --weights efficientnet-lite0-57934424.pth

Each row is recipes/lite0.toml with one thing changed, trained and scored by the project's own functions (`fit.train`,
stored features, `inference.predict`, Grad-CAM), in 5 folds of 3 seeds. Rows and folds of a seed share their deals of
groups (benchmarks/hands.py), so that differences are paired; intervals are over groups (benchmarks/paired_runs.py). The
epoch is chosen on inner validation, as in every training; so is the probe's C. With `--try FIELD=VALUE` a run is scored
on inner validation alone: whatever is chosen is chosen by such runs, and a row's test images are looked at once.

Each finished run is a line of HOME/runs.jsonl at once, and a run that stands there is not made again: stop it at any
time, or give it `--minutes`. The table is printed from what stands there, at the end or with `--table` alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import hands, paired_runs
from benchmarks.paired_runs import Scored
from db.home import work_folders
from wrist_model import recipe as recipes
from wrist_model.evidence.localisation_metrics import localisation_metrics
from wrist_model.evidence_records import Localised
from wrist_model.recipe import Recipe
from wrist_model.records import ImageRef, network_file
from wrist_model.statistics import roc_area

LITE0 = "efficientnetlite0"
STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
"""Of the logistic regression's penalty, C: the one with the best inner validation AUC of its fold."""


@dataclass(frozen=True)
class Row:
    """changes: fields of recipes/<recipe>.toml ("probe": no training, a logistic regression on pooled features).
    against: the row that it is compared with, the same but for what it says. boxes: its maps are held against boxes.
    redrawn: head, copies and order of training are drawn by another seed, over the same deal."""

    says: str
    changes: dict[str, Any]
    against: str = "stored"
    recipe: str = "lite0"
    architecture: str = LITE0
    boxes: bool = False
    redrawn: bool = False


ROWS = {
    "probe": Row("logistic regression on pooled features, letterboxed", {"probe": True}),
    "probe_squeezed": Row("the same, squeezed", {"probe": True, "network.resize": "squeeze"}, "probe"),
    "stored": Row("lite0: stored features, 3 copies, letterboxed, last 10 layers", {}, boxes=True),
    "again": Row("the same again, drawn by other seeds", {}, redrawn=True),
    "copies_1": Row("1 copy", {"training.views_per_image": 1}),
    "copies_10": Row("10 copies", {"training.views_per_image": 10}),
    "squeezed": Row("squeezed", {"network.resize": "squeeze"}),
    "last_30": Row("last 30 layers", {"network.free_layers": 30}, boxes=True),
    "online": Row("online: a new copy each epoch", {"training.mode": "online"}),
    "all_layers": Row("all layers, online", {"network.free_layers": 1000}, "online", boxes=True),
    "scratch_b0": Row("EfficientNetB0 from scratch, recipe quick", {}, recipe="quick", architecture="efficientnetb0"),
    "scratch_resnet50": Row("ResNet50 from scratch, recipe quick", {}, recipe="quick", architecture="resnet50"),
}


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks transfer", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with manifest.csv (path,label) and boxes.csv"
    )
    parser.add_argument("--weights", type=Path, help="EfficientNet-Lite0's file (docs/training.md)")
    parser.add_argument("--home", type=Path, default=Path("transfer-home"), help="features, and runs.jsonl")
    parser.add_argument("--rows", default=",".join(ROWS), help="of " + ", ".join(ROWS))
    parser.add_argument("--folds", default="1,2,3,4,5")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--try", dest="tried", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no run after so many")
    parser.add_argument("--table", action="store_true", help="print the table of what was run, and run nothing")
    arguments = parser.parse_args(words)
    names, until = arguments.rows.split(","), time.monotonic() + 60 * arguments.minutes
    if unknown := set(names) - set(ROWS):
        parser.error(f"unknown row {unknown.pop()!r}; known are {', '.join(ROWS)}")
    home = arguments.home.absolute()
    refs = hands.read(arguments.data, home)
    content = hands.content_sha256(refs)
    if not arguments.table:
        if arguments.weights is None:
            parser.error("--weights FILE is missing")
        tried = dict(one.split("=", 1) for one in arguments.tried)
        bench = Bench(arguments.data, refs, content, str(arguments.weights.absolute()), home)
        seeds, folds = ([int(one) for one in each.split(",")] for each in (arguments.seeds, arguments.folds))
        for seed, fold, name in ((seed, fold, name) for seed in seeds for name in names for fold in folds):
            if time.monotonic() > until:
                print("… time is up; the same command goes on", file=sys.stderr)
                break
            bench.run(name, seed, fold, tried)
    print(table(_lines(home, content), refs))
    return 0


@dataclass(frozen=True)
class Bench:
    """What all runs share. content: hash of refs and their groups. home: where features and results are."""

    data: Path
    refs: list[ImageRef]
    content: str
    weights: str
    home: Path

    def run(self, name: str, seed: int, fold: int, tried: dict[str, str]) -> None:
        """One run, unless it stands in the results: trained, scored on validation and, with nothing tried, on test."""
        recipe = _recipe(ROWS[name], self.weights, seed, tried)
        key = {"row": name, "seed": seed, "fold": fold, "tried": tried, "content": self.content}
        key["recipe"] = _without_path(recipe)
        if any(key.items() <= line.items() for line in _lines(self.home, self.content)):
            return
        dealt, begun = hands.deal(self.refs, seed, fold), time.perf_counter()
        how = self._probed if "probe" in ROWS[name].changes else self._trained
        validation, test, more = how(name, recipe, dealt, not tried)
        line = {
            **key,
            "seconds": time.perf_counter() - begun,
            "validation_auc": _auc(dealt.validation, validation),
            "n": [len(dealt.train), len(dealt.validation), len(dealt.test)],
            **({} if tried else {"test": dict(zip([r.image_uid for r in dealt.test], map(float, test), strict=True))}),
            **more,
        }
        with (self.home / "runs.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        said = f"validation AUC {line['validation_auc']:.3f}, {line['seconds']:.0f} s"
        print(f"{name} seed {seed} fold {fold} {tried or ''}: {said}", file=sys.stderr, flush=True)

    def _trained(
        self, name: str, recipe: Recipe, dealt: hands.Deal, look: bool
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        from wrist_model.scoring import inference
        from wrist_model.training import fit

        row, folders = ROWS[name], work_folders(self.home)
        made = fit.train(
            dealt.train,
            dealt.validation,
            recipe,
            row.architecture,
            folders=folders,
            run_id=f"{name}-{recipe.training.seed}-{dealt.test[0].image_uid}",
            on_epoch=lambda _: None,
        )
        model = network_file(folders.models, made.artifact_sha256)
        validation = inference.predict(model, dealt.validation)
        test = inference.predict(model, dealt.test) if look else np.empty(0)
        more: dict[str, Any] = {"epochs": len(made.history), "best_epoch": made.best_epoch}
        if look and row.boxes:
            begun = time.perf_counter()
            more["localised"] = [asdict(one) for one in self._localised(model, row.architecture, dealt.test)]
            more["map_seconds"] = time.perf_counter() - begun
        model.unlink()
        return validation, test, more

    def _localised(self, model: Path, architecture: str, test: list[ImageRef]) -> Iterator[Localised]:
        from wrist_model.explanation import grad_cam, localisation

        network, drawn = grad_cam.open_network(model, architecture), hands.boxes(self.data, test)
        for ref, pixels, heat in grad_cam.full_maps(network, [ref for ref in test if ref.image_uid in drawn]):
            yield from localisation.localised(ref, pixels, heat, drawn[ref.image_uid])

    def _probed(
        self, name: str, recipe: Recipe, dealt: hands.Deal, look: bool
    ) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        pooled = self._pooled(recipe)
        train, validation, test = (
            np.stack([pooled[ref.image_uid] for ref in part]) for part in (dealt.train, dealt.validation, dealt.test)
        )
        labels = [ref.label for ref in dealt.train]
        found = []
        for strength in STRENGTHS:
            line = make_pipeline(
                StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=5000)
            ).fit(train, labels)
            scores = line.predict_proba(validation)[:, 1]
            found.append((_auc(dealt.validation, scores), strength, line, scores))
        _, strength, line, scores = max(found, key=lambda each: each[0])
        return scores, line.predict_proba(test)[:, 1] if look else np.empty(0), {"C": strength}

    def _pooled(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """image_uid → float32 (1280,): the network's pooled features, as its pretrained weights give them."""
        kept = self.home / f"pooled-{recipe.network.resize}-{self.content[:16]}.npy"
        if not kept.exists():
            import keras

            from wrist_model.network import forward, pretrained_weights
            from wrist_model.training import fit, image_batches

            found = pretrained_weights.resolve(recipe.network.weights, LITE0)
            whole = fit.prepared(recipe, LITE0, found, "float32").whole
            pool = keras.Model(whole.input, whole.get_layer("pool").output)
            run = forward.function(pool, forward.TENSORFLOW, fold=True)
            pictures = image_batches.load(self.refs, recipe.network.image_size, recipe.network.resize)
            size = forward.BATCH
            parts = [run(pictures[start : start + size]) for start in range(0, len(pictures), size)]
            np.save(kept, np.concatenate(parts))
        return dict(zip([ref.image_uid for ref in self.refs], np.load(kept), strict=True))


def _recipe(row: Row, weights: str, seed: int, tried: dict[str, str]) -> Recipe:
    recipe = recipes.load(row.recipe, [row.architecture])
    changes = {field: value for field, value in row.changes.items() if field != "probe"}
    changes["training.seed"] = seed + 1000 * row.redrawn
    if row.recipe == "lite0":
        changes["network.weights"] = weights
    for field, value in {**changes, **{name: json.loads(text) for name, text in tried.items()}}.items():
        section, name = field.split(".")
        recipe = replace(recipe, **{section: replace(getattr(recipe, section), **{name: value})})
    return recipes.from_mapping({"name": row.recipe, **json.loads(recipe.canonical_json)}, row.recipe)


def _without_path(recipe: Recipe) -> str:
    """What a run's recipe says, wherever the weights lie."""
    named = "none" if recipe.from_scratch else LITE0
    return replace(recipe, network=replace(recipe.network, weights=named)).network_json


def _auc(refs: Sequence[ImageRef], scores: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score([ref.label for ref in refs], scores))


def _lines(home: Path, content: str) -> list[dict[str, Any]]:
    """What was run on these radiographs."""
    file = home / "runs.jsonl"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return [line for line in map(json.loads, text.splitlines()) if line["content"] == content]


def table(lines: Sequence[dict[str, Any]], refs: Sequence[ImageRef]) -> str:
    """The table in Markdown: what was tried on validation, then each row with its difference, then the maps."""
    of = {ref.image_uid: ref for ref in refs}
    groups = len({ref.patient_key for ref in refs})
    out = [f"{len(refs)} radiographs, {sum(ref.label or 0 for ref in refs)} positive, {groups} groups", ""]
    tried: dict[str, list[dict[str, Any]]] = {}
    rows: dict[str, dict[tuple[int, int], dict[str, Any]]] = {}
    for line in lines:
        if line["tried"]:
            name = " ".join([line["row"], *(f"{field}={value}" for field, value in line["tried"].items())])
            tried.setdefault(name, []).append(line)
        else:
            rows.setdefault(line["row"], {})[line["seed"], line["fold"]] = line
    if tried:
        out += ["| tried on inner validation | runs | validation AUC | epochs | s a run |", "|---|---|---|---|---|"]
        for name, each in tried.items():
            epochs = np.median([one.get("best_epoch", 0) for one in each])
            out.append(f"| {name} | {len(each)} | {_mean(each, 'validation_auc')} | {epochs:g} | {_seconds(each)} |")
        out.append("")
    out += [
        "| row | runs | test AUC (95%) | validation AUC | difference (95%) | from | s a run |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in (name for name in ROWS if name in rows):
        mine = rows[name]
        found = paired_runs.areas([_scored(of, [line]) for line in mine.values()])
        low, high = roc_area.area_interval(found, 0, 0.025)
        other = ROWS[name].against
        shared = sorted(set(mine) & set(rows.get(other, {}))) if other != name else []
        difference = "|"
        if shared:
            both = paired_runs.areas([_scored(of, [mine[key], rows[other][key]]) for key in shared])
            gap, least, most = roc_area.difference_interval(both, 0.025)
            difference = f"{gap:+.3f} ({least:+.3f} to {most:+.3f}), {len(shared)} runs | {other}"
        out.append(
            f"| {name}: {ROWS[name].says} | {len(mine)} | {found.areas[0]:.3f} ({low:.3f}–{high:.3f}) | "
            f"{_mean(list(mine.values()), 'validation_auc')} | {difference} | {_seconds(list(mine.values()))} |"
        )
    for name, mine in rows.items():
        if any("localised" in line for line in mine.values()):
            out += ["", *_maps(name, list(mine.values()))]
    return "\n".join(out)


def _scored(of: dict[str, ImageRef], lines: Sequence[dict[str, Any]]) -> Scored:
    uids = list(lines[0]["test"])
    scores = np.array([[line["test"][uid] for uid in uids] for line in lines])
    return Scored(np.array([of[uid].label for uid in uids]), scores, [of[uid].patient_key for uid in uids])


def _maps(name: str, lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Where the maps lie to the boxes: of each image the mean over seeds."""
    held: dict[tuple[str, str], list[Localised]] = {}
    for line in lines:
        for one in line["localised"]:
            held.setdefault((one["image_uid"], one["region_class"]), []).append(Localised(**one))
    rows = []
    for each in held.values():
        hottest, centre, heat = np.mean([(one.hottest, one.centre, one.heat) for one in each], axis=0)
        rows.append(replace(each[0], hottest=float(hottest), centre=float(centre), heat=float(heat)))
    yield f"| maps of {name}, {len(lines)} runs | value (95% over groups) | images | groups |"
    yield "|---|---|---|---|"
    for one in localisation_metrics(rows, 2000, 7):
        limits = "" if one.ci_low is None else f" ({one.ci_low:.3f}–{one.ci_high:.3f})"
        yield f"| {one.region_class} {one.metric} | {one.value:.3f}{limits} | {one.n_images} | {one.n_patients} |"


def _mean(lines: Sequence[dict[str, Any]], what: str) -> str:
    return f"{np.mean([line[what] for line in lines]):.3f}"


def _seconds(lines: Sequence[dict[str, Any]]) -> str:
    return f"{np.median([line['seconds'] for line in lines]):.0f}"

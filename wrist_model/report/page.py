"""The report as one HTML file that needs nothing else: no script, no network, figures and maps inside it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure
from PIL import Image

from wrist_model.errors import DataError
from wrist_model.evidence_records import LocalisationMetric
from wrist_model.records import Metric
from wrist_model.report import external_sets, figures, gallery, localisation_table, plan_beside, published_results
from wrist_model.report.checklists import claim, tripod_ai
from wrist_model.report.document_page import document_page
from wrist_model.report.guide import guide
from wrist_model.report.headline import CALIBRATION, HEADLINE, MEANING, POINT_NAMES, details, headline, intervals_said
from wrist_model.report.metric_text import in_words, over_seeds
from wrist_model.report.model_card import model_card
from wrist_model.report.network_style import every, style
from wrist_model.report.report_data import GalleryCase, ModelReport, ReportData
from wrist_model.statistics.metrics import UNDEFINED

GALLERY_SIDE = 460
"""Pictures of the gallery are shrunk to this many pixels a side: the full ones lie in explanations/."""
ALTS = {
    "roc": "ROC curves of the networks on the test studies: {}.",
    "pr": "Precision–recall curves of the networks on the test studies: {}.",
    "calibration": "Observed share of abnormal studies against the calibrated probability: {}.",
    "confusion": "Confusion matrices at the serving threshold: {}.",
    "histograms": "Histograms of the calibrated probability by label: {}.",
    "history": "Loss and accuracy by epoch, training and validation: {}.",
}
SUMMARISED = {"roc": "roc_auc", "pr": "pr_auc", "calibration": "ece", "confusion": "accuracy"}


def documents(data: ReportData) -> dict[str, bytes]:
    """The page; its model card and checklists, each as Markdown and as `…-html`: kind → UTF-8. Equal data give equal
    bytes."""
    if not data.models:
        raise DataError("The report has no model version to show: evaluate one first (`wrist evaluate`).")
    beside = {"model-card": model_card(data), "claim": claim(data), "tripod-ai": tripod_ai(data)}
    pages = {f"{kind}-html": document_page(text) for kind, text in beside.items()}
    return {kind: text.encode() for kind, text in ({"html": render(data)} | beside | pages).items()}


def render(data: ReportData) -> str:
    """The page's HTML. All text from the data is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        number=number,
        seeds=over_seeds,
        interval=interval,
        share=share,
        thousands=thousands,
        short=short,
        p=p,
        moment=moment,
        is_small=is_small,
        in_words=in_words,
    )
    return environment.get_template("page.html").render(
        data=data,
        served=data.serving_model,
        headline=headline(data.serving_model, data.prevalence),
        details=details(data.serving_model),
        meaning=MEANING,
        metric_names=dict((*HEADLINE, *CALIBRATION)),
        point_names=POINT_NAMES,
        guide=guide(data),
        recipe=_settings(json.loads(data.recipe_json)),
        names={name: each.title for name, each in every().items()}
        | {model.model_version_id: model.name for model in data.models},
        style=style,
        figures=_figures(data),
        subgroups=_subgroups(data.serving_model),
        hardware=_hardware(data.models),
        gallery=_gallery(data),
        withheld=sum(each.withheld for case in data.gallery for each in case.maps),
        published=published_results,
        resamples=_resampling(data.serving_model),
        planned=plan_beside.rows(data),
        external=[
            {
                "set": one,
                "rows": external_sets.rows(one),
                "n": external_sets.counts(one),
                "subgroups": [row for row in _subgroups(one.model) if not row["small"]],
            }
            for one in data.external
        ],
        localisation=localisation_table.rows(data.models, data.external),
    )


def _settings(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Each setting of a recipe by its full name, with its value as TOML and JSON write it."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{before}{name}.")
        else:
            yield before + name, json.dumps(value, ensure_ascii=False)


def number(value: float | None) -> str:
    """Three decimals, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def interval(metric: Metric | LocalisationMetric | None) -> str:
    """`0.812–0.934`, or why there is none."""
    if metric is None:
        return "not stored"
    if isinstance(metric, Metric) and is_small(metric):
        return f"{metric.n_studies} studies: too small to read"
    if metric.value is None:
        return UNDEFINED.get(metric.metric, "undefined")
    if metric.ci_low is None or metric.ci_high is None:
        return "no interval"
    return f"{metric.ci_low:.3f}–{metric.ci_high:.3f}"


def is_small(metric: Metric | None) -> bool:
    """Whether it is of a subgroup with too few studies to read: no figure of it is shown."""
    return metric is not None and metric.note is not None and "too small" in metric.note


def share(value: float | None) -> str:
    """A percentage without decimals, or a dash."""
    return "–" if value is None else f"{value:.0%}"


def thousands(value: int | None) -> str:
    """12,345, or a dash."""
    return "–" if value is None else f"{value:,}"


def p(value: float | None) -> str:
    """A p value with three decimals, `< 0.001`, or a dash."""
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def moment(iso: str) -> str:
    """`2026-11-23T21:30:00Z` → `2026-11-23 21:30 UTC`."""
    return f"{iso[:10]} {iso[11:16]} UTC" if len(iso) >= 16 and iso[10] in "T " else iso


def short(digest: str | None) -> str:
    """The first fifteen characters of a hash or id, or a dash."""
    return "–" if not digest else digest[:15]


def _picture(figure: Figure) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(figures.svg(figure)).decode()


def _figures(data: ReportData) -> dict[str, dict[str, str]]:
    found = {}
    for name, (title, draw) in figures.ALL.items():
        figure = draw(data.models)
        if figure is not None:
            key = SUMMARISED.get(name)
            said = ", ".join(f"{m.name} {number(_value(m, key))}" if key else m.name for m in data.models)
            found[name] = {"title": title, "src": _picture(figure), "alt": ALTS[name].format(said)}
    readable = [row["name"] for row in _subgroups(data.serving_model) if not row["small"]]
    forest = figures.forest(data.serving_model, readable)
    if forest is not None:
        alt = "ROC AUC with its interval in each subgroup; the table below holds the same figures."
        found["forest"] = {"title": "ROC AUC by subgroup", "src": _picture(forest), "alt": alt}
    trials = figures.trials(data.trials)
    if trials is not None:
        alt = f"Validation AUC of {len(data.trials)} tuning trials by learning rate, and the best so far."
        found["trials"] = {"title": "Tuning", "src": _picture(trials), "alt": alt}
    return found


def _value(model: ModelReport, name: str) -> float | None:
    metric = model.metric(name)
    return metric.value if metric else None


def _subgroups(model: ModelReport) -> list[dict[str, Any]]:
    """The serving model's subgroups on test studies; a factor with one value only is no subgroup."""
    names = sorted({m.subgroup for m in model.metrics if m.split == "test" and m.level == "study"} - {"all"})
    factors = [name.split("=", 1)[0] for name in names]
    rows = []
    for name, factor in zip(names, factors, strict=True):
        if factors.count(factor) < 2:
            continue
        metrics = {
            key: model.metric(key, subgroup=name) for key in ("roc_auc", "sensitivity", "specificity", "accuracy")
        }
        some = next((metric for metric in metrics.values() if metric), None)
        rows.append({"name": name, "metrics": metrics, "n": some, "small": is_small(some)})
    return rows


def _hardware(models: Sequence[ModelReport]) -> list[dict[str, Any]]:
    """With and without hardware, side by side for every network; empty where the source does not say."""
    rows = []
    for model in models:
        pair = {
            key: {m: model.metric(m, subgroup=f"hardware={key}") for m in ("roc_auc", "sensitivity")} for key in "01"
        }
        if all(pair[key]["roc_auc"] for key in "01"):
            rows.append({"model": model, "without": pair["0"], "with": pair["1"]})
    return rows


def _resampling(model: ModelReport) -> dict[str, Any]:
    metric = model.metric("roc_auc") or next(iter(model.metrics), None)
    notes = sorted({m.note for m in model.metrics if m.note and m.split == "test" and m.subgroup == "all"})
    drawn = max((m.n_resamples for m in model.metrics), default=0)
    said = intervals_said(model, drawn, metric.bootstrap_seed if metric else None)
    return {"said": said, "notes": notes}


def _gallery(data: ReportData) -> list[dict[str, Any]]:
    groups = []
    for kind, title in gallery.KINDS.items():
        cases = [_case(case, data.home) for case in data.gallery if case.kind == kind]
        if cases:
            groups.append({"title": title, "cases": cases})
    return groups


def _case(case: GalleryCase, home: Path) -> dict[str, Any]:
    shown: list[dict[str, Any]] = []
    if case.file:
        shown.append({"name": "Radiograph", "src": _shrunk(Path(case.file)), "note": "", "sanity": ""})
    for each in case.maps:
        name = style(each.architecture).title
        src = None if each.withheld or each.pruned else _shrunk(home / each.path)
        note = "Pruned: the same network has scored this picture again since." if each.pruned else each.note
        shown.append({"name": name, "src": src, "note": note, "sanity": gallery.sanity_said(each)})
    return {"case": case, "shown": shown}


def _shrunk(path: Path) -> str:
    """A data URI of the picture, JPEG for its size. Raises DataError when it is gone or no picture."""
    try:
        with Image.open(path) as picture:
            picture.thumbnail((GALLERY_SIDE, GALLERY_SIDE), Image.Resampling.LANCZOS)
            stream = io.BytesIO()
            picture.convert("RGB").save(stream, "JPEG", quality=84)
    except (OSError, ValueError):
        raise DataError(f"{path.name}: this picture of the gallery can't be read. Run `wrist explain` again.") from None
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()

"""The model card (Mitchell et al. 2019, arXiv 1810.03993) as Markdown, from the same data as the page."""

from __future__ import annotations

import re

from wrist_model.records import Metric
from wrist_model.report import external_sets, plan_beside, published_results
from wrist_model.report.headline import MEANING, headline
from wrist_model.report.metric_text import over_seeds, with_interval
from wrist_model.report.report_data import ModelReport, ReportData
from wrist_model.terminal_text import in_a_line

NOT_REPORTED = "not reported"


def plain(text: object) -> str:
    """Text from files made harmless in Markdown: no markup, no HTML, no broken table rows, no link."""
    flat = re.sub(r"\s+", " ", str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = re.sub(r"([\\`*_\[\]|#~])", r"\\\1", in_a_line(flat))
    return flat.replace("://", "&#58;//").replace("www.", "www&#46;")


def figure(metric: Metric | None) -> str:
    """`0.861 (0.812–0.905)`, or why not."""
    return with_interval(metric, no_interval=" (no interval)") if metric else NOT_REPORTED


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[str]:
    return [row(*head), row(*("---" for _ in head)), *(row(*cells) for cells in rows)]


def results(models: tuple[ModelReport, ...]) -> list[str]:
    """The headline as a Markdown table: a row a metric, a column a model."""
    left_to_the_page = ("f1_positive", "f1_negative", "pr_auc", "log_loss")
    shown = [(name, title) for name, title in headline(models[0]) if name not in left_to_the_page]
    rows: list[tuple[object, ...]] = [
        (title, *("; ".join(filter(None, (figure(m.metric(name)), over_seeds(m.spread(name))))) for m in models))
        for name, title in shown
    ]
    return table(("test studies", *(model.name for model in models)), rows)


def _meaning(model: ModelReport) -> str:
    point = model.point()
    meant = MEANING.get(point.name) if point else None
    return f" ({meant})" if meant else ""


def _plan(data: ReportData) -> list[str]:
    if data.plan is None:
        return []
    rows: list[tuple[object, ...]] = [
        (plain(what), plain(said), plain(happened or "–")) for what, said, happened in plan_beside.rows(data)
    ]
    when = f"after {data.plan.looks_before} looks" if data.plan.looks_before else "before any look"
    head = f"Plan `{data.plan.plan_id}`, SHA-256 `{data.plan.content_sha256}`, stored {when} at this hold-out."
    return ["## Plan", "", head, "", *table(("what", "planned", "happened"), rows), ""]


def _maps(data: ReportData) -> list[str]:
    maps = [one for case in data.gallery for one in case.maps]
    if not maps:
        return []
    said = f"{len(maps)} Grad-CAM maps, {sum(one.withheld for one in maps)} withheld. {plain(data.maps_check)}"
    return ["## Heat maps", "", said, ""]


def _external(data: ReportData) -> list[str]:
    """Each external set's figures beside the internal ones."""
    lines: list[str] = ["## External sets", ""] if data.external else []
    for one in data.external:
        n = external_sets.counts(one)
        size = f"{n.n_patients} patients, {n.n_studies} studies; " if n else ""
        lines += [
            f"{plain(one.hold_out)}, {one.model.name} `{one.model.model_version_id}`: {size}look {one.looks}.",
            "",
        ]
        lines += [f"**{plain(one.mismatch)}**", ""] if one.mismatch else []
        cells: list[tuple[object, ...]] = [
            (title, figure(inside), figure(outside)) for _, title, inside, outside in external_sets.rows(one)
        ]
        lines += [*table(("studies", "internal test", plain(one.hold_out)), cells), ""]
    return lines


def warnings(data: ReportData) -> list[str]:
    """What must be read before any figure."""
    found = []
    if data.synthetic:
        found.append("**Synthetic radiographs: these figures say nothing about patients.**")
    if data.from_scratch:
        found.append("**Trained from scratch, without ImageNet weights.**")
    if not data.patients_known:
        found.append("**The source names no patients: intervals may be too narrow.**")
    return [line for text in found for line in (text, "")]


def model_card(data: ReportData) -> str:
    """Markdown, ending with a newline. Text from the data is made harmless."""
    served, set_ = data.serving_model, data.dataset
    subgroups = sorted({m.subgroup for m in served.metrics if m.split == "test" and m.level == "study"} - {"all"})
    lines = [f"# Model card: {served.name}, `{served.model_version_id}`", "", *warnings(data)]
    lines += ["## Model", ""]
    for model in data.models:
        facts = [f"role {model.role or 'none yet'}"]
        if model.artifact_sha256:
            facts.append(f"file `{model.artifact_sha256}`")
        if model.weights_source:
            facts.append(f"start weights {plain(model.weights_source)}, seed {model.seed}")
        if model.members:
            facts.append(f"mean of {', '.join(plain(member) for member in model.members)}")
        lines.append(f"- {model.name} `{model.model_version_id}`: {'; '.join(facts)}.")
    lines += [
        f"- Recipe {plain(data.recipe_name)}, SHA-256 `{data.recipe_sha256}`.",
        f"- Code {plain(data.lineage.git_commit)}." if data.lineage else f"- Code: {NOT_REPORTED}.",
        "",
        "Input: one wrist radiograph as 8-bit grey, bone bright. Output: a calibrated probability of *abnormal*; for a "
        "study, from the mean of its images' raw probabilities.",
        "",
        "## Intended use",
        "",
        *(f"- {text}" for text in published_results.LIMITS),
        "",
        "## What the label means",
        "",
        *(f"- {text}" for text in published_results.LABEL_CAVEATS),
        "",
        "## Data",
        "",
        f"Data-set version `{set_.dataset_id}`, manifest SHA-256 `{set_.manifest_sha256}`, sources "
        f"{', '.join(plain(source) for source in set_.sources) or NOT_REPORTED}. Split by patient "
        f"(guard: {plain(set_.guard_status)}).",
        *(
            f"{plain(sources)} have {patients} patient numbers in common, {apart} of them in two splits; "
            + ("declared to be different people." if declared else "whether these are the same people is not stated.")
            for sources, patients, apart, declared in set_.same_numbers
        ),
        "",
        *table(
            ("split", "patients", "studies", "images", "abnormal studies"),
            [(s.split, s.patients, s.studies, s.images, s.positive_studies) for s in set_.splits],
        ),
        "",
        "## Results",
        "",
        f"At the serving operating point{_meaning(served)}, 95% intervals over patients. This hold-out has been looked "
        f"at {data.holdout_looks} time{'' if data.holdout_looks == 1 else 's'}.",
        "",
        *results(data.models),
        "",
        *(
            ["Ranges are over trainings that differ by the seed alone; the recipe's own serves, the others can't.", ""]
            if served.replicates
            else []
        ),
        *_maps(data),
        *_plan(data),
        *_external(data),
        "## Subgroups",
        "",
    ]
    if subgroups:
        rows: list[tuple[object, ...]] = []
        for name in subgroups:
            metrics = [served.metric(key, subgroup=name) for key in ("roc_auc", "sensitivity", "specificity")]
            n = next((metric.n_studies for metric in metrics if metric), 0)
            figures = ("too small to read", "–", "–") if n < 10 else tuple(figure(metric) for metric in metrics)
            rows.append((plain(name.replace("=", " = ").replace("_", " ")), n, *figures))
        lines += table(("subgroup", "studies", "ROC AUC", "sensitivity", "specificity"), rows)
    else:
        lines.append(NOT_REPORTED.capitalize() + ".")
    return "\n".join(lines) + "\n"

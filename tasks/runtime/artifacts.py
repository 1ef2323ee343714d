"""What a run leaves in Prefect's pages: one Markdown summary with tables and pictures, small enough to keep.

Prefect stores an artifact twice (as such, and as the newest of its key), and `file://` pictures are broken in its
pages: so pictures are shrunk and set inline, and all of one report's stay below PICTURES_BYTES.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from db.stage_costs import StoredCost
from tasks.local_time import local
from tasks.runtime import pages
from tasks.runtime.progress import in_a_run
from wrist_model.evidence.alpha_spending import Budget
from wrist_model.evidence.promotion_gate import margins
from wrist_model.evidence.retrain_plan import lines_of
from wrist_model.evidence_records import Plan
from wrist_model.recipe import GateRecipe
from wrist_model.records import Comparison
from wrist_model.report.gallery import KINDS
from wrist_model.report.guide import guide
from wrist_model.report.headline import HEADLINE
from wrist_model.report.metric_text import in_words, with_interval
from wrist_model.report.model_card import plain
from wrist_model.report.network_style import style
from wrist_model.report.report_data import ReportData
from wrist_model.scoring.serving_point import serving_metrics

PICTURES_BYTES = 170_000
SHOWN = ("roc_auc", "accuracy", "sensitivity", "specificity", "f1_positive", "f1_negative", "cohen_kappa")
NAMES = dict(HEADLINE)
CURVES = ("roc", "history", "confusion", "calibration")


def report(data: ReportData, path: Path) -> None:
    """Store the summary of a report in the run at hand: metrics, decision, curves, maps. Nothing without a run."""
    if in_a_run():  # the pictures take a while
        description = f"{data.dataset.dataset_id}, recipe {data.recipe_name}: {data.decision or 'not decided'}"
        markdown("report", description, summary(data, path))


def markdown(key: str, description: str, text: str) -> None:
    """Store a page of Markdown in the run at hand."""
    if in_a_run():
        from prefect.artifacts import create_markdown_artifact

        create_markdown_artifact(text, key=key, description=plain(description))


def gate(
    decided: Mapping[str, Any],
    found: Sequence[Comparison],
    recipe: GateRecipe,
    looks: int,
    plan: Plan | None = None,
    budget: Budget | None = None,
) -> None:
    """Store the gate's comparison in the run at hand. decided: what the gate gives; plan, budget: what the score rule
    went by."""
    page = gate_page(decided, found, recipe, looks, plan, budget)
    markdown("gate", f"{decided['model_version_id']}: {decided['decision']}", page)


def gate_page(
    decided: Mapping[str, Any],
    found: Sequence[Comparison],
    recipe: GateRecipe,
    looks: int,
    plan: Plan | None,
    budget: Budget | None,
) -> str:
    """The page's Markdown: a narrow table for each reference, since Prefect's page cuts wide ones off; the plan."""
    limit, reason = margins(recipe), in_words(str(decided["reason"]))
    lines = [f"# Gate: {decided['model_version_id']}: {decided['decision']}", ""]
    lines += [f"{plain(reason[:1].upper() + reason[1:])}.", ""]
    for reference in dict.fromkeys(one.reference for one in found):
        against = [one for one in found if one.reference == reference]
        lines += [f"## Against {reference}", ""]
        lines += [
            "| metric | difference | lower limit | upper limit | margin | patients |",
            "|---|---|---|---|---|---|",
        ]
        for one in against:
            numbers = (_signed(value) for value in (one.difference, one.ci_low, one.ci_high))
            margin = f"−{limit[one.metric]:.3f}"
            name = NAMES.get(one.metric, one.metric)
            lines.append(f"| {name} | {' | '.join(numbers)} | {margin} | {one.n_patients} |")
        methods = [f"{NAMES.get(one.metric, one.metric)}: {one.method.replace('_', ' ')}" for one in against]
        lines += ["", f"Methods: {'; '.join(methods)}.", ""]
    if found:
        lines += ["Promoted when every lower limit lies above −margin; refused when an upper limit lies below it.", ""]
    if plan is None or budget is None:
        lines += [f"Looks at this hold-out so far: {looks} (a person decides past {recipe.max_looks})."]
    else:
        when = local(plan.created_at)
        lines += [f"## What plan {plan.plan_id} had fixed", "", f"SHA-256 `{plan.content_sha256}`, {when}.", ""]
        lines += [f"- **{NAMES.get(what, what)}:** {in_words(said)}" for what, said in lines_of(plan.content)]
        lines += ["", f"This was {budget.in_words}."]
    return "\n".join(lines)


def _signed(value: float | None) -> str:
    return "undefined" if value is None else f"{value:+.3f}".replace("-", "−")


def costs(flow: str, now: Sequence[StoredCost], before: Sequence[StoredCost]) -> None:
    """Store where the time of this run went, beside the mean of the runs before it."""
    if not now:
        return
    runs = len({cost.run_id for cost in before})
    head = ["stage", "wall s", "CPU s", "peak memory"]
    if runs:  # else there is nothing to fill the column with
        head.append("wall s of the run before" if runs == 1 else f"mean wall s of the {runs} runs before")
    lines = [f"# Where the time of {flow} went", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for cost in now:
        earlier = [one.wall_seconds for one in before if one.stage == cost.stage]
        peak = f"{cost.peak_bytes / 2**30:.2f} GiB" if cost.peak_bytes else "–"
        cpu = "–" if cost.cpu_seconds is None else f"{cost.cpu_seconds:.1f}"
        cells = [cost.stage, f"{cost.wall_seconds:.1f}", cpu, peak]
        if runs:
            cells.append(f"{sum(earlier) / len(earlier):.1f}" if earlier else "–")
        lines.append(f"| {' | '.join(cells)} |")
    total = sum(cost.wall_seconds for cost in now)
    lines += ["", f"Altogether {total:.0f} s."]
    markdown("costs", f"{flow}: {total:.0f} s", "\n".join(lines))


def summary(data: ReportData, path: Path) -> str:
    """The Markdown of a report's summary; at most PICTURES_BYTES of pictures, the curves first."""
    page = pages.report(path)
    where = f"[open it]({page})" if page else f"{plain(path)} (open it with a browser on the machine that wrote it)"
    lines = [
        f"# {plain(data.recipe_name)} on {data.dataset.dataset_id}",
        "",
        f"**Report:** {where}",
        "",
        f"**Gate:** {plain(in_words(', '.join(filter(None, (data.decision or 'not asked', data.decision_reason)))))}",
        "",
        *(f"**{heading}:** {plain(' '.join(sentences))}\n" for heading, sentences in guide(data)),
        f"**Hold-out:** {plain(data.dataset.guard_status)}; looked at "
        + ("once." if data.holdout_looks == 1 else f"{data.holdout_looks} times."),
        "",
    ]
    if data.synthetic:
        lines += ["Synthetic radiographs: these figures say nothing about patients.", ""]
    if data.from_scratch:
        lines += ["Trained from random weights.", ""]
    lines += ["## Test studies", "", *_table(data), ""]
    left = PICTURES_BYTES
    for title, picture in (*_curves(data), *_maps(data)):
        if len(picture) <= left:
            left -= len(picture)
            kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
            text = base64.b64encode(picture).decode("ascii")
            lines += [f"**{title}**", "", f"![{title}](data:image/{kind};base64,{text})", ""]
    return "\n".join(lines)


def _table(data: ReportData) -> list[str]:
    """A metric a row, a model a column, the one named to serve first: Prefect's page is narrow. Ids stand below."""
    models = sorted(data.models, key=lambda model: model is not data.serving_model)
    found = [serving_metrics(model.metrics, model.operating_points) for model in models]
    rows = [
        f"| {NAMES[name]} | " + " | ".join(with_interval(one.get(name), undefined="–") for one in found) + " |"
        for name in SHOWN
    ]
    ids = [f"- {model.name}: {model.model_version_id}" for model in models]
    ids[0] += ", named to serve"
    return [
        "| | " + " | ".join(model.name for model in models) + " |",
        "|---" * (len(models) + 1) + "|",
        *rows,
        "",
        *ids,
    ]


def _curves(data: ReportData) -> Iterable[tuple[str, bytes]]:
    from wrist_model.report import figures

    drawn = figures.artifacts(data)
    for name in CURVES:
        if name in drawn:
            title, png = drawn[name]
            yield title, shrunk(png, 640, colours=32)


def _maps(data: ReportData) -> Iterable[tuple[str, bytes]]:
    """One picture a case: its maps side by side. Withheld maps are left out."""
    from PIL import Image

    for case in data.gallery:
        shown = [one for one in case.maps if not one.withheld and (data.home / one.path).exists()]
        if not shown:
            continue
        images = [Image.open(data.home / one.path).convert("RGB").resize((200, 200)) for one in shown]
        strip = Image.new("RGB", (200 * len(images), 200))
        for number, image in enumerate(images):
            strip.paste(image, (200 * number, 0))
        stream = io.BytesIO()
        strip.save(stream, "JPEG", quality=70)
        networks = ", ".join(style(one.architecture).title for one in shown)
        yield f"{case.image_uid} ({KINDS.get(case.kind, case.kind)}): {networks}", stream.getvalue()


def shrunk(png: bytes, width: int, *, colours: int) -> bytes:
    """A picture at most `width` pixels wide, with a palette: about 15 KB for a chart."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.quantize(colours).save(stream, "PNG", optimize=True)
    return stream.getvalue()

"""The report's figures, each a matplotlib Figure; `svg` and `png` turn one into bytes for a page or an artifact."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from wrist_model.records import Epoch, Metric, TuningTrial
from wrist_model.report.network_style import style
from wrist_model.report.report_data import ModelReport, ReportData
from wrist_model.statistics.metrics import calibration_bins, pr_curve, roc_curve

INK, PALE = "#22303c", "#c9d2d9"
POSITIVE, NEGATIVE = "#CC79A7", "#56B4E9"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e6ebef",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "svg.hashsalt": "wrist",
    "svg.fonttype": "path",
}


def svg(figure: Figure) -> bytes:
    """The figure as SVG; equal figures give equal bytes."""
    with rc_context(STYLE):
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None}, bbox_inches="tight", pad_inches=0.06)
        return stream.getvalue()


def png(figure: Figure, dpi: int = 110) -> bytes:
    """The figure as PNG, for a Prefect artifact."""
    with rc_context(STYLE):
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None}, bbox_inches="tight")
        return stream.getvalue()


def _scored(model: ModelReport) -> tuple[list[int], list[float]]:
    rows = [row for row in model.studies if row.label is not None and row.probability is not None]
    return [int(row.label or 0) for row in rows], [float(row.probability or 0.0) for row in rows]


def _square(figure: Figure, x: str, y: str) -> Any:
    axes = figure.add_subplot()
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y, aspect="equal")
    return axes


def _value(metric: Metric | None) -> str:
    return "undefined" if metric is None or metric.value is None else f"{metric.value:.3f}"


def _colour(model: ModelReport) -> str:
    return style(model.architecture).colour


def roc(models: Sequence[ModelReport]) -> Figure:
    """ROC curves of the test studies, with each network's serving operating point as a dot."""
    with rc_context(STYLE):
        figure = Figure(figsize=(4.6, 4.4))
        axes = _square(figure, "1 − specificity", "Sensitivity")
        axes.plot([0, 1], [0, 1], color=PALE, linewidth=1, label="chance")
        for model in models:
            labels, scores = _scored(model)
            x, y = roc_curve(labels, scores)
            if not len(x):
                continue
            line = style(model.architecture).line
            name = f"{model.name}: AUC {_value(model.metric('roc_auc'))}"
            axes.plot(x, y, color=_colour(model), linestyle=line, linewidth=2, label=name)
            sensitivity, specificity = model.metric("sensitivity"), model.metric("specificity")
            if sensitivity and specificity and sensitivity.value is not None and specificity.value is not None:
                axes.plot(
                    1 - specificity.value, sensitivity.value, "o", color=_colour(model), markersize=7, mec="white"
                )
        axes.legend(loc="lower right", fontsize=8.5)
        return figure


def pr(models: Sequence[ModelReport]) -> Figure:
    """Precision–recall curves of the test studies, with the prevalence as the line of chance."""
    with rc_context(STYLE):
        figure = Figure(figsize=(4.6, 4.4))
        axes = _square(figure, "Recall (sensitivity)", "Precision (PPV)")
        for model in models:
            labels, scores = _scored(model)
            x, y = pr_curve(labels, scores)
            if not len(x):
                continue
            if model is models[0]:
                prevalence = sum(labels) / len(labels)
                axes.axhline(prevalence, color=PALE, linewidth=1, label=f"prevalence {prevalence:.2f}")
            name = f"{model.name}: {_value(model.metric('pr_auc'))}"
            line = style(model.architecture).line
            axes.plot(x, y, color=_colour(model), linestyle=line, linewidth=2, label=name, drawstyle="steps-pre")
        if axes.lines:
            axes.legend(loc="best", fontsize=8.5, title="average precision", alignment="left")
        return figure


def calibration(models: Sequence[ModelReport]) -> Figure:
    """Observed share of positive studies against calibrated probability, in equal-mass bins."""
    with rc_context(STYLE):
        figure = Figure(figsize=(4.6, 4.4))
        axes = _square(figure, "Calibrated probability", "Observed share abnormal")
        axes.plot([0, 1], [0, 1], color=PALE, linewidth=1, label="perfect")
        for model, marker in zip(models, "osDv^", strict=False):
            labels, scores = _scored(model)
            if not labels:
                continue
            bins = calibration_bins(labels, scores, bins=min(15, max(4, len(labels) // 12)))
            slope = model.metric("calibration_slope")
            name = f"{model.name}: " + (f"slope {_value(slope)}" if slope else f"ECE {_value(model.metric('ece'))}")
            line = style(model.architecture).line
            axes.plot(
                bins[:, 0], bins[:, 1], marker, ls=line, color=_colour(model), lw=1.4, ms=5, mec="white", label=name
            )
        axes.legend(loc="upper left", fontsize=8.5)
        return figure


def _panels(models: Sequence[ModelReport], width: float, height: float) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(width * max(1, len(models)), height), layout="constrained")
    found = figure.subplots(1, max(1, len(models)), squeeze=False)
    return figure, list(found[0])


def confusion(models: Sequence[ModelReport]) -> Figure:
    """A confusion matrix a network at its serving operating point: counts, and the share of the row."""
    with rc_context(STYLE):
        figure, panels = _panels(models, 3.0, 2.9)
        for model, axes in zip(models, panels, strict=False):
            axes.grid(False)
            metric = model.metric("accuracy")
            axes.set_title(model.name, color=_colour(model))
            if metric is None or metric.tp is None:
                axes.text(0.5, 0.5, "not stored", ha="center", va="center", transform=axes.transAxes)
                continue
            cells = np.array([[metric.tn, metric.fp], [metric.fn, metric.tp]], dtype=float)
            shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15)
            for (row, column), count in np.ndenumerate(cells):
                share = shares[row, column]
                ink = "white" if share > 0.6 else INK
                axes.text(column, row - 0.08, f"{count:.0f}", ha="center", va="center", fontsize=15, color=ink)
                axes.text(column, row + 0.24, f"{share:.0%}", ha="center", va="center", fontsize=8.5, color=ink)
            axes.set_xticks([0, 1], ["normal", "abnormal"])
            axes.set_yticks([0, 1], ["normal", "abnormal"], rotation=90, va="center")
            axes.set_xlabel("called")
            axes.set_ylabel("label")
            for spine in axes.spines.values():
                spine.set_visible(False)
            axes.tick_params(length=0)
        return figure


def histograms(models: Sequence[ModelReport]) -> Figure:
    """Calibrated probabilities of the test studies by label, with the serving threshold."""
    with rc_context(STYLE):
        figure, panels = _panels(models, 3.3, 2.7)
        for model, axes in zip(models, panels, strict=False):
            labels, scores = (np.asarray(values, dtype=float) for values in _scored(model))
            edges = np.linspace(0, 1, 21)
            axes.hist(scores[labels == 0], edges, color=NEGATIVE, alpha=0.85, label="normal", hatch="", lw=0)
            axes.hist(
                scores[labels == 1],
                edges,
                histtype="stepfilled",
                fc=POSITIVE + "88",
                ec="#8A3A6A",
                lw=1.4,
                label="abnormal",
            )
            if point := model.point():
                axes.axvline(point.threshold, color=INK, linewidth=1.2, linestyle="--", label="threshold")
            axes.set(title=model.name, xlabel="Calibrated probability", ylabel="Studies", xlim=(0, 1))
            axes.grid(axis="x", visible=False)
        if models:
            panels[0].legend(fontsize=8)
        return figure


def history(models: Sequence[ModelReport]) -> Figure | None:
    """Loss and accuracy by epoch, training and validation, a column a network; None where no history is stored."""
    trained = [model for model in models if model.history]
    if not trained:
        return None
    with rc_context(STYLE):
        figure = Figure(figsize=(4.2 * len(trained), 4.6), layout="constrained")
        grid = figure.subplots(2, len(trained), squeeze=False, sharex="col")
        for column, model in enumerate(trained):
            _epochs(grid[:, column], model.architecture, model.history)
        return figure


def epochs(architecture: str, history: Sequence[Epoch]) -> Figure:
    """One network's loss and accuracy by epoch so far, side by side."""
    with rc_context(STYLE):
        figure = Figure(figsize=(8.4, 2.6), layout="constrained")
        _epochs(figure.subplots(1, 2), architecture, history)
        return figure


def _epochs(pair: Any, architecture: str, history: Sequence[Epoch]) -> None:
    numbers = [epoch.epoch for epoch in history]
    best = min(history, key=lambda each: each.val_loss).epoch
    for axes, name in zip(pair, ("loss", "accuracy"), strict=True):
        own = [getattr(epoch, name) for epoch in history]
        validation = [getattr(epoch, f"val_{name}") for epoch in history]
        colour = style(architecture).colour
        axes.plot(numbers, own, "o-", color=INK, linewidth=1.4, markersize=3.5, label="training")
        axes.plot(numbers, validation, "s--", color=colour, linewidth=1.8, markersize=4, label="validation")
        axes.axvline(best, color=PALE, linewidth=6, zorder=0, label="best epoch")
        axes.set_ylabel(name.capitalize())
    pair[0].set_title(style(architecture).title)
    pair[0].legend(fontsize=8)
    pair[1].set_xlabel("Epoch")
    pair[1].xaxis.get_major_locator().set_params(integer=True)


def trials(tried: Sequence[TuningTrial]) -> Figure | None:
    """Each trial's validation AUC by learning rate, larger for larger batches, hollow where pruned; and the best so
    far. None where no trial has a value."""
    valued = [each for each in tried if each.value is not None and each.learning_rate and each.batch_size]
    if not valued:
        return None
    with rc_context(STYLE):
        figure = Figure(figsize=(8.4, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        for architecture in sorted({each.architecture for each in valued}):
            mine = [each for each in valued if each.architecture == architecture]
            look = style(architecture)
            for state, face in (("complete", look.colour), ("pruned", "none")):
                some = [each for each in mine if each.state == state]
                left.scatter(
                    [each.learning_rate for each in some],
                    [each.value for each in some],
                    [8 + (each.batch_size or 0) / 2 for each in some],
                    facecolors=face,
                    edgecolors=look.colour,
                    label=f"{look.title}, {state}",
                )
            best = np.maximum.accumulate(np.array([each.value for each in mine], np.float64))
            right.step(range(1, len(mine) + 1), best, where="post", color=look.colour, linestyle=look.line)
        left.set(xscale="log", xlabel="Learning rate", ylabel="Validation AUC, by study", title="Trials")
        left.legend(fontsize=8)
        right.set(xlabel="Trial", ylabel="Best so far")
        right.xaxis.get_major_locator().set_params(integer=True)
        return figure


def forest(model: ModelReport, subgroups: Sequence[str]) -> Figure | None:
    """ROC AUC with its interval of all studies and of these subgroups. None where nothing is defined."""
    rows = [(name, model.metric("roc_auc", subgroup=name)) for name in ("all", *subgroups)]
    drawn = [(name, metric, metric.value) for name, metric in rows if metric is not None and metric.value is not None]
    if len(drawn) < 2:
        return None
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, 0.9 + 0.28 * len(drawn)))
        axes = figure.add_subplot()
        axes.axvline(drawn[0][2], color=PALE, linewidth=1.2)
        for place, (_, metric, value) in enumerate(drawn):
            if metric.ci_low is not None and metric.ci_high is not None:
                axes.plot([metric.ci_low, metric.ci_high], [place, place], color=_colour(model), linewidth=1.6)
            axes.plot(value, place, "s", ms=6, color=_colour(model), mec=_colour(model), mew=1.4)
        names = [f"{name.replace('=', ' = ').replace('_', ' ')}  (n = {metric.n_studies})" for name, metric, _ in drawn]
        axes.set_yticks(range(len(drawn)), names)
        axes.invert_yaxis()
        axes.set(xlabel=f"ROC AUC, {model.name}, test studies", xlim=(None, 1.02))
        axes.grid(axis="y", visible=False)
        return figure


Drawer = Callable[[Sequence[ModelReport]], Figure | None]
ALL: dict[str, tuple[str, Drawer]] = {
    "roc": ("ROC curves", roc),
    "pr": ("Precision–recall curves", pr),
    "calibration": ("Calibration", calibration),
    "confusion": ("Confusion matrices", confusion),
    "histograms": ("Scores by label", histograms),
    "history": ("Training history", history),
}


def artifacts(data: ReportData) -> dict[str, tuple[str, bytes]]:
    """name → (title, PNG bytes) of every figure there is: the same figures as on the page."""
    drawn = {name: (title, draw(data.models)) for name, (title, draw) in ALL.items()}
    return {name: (title, png(figure)) for name, (title, figure) in drawn.items() if figure is not None}

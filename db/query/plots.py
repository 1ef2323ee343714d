"""The plots of `wrist browse`: each one a query on the public views, drawn as SVG without any library."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe and Ito, colour-blind safe
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 290, 56, 20, 12, 46


@dataclass(frozen=True)
class Plot:
    """sql gives (series, x, y) or (series, x, y, low, high), drawn as a line with bars. low: where y begins; x and y
    are numbers, or x texts in their order (months)."""

    title: str
    across: str
    sql: str
    low: float | None = 0.0


PLOTS = (
    Plot(
        "Validation loss by epoch",
        "epoch",
        "SELECT t.architecture || ' ' || substr(t.training_run_id, 4, 4), h.epoch, h.val_loss FROM training_history h "
        "JOIN training_runs t ON t.training_run_id = h.training_run_id ORDER BY t.started_at, h.epoch LIMIT 2000",
    ),
    Plot(
        "Study AUC on the hold-out, with 95% intervals",
        "evaluation, oldest first",
        "SELECT architecture, row_number() OVER (ORDER BY created_at, metric_id), value, ci_low, ci_high "
        "FROM evaluation_metrics WHERE metric = 'roc_auc' AND level = 'study' AND split = 'test' "
        "AND subgroup = 'all' ORDER BY created_at, metric_id",
        None,
    ),
    Plot(
        "Calibrated study scores on the hold-out: share of each label's studies",
        "calibrated score",
        "SELECT 'label ' || label, (cast(min(probability, 0.9999) * 10 AS INT) + 0.5) / 10.0, "
        "1.0 * count(*) / sum(count(*)) OVER (PARTITION BY label) FROM study_predictions "
        "WHERE split = 'test' AND probability IS NOT NULL AND label IS NOT NULL "
        "GROUP BY label, cast(min(probability, 0.9999) * 10 AS INT) ORDER BY 1, 2",
    ),
    Plot(
        "Studies scored by month",
        "month",
        "SELECT architecture || ', ' || purpose, substr(created_at, 1, 7), count(*) FROM study_predictions "
        "GROUP BY architecture || ', ' || purpose, substr(created_at, 1, 7) ORDER BY 2, 1",
    ),
)
_STYLE = (
    "body{margin:0;font-family:sans-serif;color:#111a35;background:#f8fafb}header{background:#276890;padding:8px 16px}"
    "header a{color:#fff;text-decoration:none}main{max-width:50em;margin:auto;padding:0 16px 32px}h2{font-size:1.1em;"
    "margin:1.6em 0 .2em}svg{width:100%}ul{list-style:none;padding:0;margin:.2em 0;font-size:.9em}li{display:inline;"
    "margin-right:1.2em}small a{color:#276890}"
)


def page(answers: list[list[tuple[Any, ...]]]) -> str:
    """A page of charts, one for each of PLOTS; answers: the rows of its query."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Wrist: plots</title>',
        f'<style>{_STYLE}</style><body><header><a href="/">home</a> <a href="/catalogue">/ catalogue</a></header>',
        "<main><h1>Plots</h1>",
    ]
    for plot, rows in zip(PLOTS, answers, strict=True):
        shown = [row for row in rows if row[1] is not None and row[2] is not None]
        parts.append(f"<h2>{html.escape(plot.title)}</h2>")
        parts.append(_chart(plot, shown) if shown else "<p>Nothing stored yet.</p>")
        parts.append(f'<small><a href="/catalogue?sql={quote(plot.sql)}">its numbers</a></small>')
    return "\n".join(parts) + "</main></body></html>"


def _chart(plot: Plot, rows: list[tuple[Any, ...]]) -> str:
    months = list(dict.fromkeys(row[1] for row in rows)) if isinstance(rows[0][1], str) else []
    points = [(str(row[0]), float(months.index(row[1]) if months else row[1]), *_values(row)) for row in rows]
    heights = _ticks(min(one[3] for one in points) if plot.low is None else plot.low, max(one[4] for one in points))
    low, high = heights[0], heights[-1]
    first, last = min(one[1] for one in points), max(one[1] for one in points)
    if first == last:
        first, last = first - 1, last + 1

    def across(x: float) -> float:
        return LEFT + 14 + (WIDTH - LEFT - RIGHT - 28) * (x - first) / (last - first)

    def up(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (y - low) / (high - low)

    svg = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(plot.title)}">']
    for y in heights:
        svg.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}" stroke="#d5dde3"/>')
        svg.append(_text(LEFT - 6, up(y) + 4, f"{y:.3g}", "end"))
    ticks = sorted({one[1] for one in points})
    for x in ticks[:: -(-len(ticks) // 12)]:
        svg.append(_text(across(x), HEIGHT - BOTTOM + 18, months[int(x)] if months else f"{x:g}", "middle"))
    svg.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, plot.across, "middle"))
    names = list(dict.fromkeys(one[0] for one in points))
    for n, name in enumerate(names):
        colour = COLOURS[n % len(COLOURS)]
        mine = [(across(x), up(y), up(least), up(most)) for one, x, y, least, most in points if one == name]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in mine)
        svg.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y, bottom, top in mine:
            svg.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{bottom:.1f}" y2="{top:.1f}" stroke="{colour}"/>')
            svg.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
    key = "".join(
        f'<li style="color:{COLOURS[n % len(COLOURS)]}">● {html.escape(name)}</li>' for n, name in enumerate(names)
    )
    return f"<ul>{key}</ul>{''.join(svg)}</svg>"


def _ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers that hold low and high."""
    span = (high - low) or 1.0
    size = 10.0 ** math.floor(math.log10(span / 4))
    step = next(times * size for times in (1, 2, 5, 10) if times * size >= span / 5)
    begin, end = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(begin, max(end, begin + 1) + 1)]


def _values(row: tuple[Any, ...]) -> tuple[float, float, float]:
    """The value and its interval's ends; the value itself where there is none."""
    low, high = row[3:5] if len(row) >= 5 else (None, None)
    return float(row[2]), float(row[2] if low is None else low), float(row[2] if high is None else high)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    escaped = html.escape(words)
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" fill="#444" text-anchor="{anchor}">{escaped}</text>'

"""The report is one file that stands alone, shows what was stored, escapes what it is given, and says its limits."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from evidence_data import QUICK, report_data
from PIL import Image

from wrist_model.errors import DataError
from wrist_model.evidence_records import LeakDemonstration
from wrist_model.report import checklists, figures, gallery, guide, model_card, network_style, page
from wrist_model.report.report_data import GalleryCase, GalleryMap, LeftOut, ReportData


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    home = tmp_path_factory.mktemp("home")
    (home / "explanations").mkdir()
    plain = home / "plain.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 70), dtype=np.uint8)).save(plain)
    found = report_data(home)
    cases = []
    for place, row in enumerate(gallery.choose(found.models[-1].images, 6)):
        path = f"explanations/{place}.png"
        Image.fromarray(np.full((90, 70, 3), 20 * place, dtype=np.uint8)).save(home / path)
        maps = (
            GalleryMap("resnet50", path, 0.8, 0.1, False),
            GalleryMap("efficientnetb0", path, 0.05, 0.1, place == 0, "hardly changes when the weights are shuffled"),
        )
        kind, where = gallery.kind(row), str(plain)
        cases.append(GalleryCase(row.image_uid, row.study_uid, kind, row.label, row.probability or 0, 0.5, maps, where))
    return replace(found, gallery=tuple(cases))


@pytest.fixture(scope="module")
def html(data: ReportData) -> str:
    return page.render(data)


class Reader(HTMLParser):
    """Collects what the checks below need, and that every tag is closed."""

    VOID = frozenset({"meta", "img", "br", "link", "hr", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag not in self.VOID:
            self.stack.append(tag)
        if tag == "img":
            self.images.append(attributes)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.links += [value for key, value in attrs if key in ("href", "src") and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert not reader.stack
    return reader


def test_the_page_stands_alone_without_script_or_network(html: str) -> None:
    assert "<script" not in html
    assert all(link.startswith(("#", "data:")) for link in read(html).links)


def test_the_page_can_be_read_by_everyone(html: str) -> None:
    reader = read(html)
    assert '<html lang="en">' in html
    assert 'name="viewport"' in html
    assert "@media print" in html
    assert all(image.get("alt") for image in reader.images)
    assert reader.headings[0] == 1
    assert reader.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(reader.headings, reader.headings[1:], strict=False))
    assert len(reader.ids) == len(set(reader.ids))
    anchors = {link[1:] for link in reader.links if link.startswith("#")}
    assert anchors <= set(reader.ids)


def test_the_headline_shows_the_stored_values(html: str, data: ReportData) -> None:
    for model in data.models:
        for name, _ in page.HEADLINE:
            metric = model.metric(name)
            assert metric is not None
            assert f"{metric.value:.3f}" in html
            assert page.interval(metric) in html


def test_by_the_second_rules_calibration_is_a_headline_and_ece_and_small_groups_are_folded_away(tmp_path: Path) -> None:
    second = replace(QUICK, rules="second", prevalence=0.15, sensitivity_target=0.8)
    html = page.render(report_data(tmp_path, second, prevalence=0.15))
    folded = "".join(re.findall(r"<details.*?</details>", html, re.S))
    open_ = re.sub(r"<details.*?</details>", "", html, flags=re.S)
    for title in ("Calibration slope", "Calibration in the large", "Observed to expected", "PPV at 15% abnormal"):
        assert title in open_, title
    assert "ECE (15 bins)" in folded and "ECE (15 bins)" not in open_
    assert "a calibrated model of this size would show" in folded
    assert "too small to read" in folded and "view = odd" in folded and "view = odd" not in open_
    assert "0.000–1.000" not in html
    assert "largest sensitivity + specificity on validation" in html  # which point is meant


def test_what_the_figures_are_not_is_said_loudly(html: str, data: ReportData) -> None:
    assert "say nothing about patients" in html
    assert "Trained from scratch" in html
    real = page.render(replace(data, synthetic=False, from_scratch=False))
    assert "say nothing about patients" not in real
    assert "Not for diagnosis" in real
    assert "abnormal, not fracture" in real


def test_looks_at_the_hold_out_are_printed(data: ReportData) -> None:
    assert "looked at <strong>3</strong> times" in page.render(replace(data, holdout_looks=3))


def test_a_phone_folds_the_details_and_a_wide_screen_and_paper_show_them(html: str) -> None:
    """No script may run in a report: the style opens the folds, where a browser can, and leaves out their summaries."""
    folds = re.findall(r'<details class="fold">.*?</details>', html, re.S)
    inside, outside = "".join(folds), re.sub(r'<details class="fold">.*?</details>', "", html, flags=re.S)
    for pictures in ("ROC curves of the networks", "Loss and accuracy by epoch", "Heat map of"):
        assert pictures in inside and pictures not in outside
    for answer in ('id="guide"', 'class="headline"', 'id="limits"', 'aria-label="Comparisons"'):
        assert answer in outside and answer not in inside
    assert all("<summary>" in fold and "</summary>" in fold for fold in folds)
    opened = re.search(
        r"@supports selector\(::details-content\) \{ @media \(min-width: 40.01rem\), print \{(.*?)\n\} \}", html, re.S
    )
    assert opened and ".fold > summary { display: none; }" in opened[1] and ".fold::details-content {" in opened[1]


def test_the_guide_speaks_of_what_the_label_means(data: ReportData) -> None:
    def said(*meanings: str) -> str:
        changed = replace(data, dataset=replace(data.dataset, meanings=meanings))
        return " ".join(sentence for _, sentences in guide.guide(changed) for sentence in sentences)

    assert "tell abnormal wrist studies from normal ones" in said("abnormal") and "(abnormal)" in said("abnormal")
    of_fractures = said("fracture")
    assert "tell fracture-positive wrist studies from negative ones" in of_fractures
    assert "anything but what its label says (fracture)" in of_fractures and "normal" not in of_fractures
    assert "abnormal or fracture-positive" in said("abnormal", "fracture")


def test_a_subgroup_of_few_studies_is_folded_and_shows_no_figure(data: ReportData, html: str) -> None:
    """Five studies are of the view `odd`; in the second page as few are with hardware."""
    folded = html.split("of fewer than 10 studies: too small to read</summary>")[1].split("</details>")[0]
    assert "<table" in folded and re.search(r">view = odd</th><td class=.n.>5</td><td class=.n.>5</td>", folded)
    assert "view = odd" not in html.replace(folded, "")
    model = data.serving_model
    few = [replace(m, n_studies=5, note="too small to read") for m in model.metrics if m.subgroup == "hardware=1"]
    rest = [m for m in model.metrics if m.subgroup != "hardware=1"]
    found = page.render(replace(data, models=(*data.models[:-1], replace(model, metrics=(*rest, *few)))))
    table = found.split('aria-label="Hardware"')[1].split("</table>")[0].split("<tr>")[-1]
    assert table.count("5 studies: too small to read") == 2


def test_the_picture_of_subgroups_holds_those_that_can_be_read(
    data: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    real = figures.forest
    monkeypatch.setattr(figures, "forest", lambda model, names: drawn.extend(names) or real(model, names))
    page.render(data)
    assert "view=PA" in drawn and "view=odd" not in drawn


def test_unknown_patients_are_said(data: ReportData, html: str) -> None:
    assert "names no patients" not in html
    assert "names no patients" in page.render(replace(data, patients_known=False))


def test_text_from_files_is_escaped(data: ReportData) -> None:
    evil = '<script>alert("x")</script>'
    dirty = replace(
        data,
        recipe_name=evil,
        left_out=(LeftOut("quarantined", evil, 1),),
        dataset=replace(data.dataset, sources=(evil,)),
        decision="refused",
        decision_reason=evil,
    )
    found = page.render(dirty)
    assert "<script" not in found
    assert "&lt;script&gt;" in found


def test_a_withheld_map_is_not_shown(html: str, data: ReportData) -> None:
    assert html.count("Map withheld") == 1
    assert html.count("data:image/jpeg") == 3 * len(data.gallery) - 1


def test_the_leaky_number_stands_beside_the_honest_one_when_asked(data: ReportData, html: str) -> None:
    assert "The leaky number" not in html
    leak = (LeakDemonstration("resnet50", "roc_auc", 0.957, 0.861, 5918, 0.92),)
    assert "0.957" in page.render(replace(data, leak=leak)).split("The leaky number")[1]


def test_a_report_with_nothing_but_undefined_values_still_renders(data: ReportData) -> None:
    bare = [
        replace(m, metrics=(), images=(), studies=(), history=(), operating_points=(), artifact_sha256=None)
        for m in data.models
    ]
    found = page.render(replace(data, models=tuple(bare), comparisons=(), gallery=(), lineage=None, left_out=()))
    assert "not stored" in found
    read(found)


def test_making_the_documents_twice_gives_the_same_bytes(data: ReportData) -> None:
    assert page.documents(data) == page.documents(data)


def test_a_report_without_a_model_or_with_a_lost_picture_is_refused(data: ReportData, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no model version"):
        page.documents(replace(data, models=()))
    lost = replace(data.gallery[0], file=str(tmp_path / "gone.png"))
    with pytest.raises(DataError, match=r"gone\.png"):
        page.documents(replace(data, gallery=(lost,)))


def test_figures_serve_as_artifacts_too(data: ReportData) -> None:
    found = figures.artifacts(data)
    assert list(found) == ["roc", "pr", "calibration", "confusion", "histograms", "history"]
    assert all(content.startswith(b"\x89PNG") for _, content in found.values())


def test_the_palette_keeps_networks_apart_for_colour_blind_readers_and_on_paper() -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    styles = network_style.every().values()
    for style in styles:
        assert 1.05 / (luminance(style.colour) + 0.05) >= 3  # WCAG 2.2, 1.4.11: graphics against white
    assert len({style.colour for style in styles}) == len({str(style.line) for style in styles}) == len(styles)


def test_the_gallery_holds_the_surest_hits_and_the_worst_misses_one_a_study(data: ReportData) -> None:
    rows = data.models[0].images
    chosen = gallery.choose(rows, 12)
    assert len(chosen) == 12 == len({row.study_uid for row in chosen})
    hits = [row for row in chosen if gallery.kind(row) == "hit"]
    assert hits[0].probability == max(row.probability for row in rows if row.label == 1)  # type: ignore[type-var]
    missed = [row for row in chosen if gallery.kind(row) == "missed"]
    assert missed[0].probability == min(row.probability for row in rows if row.label == 1)  # type: ignore[type-var]
    assert gallery.choose(rows, 0) == ()


def test_the_model_card_says_what_the_report_says(data: ReportData) -> None:
    written = page.documents(data)
    beside = {"model-card", "claim", "tripod-ai"}
    assert set(written) == {"html", *beside, *(f"{kind}-html" for kind in beside)}
    for kind in beside:
        page_of = written[f"{kind}-html"].decode()
        assert "<table>" in page_of and "<script" not in page_of and "<a " not in page_of and "<img" not in page_of
        assert ('<body class="checklist">' in page_of) == (kind != "model-card"), "its answers stand below each other"
    text = written["model-card"].decode()
    assert "| ROC AUC |" in text and "roc_auc" not in text and "age band = 65+" in text and "age_band" not in text
    area = data.serving_model.metric("roc_auc")
    assert area is not None
    assert f"{area.value:.3f} ({area.ci_low:.3f}–{area.ci_high:.3f})" in text
    assert "Not for diagnosis" in text
    assert "Synthetic radiographs" in text
    assert data.dataset.manifest_sha256 in text


@pytest.mark.parametrize(("make", "items"), [(checklists.claim, 44), (checklists.tripod_ai, 52)])
def test_every_item_of_a_checklist_has_an_answer_or_says_not_reported(make, items: int, data: ReportData) -> None:  # type: ignore[no-untyped-def]
    rows = [line for line in make(data).splitlines() if re.match(r"\| \d+[a-g]? \|", line)]
    assert len(rows) == items
    assert all(len(re.split(r"(?<!\\)\|", row)) == 6 for row in rows)
    assert all(row.split(" | ")[-1].strip(" |") for row in rows)
    assert any("not reported" in row for row in rows)


def test_text_from_files_can_not_break_the_documents(data: ReportData) -> None:
    evil = "<img src=x> | **bold**\n# head"
    dirty = replace(data, left_out=(LeftOut("quarantined", evil, 1),))
    for text in (checklists.claim(dirty), checklists.tripod_ai(dirty)):
        assert "<img" not in text
        assert "\n# head" not in text
    assert "<img" not in model_card.model_card(replace(data, dataset=replace(data.dataset, sources=(evil,))))

"""Do heat maps look at what people marked: where one lies, means with intervals over patients, the report's words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from db_story import BY, draw_and_measure, tell
from evidence_data import report_data
from sqlalchemy import Engine

from db import localisation_metrics as stored
from db import regions
from wrist_model.evidence.localisation_metrics import METRICS, localisation_metrics
from wrist_model.evidence_records import LocalisationMetric, Localised, Region
from wrist_model.explanation import heat_map_checks, localisation
from wrist_model.records import ImageRef
from wrist_model.report import page
from wrist_model.statistics.clustered_mean import draw_of, mean_interval

REF = ImageRef("im-1", "st-1", "pt-1", "/none.png", "00")
BOX = Region("im-1", "fractured", 20, 40, 40, 60)


def blob(row: float, column: float, shape: tuple[int, int] = (100, 80), wide: float = 6) -> np.ndarray:
    rows, columns = np.indices(shape)
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * wide**2)).astype(np.float32)


def test_a_map_on_the_box_hits_and_one_beside_it_does_not() -> None:
    pixels = np.full((100, 80), 200, np.uint8)
    [on] = localisation.localised(REF, pixels, blob(50, 30), [BOX])
    assert (on.region_class, on.hottest, on.centre, on.flat) == ("fracture", 1.0, 1.0, False)
    assert on.random == pytest.approx(20 * 20 / (100 * 80)) and on.heat > 0.7
    [off] = localisation.localised(REF, pixels, blob(20, 60), [BOX])
    assert (off.hottest, off.centre) == (0.0, 0.0) and off.heat < 0.01


def test_the_hottest_point_and_the_centre_are_told_apart() -> None:
    two = blob(50, 30) + 0.9 * blob(50, 70, wide=9)  # hottest on the box, most heat beside it
    [found] = localisation.localised(REF, np.full((100, 80), 200, np.uint8), two, [BOX])
    assert (found.hottest, found.centre) == (1.0, 0.0)


def test_a_flat_map_misses_and_equally_hot_points_count_by_their_share() -> None:
    pixels = np.full((100, 80), 200, np.uint8)
    [flat] = localisation.localised(REF, pixels, np.zeros((100, 80), np.float32), [BOX])
    assert (flat.hottest, flat.centre, flat.heat, flat.flat) == (0.0, 0.0, 0.0, True)
    [even] = localisation.localised(REF, pixels, np.ones((100, 80), np.float32), [BOX])
    assert even.hottest == even.random == pytest.approx(even.heat, abs=1e-6)


def test_a_random_point_falls_on_the_radiograph_and_not_on_its_dark_ground() -> None:
    pixels = np.zeros((100, 80), np.uint8)
    pixels[30:70, 10:50] = 180
    [found] = localisation.localised(REF, pixels, blob(50, 30), [BOX])
    assert found.random == pytest.approx(400 / 1600)
    [black] = localisation.localised(REF, np.zeros((100, 80), np.uint8), blob(50, 30), [BOX])
    assert black.random == pytest.approx(400 / 8000)


def test_boxes_of_a_class_are_one_part_whatever_word_says_it_and_thin_ones_hold_a_pixel() -> None:
    mask = localisation.inside((10, 10), [Region("im-1", "x", 2.2, 3.1, 2.3, 3.2), Region("im-1", "x", 9.5, 0, 10, 10)])
    assert mask.sum() == 11 and mask[3, 2] and mask[:, 9].all()
    drawn = [BOX, replace(BOX, name="Fracture"), Region("im-1", "text", 0, 0, 5, 5)]
    found = localisation.localised(REF, np.full((100, 80), 200, np.uint8), blob(50, 30), drawn)
    assert [one.region_class for one in found] == ["fracture", "text"]


def test_the_border_check_measures_heat_by_the_same_function() -> None:
    pixels, heat = np.full((100, 80), 100, np.uint8), blob(2, 2)
    border = np.ones((100, 80), bool)
    border[8:-8, 6:-6] = False
    assert heat_map_checks.border_share(heat, pixels) == localisation.share_inside(heat, border)


def rows_of(count: int, hit: float, seed: int = 0, patients: int | None = None) -> list[Localised]:
    rng = np.random.default_rng(seed)
    return [
        Localised(
            f"im-{n}", f"pt-{n % (patients or count)}", "fracture", float(rng.random() < hit), 0.0, 0.1,
            float(rng.uniform(0.1, 0.5)), flat=False,
        )
        for n in range(count)
    ]  # fmt: skip


def test_each_class_gets_every_metric_beside_chance_with_intervals_over_patients() -> None:
    text = [replace(one, region_class="text", hottest=0.0) for one in rows_of(12, 0.5, 1)]
    found = localisation_metrics([*rows_of(60, 0.6), *text], 500, 7)
    assert [(one.region_class, one.metric) for one in found] == [(c, m) for c in ("fracture", "text") for m in METRICS]
    of = {(one.region_class, one.metric): one for one in found}
    hits, difference = of["fracture", "pointing_game"], of["fracture", "pointing_minus_random"]
    assert hits.value is not None and hits.ci_low is not None and hits.ci_high is not None
    assert hits.ci_low < hits.value < hits.ci_high and (hits.n_images, hits.n_patients) == (60, 60)
    assert difference.value == pytest.approx(hits.value - 0.1) and difference.ci_low == pytest.approx(hits.ci_low - 0.1)
    assert of["fracture", "random_point"].ci_low is None and "the same" in str(of["fracture", "random_point"].note)
    never = of["text", "pointing_game"]
    assert (never.value, never.ci_low) == (0.0, pytest.approx(0, abs=1e-9))
    assert never.ci_high == pytest.approx(0.243, abs=0.01)
    assert found == localisation_metrics([*rows_of(60, 0.6), *text], 500, 7)


def test_few_patients_get_no_interval_and_maps_without_heat_are_told() -> None:
    few = localisation_metrics([replace(one, flat=True) for one in rows_of(40, 0.5, patients=4)], 200, 7)
    assert {one.ci_low for one in few} == {None}
    assert few[0].note == "40 of 40 maps hold no heat and count as misses; no interval with fewer than 5 patients"


def test_images_of_one_patient_are_drawn_together_and_the_interval_holds_the_truth() -> None:
    rng = np.random.default_rng(3)
    held, widths = 0, []
    for count in range(200):
        level = np.repeat(rng.beta(2, 2, 40), 3)  # three images a patient, alike
        values = (rng.random(120) < level).astype(float)
        patients = [f"pt-{n // 3:03d}" for n in range(120)]
        found = mean_interval(values, patients, draw_of(patients, 400, count), share=True)
        assert found.low is not None and found.high is not None
        held += found.low <= 0.5 <= found.high
        widths.append(found.high - found.low)
    assert held / 200 >= 0.9
    alone = mean_interval(
        values, [str(n) for n in range(120)], draw_of([str(n) for n in range(120)], 400, 1), share=True
    )
    assert np.mean(widths) > 1.1 * (alone.high - alone.low)  # type: ignore[operator]


def test_a_measurement_is_stored_once_for_its_boxes_and_the_newest_counts(catalogue: Engine) -> None:
    story = tell(catalogue)
    draw_and_measure(catalogue, story)
    found = stored.localisation_metrics(catalogue, story.evaluation_id)
    assert [one.metric for one in found] == ["pointing_game", "random_point"] and found[0].value == 0.75
    assert stored.add_localisation_metrics(catalogue, story.evaluation_id, found, "cd" * 32, BY) == 0
    again = [replace(found[0], value=0.5)]
    assert stored.add_localisation_metrics(catalogue, story.evaluation_id, again, "ef" * 32, BY) == 1
    assert stored.measured_on(catalogue, story.evaluation_id) == "ef" * 32
    assert [one.value for one in stored.localisation_metrics(catalogue, story.evaluation_id)] == [0.5]
    assert stored.localisation_metrics(catalogue, story.other_evaluation_id) == ()


def test_boxes_are_read_by_picture_and_hashed_as_a_whole(catalogue: Engine) -> None:
    draw_and_measure(catalogue, tell(catalogue))
    found = regions.regions_of(catalogue, ["im-0005-0", "im-0005-1", "im-0006-0"])
    assert found == {
        "im-0005-0": (Region("im-0005-0", "fracture", 10.0, 20.5, 30.0, 40.0, "ada"),),
        "im-0006-0": (Region("im-0006-0", "text", 0.0, 0.0, 9.0, 9.0),),
    }
    assert regions.content_sha256(found) != regions.content_sha256({"im-0005-0": found["im-0005-0"]})


def test_the_report_tells_where_the_maps_lie_and_nothing_where_nothing_is_drawn(tmp_path: Path) -> None:
    data = report_data(tmp_path)
    assert "Do the maps look" not in page.render(data)

    def measured(name: str, low: float) -> list[LocalisationMetric]:
        return [LocalisationMetric("test", name, one, low + 0.1, low, low + 0.2, 40, 38, 200, 7) for one in METRICS]

    models = [
        replace(data.models[0], localisation=(*measured("text", 0.05), *measured("fracture", 0.3))),
        *data.models[1:],
    ]
    html = page.render(replace(data, models=tuple(models)))
    part = html[html.index('id="localisation"') : html.index('id="training"')]
    assert part.index("fracture</th>") < part.index("text<span")
    assert "hit more often than by chance" in part and "a shortcut may be at work" in part
    assert "0.400" in part and "0.300–0.500" in part

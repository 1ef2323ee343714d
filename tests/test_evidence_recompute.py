"""What is stored follows from the stored predictions; and the leaky protocol is what it says, on train patients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evidence_data import QUICK, scored, subgroups
from PIL import Image

from wrist_model.errors import DataError
from wrist_model.evidence import evaluation_metrics, leak_demonstration
from wrist_model.evidence.recompute import recompute
from wrist_model.radiograph import decode
from wrist_model.recipe import Recipe
from wrist_model.records import ImageRef
from wrist_model.scoring import operating_points, study_aggregation

POINTS = operating_points.lock(scored("validation", 90, 3), QUICK)
ROWS = scored("test", 60, 4, patients=40)
IMAGES = operating_points.apply(POINTS, ROWS)
STUDIES = operating_points.apply(POINTS, study_aggregation.by_study(ROWS))
GROUPS = subgroups(ROWS)
METRICS = evaluation_metrics.measure(IMAGES, STUDIES, POINTS, QUICK, "test", GROUPS)


def test_nothing_differs_in_what_was_stored() -> None:
    assert recompute(IMAGES, STUDIES, POINTS, METRICS, QUICK, "test", GROUPS) == ()


def test_rows_in_another_order_give_the_same() -> None:
    assert recompute(IMAGES[::-1], STUDIES[::-1], POINTS, METRICS[::-1], QUICK, "test", GROUPS) == ()


@pytest.mark.parametrize(
    ("field", "value"), [("value", 0.999), ("ci_low", 0.1), ("tp", 0), ("n_patients", 3), ("threshold", 0.5)]
)
def test_a_touched_up_metric_is_found_and_named(field: str, value: float) -> None:
    place = next(i for i, m in enumerate(METRICS) if m.metric == "sensitivity" and m.subgroup == "all")
    touched = [*METRICS[:place], replace(METRICS[place], **{field: value}), *METRICS[place + 1 :]]
    (found,) = recompute(IMAGES, STUDIES, POINTS, touched, QUICK, "test", GROUPS)
    assert (found.field, found.stored) == (field, value)
    assert "sensitivity of all at study level (youden)" in str(found)


def test_a_touched_up_prediction_is_found_from_the_bottom_up() -> None:
    touched = [replace(IMAGES[0], raw_probability=0.999), *IMAGES[1:]]
    found = recompute(touched, STUDIES, POINTS, METRICS, QUICK, "test", GROUPS)
    assert f"image {IMAGES[0].image_uid}" in str(found[0])
    assert any(difference.where.startswith("study ") for difference in found)


def test_a_missing_metric_and_a_surplus_one_are_found() -> None:
    found = recompute(IMAGES, STUDIES, POINTS, METRICS[1:], QUICK, "test", GROUPS)
    assert [(one.stored, one.derived) for one in found] == [("none", "there")]
    extra = [*METRICS, replace(METRICS[0], subgroup="moon=full")]
    found = recompute(IMAGES, STUDIES, POINTS, extra, QUICK, "test", GROUPS)
    assert [(one.stored, one.derived) for one in found] == [("there", "none")]


def pictures(folder: Path, studies: int = 6) -> list[ImageRef]:
    rng = np.random.default_rng(0)
    refs = []
    for study in range(studies):
        for image in range(2):
            pixels = rng.integers(0, 255, (40, 30), dtype=np.uint8)
            path = folder / f"{study}-{image}.png"
            Image.fromarray(pixels).save(path)
            sha256 = decode.pixel_sha256(pixels)
            uid = f"im-{study}-{image}"
            refs.append(ImageRef(uid, f"st-{study}", f"pt-{study}", str(path), sha256, study % 2, "train"))
    return refs


def test_the_leaky_protocol_makes_five_copies_of_each_image_and_deals_them_by_image(tmp_path: Path) -> None:
    recipe = Recipe("leaky")
    copies = leak_demonstration.copied(pictures(tmp_path), recipe, tmp_path / "leak")
    assert len(copies) == 12 * 6
    assert len({ref.image_uid for ref in copies}) == 72
    assert len({ref.pixel_sha256 for ref in copies}) == 72
    assert decode.load_pixels(copies[5]).shape == (224, 224)
    dealt = leak_demonstration.deal(copies, 0)
    assert len(dealt.train) + len(dealt.validation) + len(dealt.test) == 72
    assert {ref.patient_key for ref in dealt.test} & {ref.patient_key for ref in dealt.train}
    assert dealt.share_with_sibling == 1.0
    assert leak_demonstration.deal(copies, 0) == dealt


def test_the_leaky_protocol_never_touches_the_hold_out(tmp_path: Path) -> None:
    refs = pictures(tmp_path)
    with pytest.raises(DataError, match="train patients alone"):
        leak_demonstration.copied([*refs[1:], replace(refs[0], split="test")], Recipe("leaky"), tmp_path / "leak")


def test_the_controls_copies_are_as_many_and_no_patient_stands_in_two_parts(tmp_path: Path) -> None:
    copies = leak_demonstration.copied(pictures(tmp_path), Recipe("leaky"), tmp_path / "leak")
    for seed in range(20):
        leaky, control = leak_demonstration.arms(copies, seed)
        parts = ("train", "validation", "test")
        assert [len(getattr(leaky, part)) for part in parts] == [len(getattr(control, part)) for part in parts]
        of = [{ref.patient_key for ref in getattr(control, part)} for part in parts]
        assert not (of[0] & of[1] or of[0] & of[2] or of[1] & of[2]) and all(of)
        assert leaky.share_with_sibling > 0.5 and control.share_with_sibling == 0.0


def test_leaky_figures_carry_their_interval_and_how_leaky_they_are(tmp_path: Path) -> None:
    dealt, control = leak_demonstration.arms(pictures(tmp_path, 60), 1)
    scores = np.array([0.3 + 0.4 * (ref.label or 0) for ref in dealt.test])
    chance = np.linspace(0.1, 0.4, len(control.test))
    area, accuracy = leak_demonstration.figures("resnet50", Recipe("leaky"), (dealt, scores), (control, chance))
    assert area.control != area.leaky and area.control_ci[0] is not None and area.n_control_images == len(control.test)
    assert (area.metric, area.leaky, accuracy.leaky) == ("roc_auc", 1.0, 1.0)
    assert area.leaky_ci[0] < 1 == area.leaky_ci[1]  # type: ignore[operator]
    assert 0.5 < area.share_with_sibling <= 1

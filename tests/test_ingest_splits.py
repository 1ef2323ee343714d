"""The split rule, which images a version holds, and the guard."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wrist_model.cohort import leak_guard, patient_split
from wrist_model.errors import LeakError
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Candidate, Member

RULE = SplitRecipe()


def image(uid, patient="p1", split="train", label=1, pixels=None, study=None, excluded=None):
    return Candidate(uid, study or f"st-{patient}", patient, split, label, pixels or uid, None, excluded)


def test_shares_of_patients_come_out_as_the_rule_says():
    places = [patient_split.assign(RULE, "mura", f"patient{n}", None) for n in range(20_000)]
    for split, share in (("train", 0.70), ("validation", 0.15), ("test", 0.15)):
        assert abs(places.count(split) / len(places) - share) < 0.01


def test_every_installation_gets_the_same_splits():
    places = [patient_split.assign(RULE, "mura", f"patient{n:05}", None) for n in range(12)]
    assert places == ["train"] * 0 + places  # the rule is pure
    assert [patient_split.assign(SplitRecipe(seed=1), "mura", f"patient{n:05}", None) for n in range(12)] != places


def test_mura_valid_is_test_and_its_other_patients_are_never_test():
    assert patient_split.assign(RULE, "mura", "patient1", "test") == "test"
    places = [patient_split.assign(RULE, "mura", f"patient{n}", "train") for n in range(20_000)]
    assert "test" not in places
    assert abs(places.count("train") / len(places) - 0.70 / 0.85) < 0.01


def test_of_identical_pixels_the_test_copy_stays_else_the_lowest_uid():
    members = leak_guard.decide(
        [
            image("a", "p1", "train", pixels="same"),
            image("b", "p2", "test", pixels="same"),
            image("c", "p3", "train", pixels="two"),
            image("d", "p3", "train", pixels="two"),
        ]
    )
    assert {one.image_uid: one.included for one in members} == {"a": False, "b": True, "c": True, "d": False}
    assert members[0].excluded_reason == leak_guard.SAME_PIXELS


def test_identical_pixels_with_two_labels_leave_whole():
    members = leak_guard.decide([image("a", label=1, pixels="same"), image("b", label=0, pixels="same"), image("c")])
    assert [one.excluded_reason for one in members] == [leak_guard.CONFLICT, leak_guard.CONFLICT, None]


def test_unlabelled_and_excluded_images_stay_out_with_their_reason():
    members = leak_guard.decide([image("a", label=None), image("b", excluded="cast")])
    assert [one.excluded_reason for one in members] == [leak_guard.UNLABELLED, "cast"]


def test_an_excluded_copy_does_not_hold_the_place_of_the_other():
    members = leak_guard.decide([image("a", pixels="same", excluded="bad"), image("b", pixels="same")])
    assert [one.included for one in members] == [False, True]


def test_a_near_duplicate_across_splits_loses_its_train_side():
    members = leak_guard.decide([image("a", "p1", "test"), image("b", "p2", "train")], near=[("a", "b")])
    assert {one.image_uid: one.excluded_reason for one in members} == {"a": None, "b": leak_guard.NEAR}


def test_a_near_duplicate_within_one_split_stays():
    members = leak_guard.decide([image("a", "p1"), image("b", "p2")], near=[("a", "b")])
    assert all(one.included for one in members)


CANDIDATES = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from([0, 1, None]),
        st.integers(0, 6),
        st.sampled_from(["test", "train", "validation"]),
    ),
    min_size=1,
    max_size=24,
)


@settings(max_examples=150, deadline=None)
@given(CANDIDATES, st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), max_size=12))
def test_what_decide_holds_never_leaks(drawn, links):
    by_patient = {}
    candidates = [
        image(f"im-{n:02}", f"p{patient}", by_patient.setdefault(patient, split), label, f"px{pixels}")
        for n, (patient, label, pixels, split) in enumerate(drawn)
    ]
    near = [(f"im-{a:02}", f"im-{b:02}") for a, b in links if a < b < len(candidates)]
    members = leak_guard.decide(candidates, near)
    report = leak_guard.guard(members, candidates, near)
    report.refuse()
    assert {one.image_uid for one in members} == {one.image_uid for one in candidates}
    removed_tests = [
        one
        for one in members
        if one.split == "test" and one.excluded_reason in (leak_guard.NEAR, leak_guard.SAME_PIXELS)
    ]
    held = {one.image_uid for one in members if one.included}
    pixels = {one.image_uid: one.pixel_sha256 for one in candidates}
    kept = {pixels[uid] for uid in held}
    assert all(pixels[one.image_uid] in kept for one in removed_tests)  # only for another test copy


def test_the_guard_refuses_a_straddling_patient_and_names_it():
    candidates = [image("a", "p1", "train"), image("b", "p1", "test")]
    members = [Member("a", "s", "p1", "train", 1, True), Member("b", "s", "p1", "test", 1, True)]
    report = leak_guard.guard(members, candidates)
    assert report.leaks[0].kind == "patient"
    with pytest.raises(LeakError, match="a and b in test and train"):
        report.refuse()


def test_the_guard_refuses_identical_pixels_and_near_duplicates_across_splits():
    candidates = [image("a", "p1", "train", pixels="x"), image("b", "p2", "test", pixels="x")]
    members = [Member("a", "s", "p1", "train", 1, True), Member("b", "t", "p2", "test", 1, True)]
    assert {one.kind for one in leak_guard.guard(members, candidates).leaks} == {leak_guard.SAME_PIXELS}
    candidates = [image("a", "p1", "train"), image("b", "p2", "test")]
    assert {one.kind for one in leak_guard.guard(members, candidates, [("a", "b")]).leaks} == {leak_guard.NEAR}


def test_the_guard_tells_what_a_split_by_image_would_have_leaked():
    candidates = [
        image(f"im-{n}", f"p{n // 3}", "train" if n < 240 else "test", n % 2, study=f"st-{n // 3}") for n in range(300)
    ]
    report = leak_guard.guard(leak_guard.decide(candidates), candidates)
    assert not report.leaks
    assert report.image_split_leak_rate is not None
    assert report.image_split_leak_rate > 0.8
    assert {row[0]: row[3] for row in report.counts} == {"train": 240, "validation": 0, "test": 60}

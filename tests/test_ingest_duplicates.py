"""Near-duplicates: copies are confirmed, strangers are not, and a link across splits keeps its test side."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from db import datasets
from db import near_duplicates as stored
from db.engine import open_catalogue
from tasks.ingest_files import catalogue_files
from tasks.near_duplicates import link_near_duplicates
from tests.ingest_settings import settings
from wrist_model.cohort import leak_guard, near_duplicates, patient_split
from wrist_model.intake import examine_file
from wrist_model.radiograph import composite_picture, polarity
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance
from wrist_model.synthetic.cohort_plan import plan
from wrist_model.synthetic.render import picture

BY = Provenance("tester")


@pytest.fixture(scope="module")
def films():
    """Twelve generated wrists of twelve people: uint8, bone bright."""
    return [(picture(study.images[0].scene, study.fracture)[0] * 255).astype(np.uint8) for study in plan(901, 12)]


def jpeg(pixels, quality=60):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


COPIES = {
    "recompressed": jpeg,
    "half the size": lambda p: np.asarray(Image.fromarray(p).resize((p.shape[1] // 2, p.shape[0] // 2))),
    "darker": lambda p: (p * 0.5).astype(np.uint8),
    "brighter": lambda p: np.clip(p * 1.5, 0, 255).astype(np.uint8),
    "turned": lambda p: np.asarray(Image.fromarray(p).rotate(1, Image.Resampling.BICUBIC, fillcolor=int(p[0, 0]))),
    "cropped": lambda p: p[8:-8, 8:-8],
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_confirmed(films, kind):
    for film in films[:4]:
        copy = COPIES[kind](film)
        assert (
            near_duplicates.correlation(near_duplicates.reduce(film), near_duplicates.reduce(copy))
            >= near_duplicates.CORRELATION
        )


def test_strangers_are_never_confirmed_however_their_hashes_look(films):
    reduced = [near_duplicates.reduce(film) for film in films]
    for at, first in enumerate(reduced):
        for second in reduced[at + 1 :]:
            assert near_duplicates.correlation(first, second) < near_duplicates.CORRELATION


def test_pairs_are_proposed_once_and_only_across_groups():
    hashes = [("a", "0" * 16), ("b", "0" * 15 + "1"), ("c", "0" * 15 + "3"), ("d", "f" * 16)]
    assert near_duplicates.propose(hashes) == [("a", "b", 1), ("a", "c", 2), ("b", "c", 1)]
    groups = {"a": "train", "b": "train", "c": "test", "d": "test"}
    assert near_duplicates.propose(hashes, groups) == [("a", "c", 2), ("b", "c", 1)]


def test_a_generated_wrist_and_its_negative_are_told_apart(films):
    small = [polarity.thumbnail(film) for film in films]
    assert not any(polarity.is_inverted(one) for one in small)
    assert sum(polarity.is_inverted(255 - one) for one in small) >= len(small) - 1


def test_an_even_picture_is_neither_inverted_nor_several_views():
    for level in (0, 128, 255):
        even = np.full((64, 64), level, np.uint8)
        assert not polarity.is_inverted(even)
        assert not composite_picture.is_multi_view(even)


def test_two_limbs_with_a_divider_are_several_views_and_one_is_not():
    _, x = np.mgrid[:96, :96]
    limb = np.where(np.abs(x - 26) < 9, 120, 20)
    two = np.maximum(limb, np.where(np.abs(x - 72) < 9, 110, 20))
    two[:, 48:50] = 255
    assert composite_picture.is_multi_view(two.astype(np.uint8))
    assert not composite_picture.is_multi_view(np.where(np.abs(x - 48) < 12, 120, 20).astype(np.uint8))


def test_a_copy_across_splits_is_linked_named_and_its_train_side_left_out(films, tmp_path):
    """A manifest with each film in train and a recompressed copy of three of them under a test patient."""
    rule, rows = SplitRecipe(), ["path,label,patient,study"]
    names = iter(range(10_000))

    def patient(split):
        return next(f"p{n}" for n in names if patient_split.assign(rule, "set", f"p{n}", None) == split)

    for number, film in enumerate(films):
        Image.fromarray(film).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{number % 2},{patient('train')},s")
    for number in range(3):
        Image.fromarray(jpeg(films[number])).save(tmp_path / f"copy{number}.png")
        rows.append(f"copy{number}.png,{number % 2},{patient('test')},s")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    home = tmp_path / "home"
    engine = open_catalogue(home)
    done = catalogue_files(
        [tmp_path / "list.csv"], home=home, engine=engine, rule=rule, provenance=BY, **settings(source="set", jobs=1)
    )
    assert done.counts.new == 15
    assert len(link_near_duplicates(engine, BY)) == 15
    near, found = stored.near_duplicates(engine), datasets.candidates(engine)
    compared = stored.near_duplicates(engine, confirmed=False)
    link_near_duplicates(engine, BY)
    assert len(near) == 3 and stored.near_duplicates(engine, confirmed=False) == compared
    members = leak_guard.decide(found, near)
    left_out = [one for one in members if one.excluded_reason == leak_guard.NEAR]
    assert [one.split for one in left_out] == ["train"] * 3
    report = leak_guard.guard(members, found, near)
    report.refuse()
    assert sorted(pair.images for pair in report.kept_apart) == sorted(near)
    datasets.add_dataset(engine, members, BY)
    engine.dispose()


def test_the_hash_is_imagehash_s_own(films):
    import imagehash

    small = polarity.thumbnail(films[0])
    assert examine_file.perceptual_hash(small) == str(imagehash.phash(Image.fromarray(small)))

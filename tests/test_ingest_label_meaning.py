"""What a positive label of a list says: a person's word, kept with its source, and never two for one source."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine
from test_ingest_grazpedwri import answers, folder, frozen, ingest

from tasks.ingest import with_more
from tasks.sources_toml import Root, read, remember
from tests import factories
from wrist_model.errors import DataError, OtherMeaning, UsageError

__all__ = ["folder"]
MEANINGS = "SELECT source, label_meaning, count(*) FROM studies GROUP BY 1, 2 ORDER BY 1"


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    factories.png(tmp_path / "hands" / "0.png", 3, 1, 96)
    (tmp_path / "hands" / "list.csv").write_text("path,label\n0.png,1\n")
    return tmp_path / "hands" / "list.csv"


def test_a_list_says_what_its_labels_mean_once(listed: Path, home: Path, catalogue: Engine) -> None:
    ingest(listed, home, catalogue, label_meaning="fracture")
    factories.png(listed.parent / "1.png", 4, 0, 96)
    listed.write_text("path,label\n0.png,1\n1.png,0\n")
    ingest(listed, home, catalogue)  # of this source it is known
    assert answers(catalogue, MEANINGS) == [("hands", "fracture", 2)]
    with pytest.raises(OtherMeaning, match="'fracture'; these mean 'abnormal'"):
        ingest(listed, home, catalogue, label_meaning="abnormal")
    factories.png(listed.parents[1] / "MURA-v1.1/train/XR_WRIST/patient00001/study1_negative/image1.png", 9, 0, 96)
    with pytest.raises(UsageError, match="of mura means 'abnormal'"):
        ingest(listed.parents[1] / "MURA-v1.1", home, catalogue, label_meaning="fracture")
    with pytest.raises(UsageError, match="such as fracture"):
        ingest(listed, home, catalogue, label_meaning="A Fracture")


def test_nobody_says_it_and_it_is_abnormal_for_good(listed: Path, home: Path, catalogue: Engine) -> None:
    ingest(listed, home, catalogue)
    assert answers(catalogue, MEANINGS) == [("hands", "abnormal", 1)]
    with pytest.raises(OtherMeaning):
        ingest(listed, home, catalogue, label_meaning="fracture")


def test_fractures_of_a_list_and_of_grazpedwri_are_no_mixture(
    listed: Path, folder: Path, home: Path, catalogue: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRIST_HOME", str(home))
    ingest(folder, home, catalogue)
    ingest(listed, home, catalogue, label_meaning="fracture")
    frozen(mixed_labels=False)
    factories.png(listed.parent.parent / "other" / "0.png", 8, 1, 96)
    (listed.parent.parent / "other" / "list.csv").write_text("path,label\n0.png,1\n")
    ingest(listed.parent.parent / "other" / "list.csv", home, catalogue)
    with pytest.raises(DataError, match="'abnormal' \\(other\\)"):
        frozen(mixed_labels=False)


def test_a_remembered_root_keeps_it(tmp_path: Path) -> None:
    [root] = with_more([Root("/data/hands")], None, "fracture")
    remember(tmp_path, root)
    assert read(tmp_path) == (root,) and root.label_meaning == "fracture"

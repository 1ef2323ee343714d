"""What each kind of place says of its files: MURA tree, manifest, folder, DICOMDIR."""

from __future__ import annotations

import os

import pytest

from tests import dicom_files
from wrist_model.errors import DataError, UsageError
from wrist_model.sources import walk
from wrist_model.sources.recognise_source import CONFLICTING, find, read_labels, settle

PNG = b"\x89PNG\r\n\x1a\n"


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)


def mura(folder):
    base = folder / "MURA-v1.1"
    put(
        base,
        "train/XR_WRIST/patient00001/study1_positive/image1.png",
        "train/XR_WRIST/patient00001/study1_positive/image2.png",
        "train/XR_WRIST/patient00001/study2_negative/image1.png",
        "train/XR_WRIST/patient00001/study2_negative/._image1.png",
        "train/XR_HAND/patient00002/study1_negative/image1.png",
        "valid/XR_WRIST/patient00003/study1_negative/image1.png",
        "valid/XR_WRIST/.DS_Store",
        "stray.png",
    )
    return base


def by_name(plan):
    return {item.relative: item for item in plan.items()}


def test_a_mura_tree_tells_patient_study_label_and_official_split(tmp_path):
    base = mura(tmp_path)
    plan = find(base)
    assert (plan.kind, plan.source, plan.root) == ("mura", "mura", base)
    items = by_name(plan)
    first = items["train/XR_WRIST/patient00001/study1_positive/image1.png"]
    assert (first.patient, first.study, first.label) == ("patient00001", "XR_WRIST/patient00001/study1", 1)
    assert first.official == "train"
    assert items["valid/XR_WRIST/patient00003/study1_negative/image1.png"].official == "test"
    assert items["train/XR_WRIST/patient00001/study2_negative/image1.png"].label == 0
    assert items["train/XR_WRIST/patient00001/study2_negative/._image1.png"].ignored
    assert items["train/XR_HAND/patient00002/study1_negative/image1.png"].filtered
    assert items["stray.png"].refused[0] == "unexpected_place"
    assert len(items) == 8


@pytest.mark.parametrize(
    "below", ["", "MURA-v1.1/train", "MURA-v1.1/train/XR_WRIST", "MURA-v1.1/train/XR_WRIST/patient00001"]
)
def test_any_subtree_of_mura_has_the_same_root_and_names(tmp_path, below):
    base = mura(tmp_path)
    plan = find(tmp_path / below)
    assert (plan.kind, plan.root) == ("mura", base)
    assert "train/XR_WRIST/patient00001/study1_positive/image1.png" in by_name(plan)


def test_mura_csv_files_that_disagree_with_a_folder_quarantine_the_study(tmp_path):
    base = mura(tmp_path)
    (base / "train_labeled_studies.csv").write_text(
        "MURA-v1.1/train/XR_WRIST/patient00001/study1_positive/,0\n"
        "MURA-v1.1/train/XR_WRIST/patient00001/study2_negative/,0\n"
    )
    (base / "train_image_paths.csv").write_text(
        "MURA-v1.1/train/XR_WRIST/patient00001/study2_negative/image1.png\n"
        "MURA-v1.1/train/XR_WRIST/patient00001/study2_negative/image7.png\n"
    )
    items = by_name(find(base))
    assert items["train/XR_WRIST/patient00001/study1_positive/image2.png"].refused[0] == "conflicting_label"
    assert items["train/XR_WRIST/patient00001/study2_negative/image1.png"].refused is None
    missing = [name for name, item in items.items() if item.refused and item.refused[0] == "missing_file"]
    assert len(missing) == 1
    assert missing[0].endswith("image7.png")
    assert items["train_labeled_studies.csv"].ignored


def test_a_list_of_image_paths_with_another_label_quarantines_the_study(tmp_path):
    base = mura(tmp_path)
    (base / "train_image_paths.csv").write_text("MURA-v1.1/train/XR_WRIST/patient00001/study1_negative/image1.png\n")
    items = by_name(find(base))
    assert items["train/XR_WRIST/patient00001/study1_positive/image1.png"].refused[0] == "conflicting_label"
    assert items["train/XR_WRIST/patient00001/study2_negative/image1.png"].refused is None


def test_a_folder_with_a_mura_tree_and_other_things_asks_which_is_meant(tmp_path):
    base = mura(tmp_path / "data")
    (tmp_path / "data" / "README.md").write_text("")
    assert find(tmp_path / "data").root == base
    put(tmp_path / "data", "dicom/x")
    with pytest.raises(UsageError, match="name each by its own path"):
        find(tmp_path / "data")
    above = by_name(settle(find(tmp_path), {}, False))
    inside = [item for name, item in above.items() if "XR_WRIST/patient" in name and not item.ignored]
    assert inside
    assert all(item.refused[0] == "unexpected_place" for item in inside)


def manifest(folder, text, encoding="utf-8"):
    path = folder / "manifest.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_manifest_with_a_byte_order_mark_and_crlf_is_read(tmp_path):
    put(tmp_path, "a.png", "b c.png")
    text = (
        "\ufeffPath,label,patient,study,body_part,hardware,multiscan,patient_name\r\n"
        'a.png,positive,p1,s1,WRIST,1,0,Jane Doe\r\n"b c.png",0,p1,s2,HAND,,1,Jane Doe\r\n'
    )
    items = by_name(find(manifest(tmp_path, text)))
    a = items["a.png"]
    assert (a.patient, a.study, a.label, a.hardware, a.body_part) == ("p1", "p1/s1", 1, True, "WRIST")
    assert a.extra == (("multiscan", "0"),)
    assert items["b c.png"].filtered
    assert find(tmp_path / "manifest.csv").source == "".join(c if c.isalnum() else "-" for c in tmp_path.name.lower())


def test_a_manifest_without_studies_makes_each_image_its_own_study(tmp_path):
    items = by_name(find(manifest(tmp_path, "path,label\nx/a.png,1\nx/./b.png,\n")))
    assert [(item.patient, item.study, item.label) for item in items.values()] == [
        (None, "x/a.png", 1),
        (None, "x/b.png", None),
    ]


def test_bad_rows_are_refused_one_by_one(tmp_path):
    rows = (
        "a.png,maybe,1",
        "../up.png,1,2",
        "/etc/passwd,1,3",
        ",1,4",
        "b.png,1,5",
        "c.png,0,5",
        "d.png,1,6",
        "d.png,1,6",
    )
    text = "\n".join(("path,label,study", *rows))
    items = list(find(manifest(tmp_path, text)).items())
    codes = [item.refused[0] if item.refused else "ignored" if item.ignored else None for item in items]
    assert codes == [
        "unknown_label",
        "outside_folder",
        "outside_folder",
        "missing_file",
        "conflicting_label",
        "conflicting_label",
        None,
        "ignored",
    ]


@pytest.mark.parametrize(
    ("text", "encoding", "says"),
    [
        ("file,label\na,1\n", "utf-8", "no column 'path'"),
        ("path\na\n", "utf-8", "no column 'label'"),
        ("path,label,label\na,1,1\n", "utf-8", "column 3 has the name of an earlier one"),
        ("path,label\nä,1\n", "latin-1", "not UTF-8"),
        ("", "utf-8", "empty"),
        ('path,label\n"a,1\n', "utf-8", "not a CSV"),
    ],
)
def test_a_bad_table_is_one_line_that_names_the_file(tmp_path, text, encoding, says):
    path = manifest(tmp_path, text, encoding)
    with pytest.raises(DataError, match=says) as caught:
        list(find(path).items())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no such file or folder"):
        find(tmp_path / "nothing")
    with pytest.raises(UsageError, match="--source"):
        find(tmp_path, source="St. Mary's")


def test_a_folder_with_any_dicom_is_private_and_one_of_pictures_is_not(tmp_path):
    put(tmp_path / "pictures", "a.png")
    put(tmp_path / "mixed", "a.png")
    dicom_files.write(tmp_path / "mixed", "Doe Jane/1", dicom_files.dataset())
    pictures = settle(find(tmp_path / "pictures"), {}, False)
    mixed = settle(find(tmp_path / "mixed"), {}, False)
    assert (pictures.source, pictures.private) == ("pictures", False)
    assert (mixed.source, mixed.private) == ("dicom", True)


def test_a_dicomdir_gives_its_files_and_reports_broken_references(tmp_path):
    dicom_files.write(tmp_path, "IMAGES/IM1", dicom_files.dataset())
    index = dicom_files.dicomdir(tmp_path, ["IMAGES", "IM1"], ["IMAGES", "IM2"], ["..", "UP"])
    plan = settle(find(index), {}, False)
    assert plan.private
    assert [item.refused[0] if item.refused else None for item in plan.items()] == [
        None,
        "missing_file",
        "outside_folder",
    ]
    folder = settle(find(tmp_path), {}, False)
    assert sorted((item.refused or ("",))[0] for item in folder.items() if not item.ignored) == [
        "",
        "missing_file",
        "outside_folder",
    ]


def test_links_in_a_circle_end_and_every_file_comes_once(tmp_path):
    put(tmp_path, "a/x.png", "b/y.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b" / "self")
    names = [relative for _, relative in walk.files(tmp_path)]
    assert sorted(names) == ["a/x.png", "b/self", "b/y.png"]


def test_odd_names_come_through(tmp_path):
    put(tmp_path, "new\nline.png")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:  # noqa: PTH123
        file.write(PNG)
    assert len(list(walk.files(tmp_path))) == 2


def test_a_labels_csv_names_studies_by_uid_or_accession_number(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("study_uid,accession_number,label\n1.2.3,,positive\n,A7,0\n1.2.4,,1\n1.2.4,,0\n")
    assert read_labels(path) == {"1.2.3": 1, "A7": 0, "1.2.4": CONFLICTING}
    path.write_text("study,label\n1,1\n")
    with pytest.raises(DataError, match="study_uid or accession_number"):
        read_labels(path)
    path.write_text("study_uid,label\n1,perhaps\n")
    with pytest.raises(DataError, match="row 2"):
        read_labels(path)


def disc(folder, *names):
    for number, name in enumerate(names):
        dicom_files.write(folder, name, dicom_files.dataset(InstanceNumber=number))


def codes(path):
    plan = settle(find(path), {}, False)
    return sorted((item.refused or ("",))[0] for item in plan.items() if not item.ignored)


@pytest.mark.parametrize("index", ["DICOMDIR", "dicomdir", "DICOMDIR.;1", "Dicomdir"])
@pytest.mark.parametrize(
    ("on_disc", "said"),
    [
        ("PT0/ST0/IM0", ["PT0", "ST0", "IM0"]),
        ("pt0/st0/im0", ["PT0", "ST0", "IM0"]),
        ("PT0/ST0/IM0.dcm", ["PT0", "ST0", "IM0"]),
        ("PT0/ST0/IM0.DCM", ["PT0", "ST0", "IM0"]),
        ("PT0/ST0/IM0", ["PT0", "ST0", "IM0.DCM"]),
        ("PT0/ST0/IM0.;1", ["PT0", "ST0", "IM0"]),
        ("PT0/ST0/IM0;1", ["PT0", "ST0", "IM0"]),
        ("PT0/ST0/IM0", ["PT0", "ST0", "IM0;1"]),
        ("PT0/ST0/IM0", "PT0/ST0/IM0"),
        ("PT0/ST0/IM0", "\\PT0\\ST0\\IM0"),
        ("PT0/ST0/IM0", ".\\PT0\\ST0\\IM0"),
        ("PT0/ST0/IM0", "D:\\PT0\\ST0\\IM0"),
        ("PT0\\ST0\\IM0", ["PT0", "ST0", "IM0"]),
        ("PT0_ST0_IM0.dcm", ["PT0", "ST0", "IM0"]),
        ("IM0.dcm", "IM0"),
    ],
)
def test_names_of_a_dicomdir_are_found_as_discs_have_them(tmp_path, on_disc, said, index):
    disc(tmp_path, on_disc)
    file = dicom_files.dicomdir(tmp_path, said, name=index)
    assert codes(file) == [""]
    assert codes(tmp_path) == [""]


@pytest.mark.parametrize("said", ["..\\up", "A\\..\\..\\up", "/../up"])
def test_a_dicomdir_finds_nothing_outside_of_its_folder(tmp_path, said):
    disc(tmp_path, "up", "disc/IM0")
    assert codes(dicom_files.dicomdir(tmp_path / "disc", said)) == ["outside_folder"]
    (tmp_path / "disc" / "LINK").symlink_to(tmp_path / "up")
    assert codes(dicom_files.dicomdir(tmp_path / "disc", "LINK")) == ["outside_folder"]


def test_records_that_are_not_in_use_name_no_file(tmp_path):
    disc(tmp_path, "IM0")
    assert codes(dicom_files.dicomdir(tmp_path, "GONE", in_use=0)) == []


def test_a_bad_index_costs_itself_alone(tmp_path):
    disc(tmp_path, "A/IM0", "A/IM1")
    index = dicom_files.dicomdir(tmp_path, ["A", "IM0"])
    whole = index.read_bytes()
    for content, code in ((whole[:-20], "truncated"), (whole[:200], "truncated")):
        index.write_bytes(content)
        assert codes(tmp_path) == ["", "", code]
        assert codes(index) == ["", "", code]
    index.write_bytes(b"no index at all")
    assert codes(tmp_path) == ["", "", ""], "as any file: what it is, its content says"


def test_an_image_that_is_called_dicomdir_is_an_image(tmp_path):
    disc(tmp_path, "DICOMDIR")
    assert codes(tmp_path) == [""]


@pytest.mark.parametrize("said", ["positive", "negative"])
def test_a_study_under_both_labels_is_refused_without_any_csv(tmp_path, said):
    base = mura(tmp_path)
    other = base / "train/XR_WRIST/patient00001/study1_negative"
    put(other, "image1.png")
    items = by_name(find(base))
    twins = [item for name, item in items.items() if "/patient00001/study1_" in name]
    assert {item.refused[0] for item in twins} == {"conflicting_label"}
    assert len(twins) == 3
    assert items["train/XR_WRIST/patient00001/study2_negative/image1.png"].refused is None
    below = find(base / f"train/XR_WRIST/patient00001/study1_{said}")
    assert {item.refused[0] for item in below.items()} == {"conflicting_label"}


def test_a_twin_in_the_other_part_is_a_twin(tmp_path):
    base = mura(tmp_path)
    put(base / "valid/XR_WRIST/patient00001/study1_negative", "image1.png")
    items = by_name(find(base))
    for part in ("train/XR_WRIST/patient00001/study1_positive", "valid/XR_WRIST/patient00001/study1_negative"):
        assert items[f"{part}/image1.png"].refused[0] == "conflicting_label"


def test_an_empty_folder_is_no_twin(tmp_path):
    base = mura(tmp_path)
    twin = base / "train/XR_WRIST/patient00001/study1_negative"
    put(twin, "._image1.png", ".DS_Store")
    items = by_name(find(base))
    assert items["train/XR_WRIST/patient00001/study1_positive/image1.png"].refused is None


def test_an_unreadable_csv_of_mura_costs_itself_alone(tmp_path):
    base = mura(tmp_path)
    (base / "train_labeled_studies.csv").write_bytes(b"\xff\xfe\x00")
    items = by_name(find(base))
    assert items["train_labeled_studies.csv"].refused[0] == "unreadable"
    assert items["train/XR_WRIST/patient00001/study1_positive/image1.png"].refused is None


@pytest.mark.parametrize(
    "text",
    [
        "path,label\nimg\\a.png,1\n",
        "path;label\nimg\\a.png;1\n",
        "sep=;\r\npath;label\r\nimg\\a.png;1\r\n",
        "path\tlabel\nimg/a.png\t1\n",
        "path,label\n.\\img\\a.png,1\n",
        '\ufeff"path";"label"\r\n"img\\a.png";"1"\r\n',
        'path, label\n"img/a.png", "1"\n',
    ],
)
def test_a_manifest_written_on_windows_is_read(tmp_path, text):
    put(tmp_path, "img/a.png")
    items = by_name(find(manifest(tmp_path, text)))
    assert [(name, item.label, item.refused) for name, item in items.items()] == [("img/a.png", 1, None)]


def test_a_manifest_in_utf_16_is_read(tmp_path):
    """What Excel calls Unicode text."""
    put(tmp_path, "img/a.png")
    (tmp_path / "list.csv").write_text("path\tlabel\r\nimg\\a.png\t1\r\n", encoding="utf-16", newline="")
    assert [(item.relative, item.label) for item in find(tmp_path / "list.csv").items()] == [("img/a.png", 1)]


def test_windows_paths_that_lead_out_are_refused_and_a_name_with_a_backslash_is_kept(tmp_path):
    put(tmp_path, "odd\\name.png")
    text = "path,label\nC:\\data\\a.png,1\n..\\a.png,1\nodd\\name.png,1\n"
    items = list(find(manifest(tmp_path, text)).items())
    assert [item.refused[0] if item.refused else item.relative for item in items] == [
        "outside_folder",
        "outside_folder",
        "odd\\name.png",
    ]


def test_a_labels_csv_with_semicolons_is_read(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("study_uid;label\n1.2.3;positive\n")
    assert read_labels(path) == {"1.2.3": 1}

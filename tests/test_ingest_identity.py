"""Keyed pseudonyms: the key's file, its secrecy, and that names don't run into each other."""

from __future__ import annotations

import pickle
import stat

import pytest

from wrist_model.errors import CatalogueError
from wrist_model.radiograph.pseudonyms import IdentityKey


def test_the_key_is_made_once_with_mode_0600_and_read_again(tmp_path):
    key = IdentityKey.load_or_make(tmp_path / "home" / "identity.key")
    file = tmp_path / "home" / "identity.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert IdentityKey.load_or_make(tmp_path / "home" / "identity.key") == key
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["identity.key"]


def test_another_key_gives_other_pseudonyms_and_another_fingerprint(tmp_path):
    one, two = (IdentityKey.load_or_make(tmp_path / name / "identity.key") for name in "ab")
    assert one.fingerprint != two.fingerprint
    assert one.patient("mura", "patient1") != two.patient("mura", "patient1")


def test_pseudonyms_keep_kinds_namespaces_and_parts_apart():
    key = IdentityKey(b"k" * 32)
    names = [
        key.patient("a", "bc"),
        key.patient("ab", "c"),
        key.study("a", "bc"),
        key.image("a", "b", "c"),
        key.image("a", "bc", ""),
        key.path("abc"),
    ]
    assert len({name.split("-", 1)[1] for name in names}) == len(names)
    assert [name[:3] for name in names] == ["pt-", "pt-", "st-", "im-", "im-", "pa-"]
    assert key.path("caf\udce9") != key.path("café")


def test_the_secret_is_in_no_repr_and_survives_pickling():
    key = IdentityKey(b"s" * 32)
    assert "sss" not in repr(key)
    assert pickle.loads(pickle.dumps(key)) == key  # noqa: S301


def test_a_damaged_key_file_is_an_error_that_says_how_to_mend_it(tmp_path):
    (tmp_path / "identity.key").write_text("not hex")
    (tmp_path / "identity.key").chmod(0o600)
    with pytest.raises(CatalogueError, match="Put back the copy"):
        IdentityKey.load_or_make(tmp_path / "identity.key")


def test_an_unwritable_home_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogueError) as caught:
        IdentityKey.load_or_make(tmp_path / "file" / "home" / "identity.key")
    assert "\n" not in str(caught.value)

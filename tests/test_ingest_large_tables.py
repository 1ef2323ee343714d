"""Lists of a million rows, and pictures that grew after they were catalogued: neither takes much memory."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from db.engine import open_catalogue
from db.image_refs import refs_of_unlabelled
from tasks.ingest_files import catalogue_files
from tests.ingest_settings import settings
from tests.test_ingest_bombs import grown
from wrist_model.errors import DataError, RecipeError, WeightsError
from wrist_model.network import keras_file, pretrained_weights
from wrist_model.radiograph.decode import load_pixels
from wrist_model.recipe import SplitRecipe, read
from wrist_model.records import Provenance
from wrist_model.sources.recognise_source import find


def png(width: int, height: int) -> bytes:
    """A grey PNG of zeros: a thousandth of its pixels in bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    deflate = zlib.compressobj(9)
    row = bytes(1 + width)
    data = b"".join([*(deflate.compress(row) for _ in range(height)), deflate.flush()])
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_long_list_is_read_a_row_at_a_time(tmp_path):
    manifest = tmp_path / "list.csv"
    with manifest.open("w") as file:
        file.write("path,label,patient,study,view,site,sex,age\n")
        file.writelines(f"{n}.png,{n % 2},p{n},s1,PA,north,F,40\n" for n in range(100_000))
        file.write("a.png,1,p1,s9,PA,north,F,40\nb.png,0,p1,s9,PA,north,F,40\na.png,1,p1,s1,PA,north,F,40\n")

    def told():
        refused = ignored = rows = 0
        for item in find(manifest).items():
            rows += 1
            refused += item.refused is not None and item.refused[0] == "conflicting_label"
            ignored += item.ignored
        return rows, refused, ignored

    taken, said = grown(told)
    assert said == repr((100_003, 2, 1))
    assert taken < 60 << 20


def test_a_picture_that_grew_after_it_was_catalogued_is_not_decoded(tmp_path):
    folder, home = tmp_path / "in", tmp_path / "home"
    folder.mkdir()
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "PNG")
    (folder / "a.png").write_bytes(buffer.getvalue())
    engine = open_catalogue(home)
    how = settings(jobs=1, body_part="ANY")
    catalogue_files([folder], home=home, engine=engine, rule=SplitRecipe(), provenance=Provenance("t"), **how)
    (ref,) = refs_of_unlabelled(engine)
    engine.dispose()
    assert load_pixels(ref).size == ref.n_pixels == 256 * 256
    (folder / "a.png").write_bytes(png(16_000, 16_000))
    assert (folder / "a.png").stat().st_size < 1 << 20

    def loaded():
        with pytest.raises(DataError, match="no longer what was catalogued"):
            load_pixels(ref)
        return "refused"

    taken, said = grown(loaded)
    assert said == "'refused'"
    assert taken < 50 << 20


def test_a_recipe_that_nests_without_end_is_one_line(tmp_path):
    (tmp_path / "deep.toml").write_text("a = " + "[" * 100_000 + "]" * 100_000)
    with pytest.raises(RecipeError, match="not a TOML file"):
        read(tmp_path / "deep.toml")


def test_what_keras_raises_on_a_file_is_a_line(tmp_path):
    for config in ('{"a":' * 5000 + "1" + "}" * 5000, '{"module": "evil", "class_name": "Evil", "config": {}}'):
        file = tmp_path / "x.keras"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("config.json", config)
            archive.writestr("metadata.json", "{}")
            archive.writestr("model.weights.h5", b"")
        with pytest.raises(DataError, match="not a saved network") as error:
            keras_file.load(file)
        assert "\n" not in str(error.value)
        with pytest.raises(WeightsError, match="not a Keras file"):
            pretrained_weights.resolve(str(file), "resnet50")

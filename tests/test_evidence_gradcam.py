"""Maps come from the saved network as it predicts, are stored by their hash, and are withheld when they fail."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from factories import radiograph
from PIL import Image
from scipy import ndimage

from wrist_model.errors import DataError
from wrist_model.explanation import grad_cam, heat_map_checks, overlay, sanity_null
from wrist_model.radiograph import decode
from wrist_model.recipe import NetworkRecipe, Resize
from wrist_model.records import ImageRef
from wrist_model.training import image_batches

SIZE = 160  # five cells a side at the last layer
NETWORK = NetworkRecipe(weights="none", image_size=SIZE, dense_units=8)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def saved(home: Path) -> dict[str, Path]:
    from wrist_model.network import assemble

    found = {}
    for architecture in ("efficientnetb0", "resnet50"):
        path = home / f"{architecture}.keras"
        assemble.build(architecture, NETWORK, seed=1, free_all=True).whole.save(path)
        found[architecture] = path
    return found


@pytest.fixture(scope="module")
def opened(saved: dict[str, Path]) -> dict[str, grad_cam.Explainer]:
    return {architecture: grad_cam.open_network(path, architecture) for architecture, path in saved.items()}


@pytest.fixture(scope="module")
def refs(home: Path) -> list[ImageRef]:
    found = []
    for number in range(6):
        pixels = radiograph(number, number % 2)
        path = home / f"{number}.png"
        Image.fromarray(pixels).save(path)
        uid = f"im-{number}"
        found.append(ImageRef(uid, f"st-{number}", f"pt-{number}", str(path), decode.pixel_sha256(pixels), number % 2))
    return found


@pytest.mark.parametrize("architecture", ["efficientnetb0", "resnet50"])
def test_the_map_is_the_papers_formula_on_the_log_odds(
    architecture: str, saved: dict[str, Path], opened: dict[str, grad_cam.Explainer]
) -> None:
    import keras
    import tensorflow as tf

    from wrist_model.network.backbone import row

    network = keras.models.load_model(saved[architecture], compile=False)
    layer = network.get_layer(row(architecture).gradcam_layer)
    both = keras.Model(network.input, [layer.output, network.output])
    pictures = np.stack([radiograph(n, 0)[100 : 100 + SIZE, 100 : 100 + SIZE, None] for n in (0, 1)])
    with tf.GradientTape() as tape:
        grid, probability = both(pictures, training=False)
        tape.watch(grid)
        above = keras.Model(layer.output, network.output)(grid)
        odds = tf.math.log(above[:, 1]) - tf.math.log(above[:, 0])
    weights = tf.reduce_mean(tape.gradient(odds, grid), axis=(1, 2))
    expected = tf.nn.relu(tf.reduce_sum(grid * weights[:, None, None, :], axis=-1)).numpy()
    assert np.allclose(above, probability, atol=1e-5)
    found = opened[architecture].maps(pictures)
    scale = max(float(np.abs(expected).max()), 1e-12)
    np.testing.assert_allclose(found / scale, expected / scale, atol=2e-3)


def test_overlays_have_the_radiographs_size_and_their_own_hash(
    home: Path, saved: dict[str, Path], opened: dict[str, grad_cam.Explainer], refs: list[ImageRef]
) -> None:
    path, network = saved["efficientnetb0"], opened["efficientnetb0"]
    heard: list[tuple[str, int, int, str]] = []
    found = grad_cam.explain(
        path,
        "efficientnetb0",
        refs,
        home / "explanations",
        progress=lambda *said: heard.append(said),
        explainer=network,
    )
    assert [one.image_uid for one in found] == [ref.image_uid for ref in refs]
    for one, ref in zip(found, refs, strict=True):
        content = (home / one.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one.file_sha256
        assert one.path == f"explanations/{one.file_sha256}.png"
        with Image.open(home / one.path) as picture, Image.open(ref.file) as radiograph_:
            assert picture.size == radiograph_.size
            assert picture.mode == "RGB"
        assert 0 <= (one.sanity_score or 0) <= 1
        assert 0 <= (one.border_share or 0) <= 1
        assert one.withheld == bool(one.note)
    assert heard[-1] == ("explain", len(refs), len(refs), "efficientnetb0")
    again = grad_cam.explain(path, "efficientnetb0", refs, home / "explanations", explainer=network)
    assert [one.file_sha256 for one in again] == [one.file_sha256 for one in found]


def test_a_map_is_held_against_several_shuffled_networks_before_the_mean_over_shifts(
    home: Path, saved: dict[str, Path], opened: dict[str, grad_cam.Explainer], refs: list[ImageRef]
) -> None:
    network, some = opened["efficientnetb0"], refs[:2]
    pictures = np.stack([image_batches.resized(decode.load_pixels(ref), SIZE, network.resize) for ref in some])
    before, others = network.randomised(pictures), network.shuffled(pictures, 3)
    assert others.shape == (3, *network.plain(pictures).shape)
    assert np.array_equal(network.plain(pictures), network.maps(pictures)), "without shifts at this size"
    assert len({one.tobytes() for one in (before, *others)}) == 4, "each is shuffled anew"
    assert np.array_equal(network.shuffled(pictures, 3), others)
    assert np.array_equal(network.randomised(pictures), before), "the first rules' shuffle is put back"
    folder = home / "explanations"
    first = grad_cam.explain(saved["efficientnetb0"], "efficientnetb0", some, folder, explainer=network)
    found = grad_cam.explain(saved["efficientnetb0"], "efficientnetb0", some, folder, explainer=network, shuffles=3)
    for one, other, heat, shuffled in zip(found, first, network.plain(pictures), others.swapaxes(0, 1), strict=True):
        wanted = sanity_null.sanity(heat, shuffled)
        assert (one.sanity_similarity, one.sanity_p_value) == (wanted.similarity, wanted.p_value)
        assert one.sanity_rule == "null_of_3_shuffles" and one.sanity_score == 1 - max(0, wanted.similarity)
        assert one.file_sha256 == other.file_sha256 and one.withheld == bool(one.note)
        assert (other.sanity_rule, other.sanity_similarity, other.sanity_p_value) == (None, None, None)


def test_a_map_like_those_of_shuffled_networks_is_withheld_and_says_so() -> None:
    rng = np.random.default_rng(0)
    edges = ndimage.gaussian_gradient_magnitude(radiograph(1, 1).astype(np.float32), 2)
    null = sanity_null.sanity(edges, np.stack([edges + rng.normal(0, edges.std() / 2, edges.shape) for _ in range(19)]))
    assert "is like the maps of shuffled networks" in heat_map_checks.verdict(edges, null, 0.0)
    other = sanity_null.sanity(rng.random((9, 9)), rng.random((19, 9, 9)))
    assert heat_map_checks.verdict(rng.random((9, 9)).astype(np.float32), other, 0.0) == ""


def test_full_maps_are_the_networks_maps_at_the_radiographs_resolution(
    opened: dict[str, grad_cam.Explainer], refs: list[ImageRef]
) -> None:
    network = opened["efficientnetb0"]
    for ref, (same, pixels, heat) in zip(refs, grad_cam.full_maps(network, refs), strict=True):
        assert same == ref and np.array_equal(pixels, decode.load_pixels(ref)) and heat.shape == pixels.shape
        alone = network.maps(image_batches.resized(pixels, network.size, "squeeze")[None])[0]
        expected = overlay.upsampled(alone, pixels.shape, most=np.inf)
        np.testing.assert_allclose(heat, expected / max(1, expected.max()), atol=2e-3)
        assert heat.min() >= 0 and heat.max() <= 1


@pytest.mark.parametrize("shape", [(300, 120), (130, 310), (200, 200)])
@pytest.mark.parametrize("resize", ["letterbox", "squeeze"])
def test_what_is_hot_lies_where_it_is_on_the_radiograph_however_it_came_into_the_square(
    tmp_path: Path, shape: tuple[int, int], resize: Resize
) -> None:
    """Maps that say where the picture is bright: of a letterboxed one, the ground beside it is no part of the map."""

    def bright(pictures: np.ndarray) -> np.ndarray:
        return pictures[..., 0].reshape(len(pictures), 28, 4, 28, 4).mean((2, 4), dtype=np.float32)

    def many(pictures: np.ndarray, count: int) -> np.ndarray:
        return np.stack([bright(pictures)] * count)

    network = grad_cam.Explainer(112, resize, grad_cam.GRAD_CAM, bright, bright, bright, many)
    for down, right in ((0.1, 0.1), (0.85, 0.2), (0.3, 0.9)):
        row, column = (round(share * side) for share, side in zip((down, right), shape, strict=True))
        pixels = np.full(shape, 20, np.uint8)
        pixels[row - 6 : row + 7, column - 6 : column + 7] = 255
        Image.fromarray(pixels).save(tmp_path / "one.png")
        ref = ImageRef("im-1", "st-1", "pt-1", str(tmp_path / "one.png"), decode.pixel_sha256(pixels))
        ((_, _, heat),) = grad_cam.full_maps(network, [ref])
        assert heat.shape == shape and (heat == heat.max()).mean() < 0.001
        found = np.unravel_index(heat.argmax(), heat.shape)
        assert np.hypot(found[0] - row, found[1] - column) <= 11, (found, row, column)


def test_heat_beside_a_letterboxed_picture_is_left_out() -> None:
    at = image_batches.place((300, 120), 112, "letterbox")  # columns 33 to 77 of 112
    heat = np.zeros((7, 7), np.float32)
    heat[3, 0], heat[3, 3] = 9, 3
    full = overlay.upsampled(heat, (300, 120), at)
    assert full.max() == pytest.approx(1, abs=0.01) and full[:, :20].max() < full[:, 50:70].max()
    assert overlay.touched(heat, at).shape == (7, 3) and overlay.touched(heat, at).sum() == 3
    heat[3, 3] = 0
    assert not overlay.upsampled(heat, (300, 120), at).any()


def test_an_edge_detector_in_the_maps_place_is_withheld(refs: list[ImageRef]) -> None:
    """Its map does not depend on any weight, so that shuffling them changes nothing (Adebayo et al. 2018)."""
    withheld = 0
    for number in range(20):
        pixels = radiograph(number, number % 2)
        edges = ndimage.gaussian_gradient_magnitude(pixels.astype(np.float32), 2)
        sanity = heat_map_checks.sanity_score(edges, edges.copy())
        withheld += bool(heat_map_checks.verdict(edges, sanity, heat_map_checks.border_share(edges, pixels)))
    assert withheld >= 0.95 * 20


def test_a_map_without_heat_is_withheld() -> None:
    assert "no heat" in heat_map_checks.verdict(np.zeros((7, 7), np.float32), 1.0, 0.0)
    assert not overlay.upsampled(np.zeros((7, 7), np.float32), (50, 40)).any()


def test_a_map_on_the_border_or_on_burned_in_text_is_withheld() -> None:
    pixels = np.full((200, 160), 40, dtype=np.uint8)
    pixels[90:105, 70:74] = pixels[90:94, 70:82] = 255  # a letter L, well inside
    assert heat_map_checks.burned_in(pixels)[95, 71]
    heat = np.zeros((200, 160), dtype=np.float32)
    heat[88:107, 68:84] = 1
    assert heat_map_checks.border_share(heat, pixels) > heat_map_checks.MOST_BORDER
    heat[:] = 0
    heat[:, :10] = 1
    assert heat_map_checks.border_share(heat, pixels) == 1
    assert "border" in heat_map_checks.verdict(heat, 0.9, 1.0)
    heat[:] = 0
    heat[120:160, 60:100] = 1
    assert heat_map_checks.border_share(heat, pixels) == 0
    assert heat_map_checks.verdict(heat, 0.9, 0.0) == ""


def test_bright_bone_is_not_taken_for_text() -> None:
    for number in range(8):
        assert heat_map_checks.burned_in(radiograph(number, 1)).mean() < 0.02


def test_the_hot_place_stays_where_it_is_when_the_map_is_stretched() -> None:
    heat = np.zeros((7, 7), np.float32)
    heat[1, 5] = 3
    full = overlay.upsampled(heat, (350, 210))
    row, column = np.unravel_index(full.argmax(), full.shape)
    assert abs(row - 350 * 1.5 / 7) <= 2
    assert abs(column - 210 * 5.5 / 7) <= 2
    assert full.max() == pytest.approx(1, abs=0.01)


def test_cold_bone_stays_as_it_was_under_the_map() -> None:
    import io

    pixels = radiograph(3, 0)
    heat = np.zeros(pixels.shape, dtype=np.float32)
    heat[:20, :20] = 1
    with Image.open(io.BytesIO(overlay.overlay(pixels, heat))) as picture:
        shown = np.asarray(picture)
    np.testing.assert_array_equal(shown[30:, 30:, 0], pixels[30:, 30:])
    assert (shown[:20, :20, 0] != pixels[:20, :20]).mean() > 0.9


def test_a_lost_or_foreign_network_is_refused_in_one_sentence(home: Path, saved: dict[str, Path]) -> None:
    broken = home / "broken.keras"
    broken.write_bytes(b"not a network")
    with pytest.raises(DataError, match=r"broken\.keras: not a saved network"):
        grad_cam.open_network(broken, "resnet50")
    with pytest.raises(DataError, match="no layer"):
        grad_cam.open_network(saved["resnet50"], "efficientnetb0")


def test_a_network_under_anothers_hash_is_not_explained(tmp_path: Path, saved: dict[str, Path]) -> None:
    mine = hashlib.sha256(saved["efficientnetb0"].read_bytes()).hexdigest()
    swapped, right = tmp_path / f"{'0' * 64}.keras", tmp_path / f"{mine}.keras"
    for path in (swapped, right):
        path.write_bytes(saved["efficientnetb0"].read_bytes())
    with pytest.raises(DataError, match="no longer have the hash in its name"):
        grad_cam.open_network(swapped, "efficientnetb0")
    assert grad_cam.open_network(right, "efficientnetb0").size == SIZE


def test_maps_of_small_pictures_are_sharpened_at_a_finer_layer(tmp_path: Path) -> None:
    from wrist_model.network import assemble

    small = NetworkRecipe(weights="none", image_size=96, dense_units=8)
    for architecture in ("efficientnetb0", "resnet50"):
        path = tmp_path / f"{architecture}.keras"
        assemble.build(architecture, small, seed=1, free_all=True).whole.save(path)
        network = grad_cam.open_network(path, architecture)
        assert network.method == "sharpened-grad-cam"
        pictures = np.stack([radiograph(n, 0)[100:196, 100:196, None] for n in (0, 1)])
        heat = network.maps(pictures)
        assert heat.shape == (2, 96, 96)
        assert np.isfinite(heat).all() and (heat >= 0).all() and 0 < heat.max() <= 1


def test_the_mean_over_shifts_moves_with_the_picture_and_finds_the_place() -> None:
    """Maps that say where the picture is bright, on a grid so coarse that their own peak is cells away."""

    def coarse(pictures: np.ndarray) -> np.ndarray:
        n, side = len(pictures), pictures.shape[1]
        return pictures[..., 0].reshape(n, side // 16, 16, side // 16, 16).mean((2, 4), dtype=np.float32)

    mean = grad_cam._over_shifts(coarse, 96)
    for row, column in ((50, 45), (30, 60), (47, 33)):
        picture = np.zeros((1, 96, 96, 1), np.uint8)
        picture[0, row - 3 : row + 4, column - 3 : column + 4] = 255
        (heat,) = mean(picture)
        found = np.unravel_index(heat.argmax(), heat.shape)
        assert np.hypot(found[0] - row, found[1] - column) <= 5, (found, row, column)


def test_nothing_to_explain_opens_no_network(home: Path) -> None:
    assert grad_cam.explain(home / "none.keras", "resnet50", [], home) == ()

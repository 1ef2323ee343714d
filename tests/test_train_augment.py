"""Augmentation: what is drawn, and that the picture moves as Keras's would."""

from __future__ import annotations

import numpy as np
import pytest

from tests import factories
from wrist_model.recipe import AugmentationRecipe
from wrist_model.records import ImageRef
from wrist_model.training import augmentation, image_batches


def square(size: int = 96) -> np.ndarray:
    return image_batches.resized(factories.radiograph(1, 0), size, "squeeze")


def test_a_letterboxed_picture_keeps_its_sides_and_a_squeezed_one_fills_the_square() -> None:
    pixels = np.full((300, 120), 200, np.uint8)
    boxed = image_batches.resized(pixels, 112, "letterbox")
    at = image_batches.place(pixels.shape, 112, "letterbox")
    assert boxed.shape == (112, 112, 1) and at == (0, 112, 33, 78, 112)
    assert (boxed[:, 33:78] == 200).all() and boxed.sum() == 200 * 112 * 45
    assert image_batches.place((120, 300), 112, "letterbox") == (33, 78, 0, 112, 112)
    assert image_batches.place((900, 2), 96, "letterbox") == (0, 96, 47, 48, 96)
    assert (image_batches.resized(pixels, 112, "squeeze") == 200).all()
    assert image_batches.place(pixels.shape, 112, "squeeze") == (0, 112, 0, 112, 112)


def test_draws_stay_in_range_and_fill_it() -> None:
    recipe = AugmentationRecipe(rotation_degrees=20, shear_degrees=0.2, brightness=(0.5, 1.5))
    draws = [augmentation.draw(recipe, 1, f"{i:064x}", 0) for i in range(2000)]
    for name, low, high in (("rotation", -20, 20), ("shear", -0.2, 0.2), ("brightness", 0.5, 1.5)):
        values = np.array([getattr(each, name) for each in draws])
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < values.max() <= high
    assert not any(each.flip for each in draws)


def test_a_view_depends_on_content_seed_and_number_alone() -> None:
    recipe, pictures = AugmentationRecipe(), np.stack([square()] * 3)
    refs = [ImageRef(f"im-{i}", "s", "p", "f", f"{i:064x}", 0) for i in range(3)]
    forward = image_batches.augmented(pictures, refs, np.array([0, 1, 2]), recipe, 5, [0, 0, 0])
    backward = image_batches.augmented(pictures, refs, np.array([2, 1, 0]), recipe, 5, [0, 0, 0])
    assert np.array_equal(forward, backward[::-1])
    assert not np.array_equal(forward[0], forward[1])
    assert not np.array_equal(
        forward, image_batches.augmented(pictures, refs, np.array([0, 1, 2]), recipe, 6, [0, 0, 0])
    )


def test_no_change_leaves_the_picture_as_it_is() -> None:
    assert np.array_equal(augmentation.apply(square(), augmentation.Draw(0, 0, 1, False)), square())
    plain = image_batches.augmented(
        square()[None], [], np.array([0]), AugmentationRecipe(), 1, [image_batches.UNAUGMENTED]
    )
    assert np.array_equal(plain[0], square())


@pytest.mark.parametrize(("rotation", "shear"), [(20.0, 0.0), (-13.0, 0.2), (5.0, 30.0)])
def test_the_geometry_is_that_of_keras(rotation: float, shear: float) -> None:
    from keras.src.legacy.preprocessing.image import apply_affine_transform

    mine = augmentation.apply(square(), augmentation.Draw(rotation, shear, 1, False))[..., 0].astype(float)
    theirs = apply_affine_transform(
        square().astype("float32"), theta=rotation, shear=shear, row_axis=0, col_axis=1, channel_axis=2, order=1
    )[..., 0]
    inner = slice(8, -8)
    assert np.abs(mine - theirs)[inner, inner].mean() < 2.5


def test_brightness_multiplies_and_clips() -> None:
    changed = augmentation.apply(square(), augmentation.Draw(0, 0, 1.5, False)).astype(int)
    assert np.array_equal(changed, np.clip(square() * 1.5 + 0.5, 0, 255).astype(np.uint8))


def test_an_epoch_has_every_image_once_in_an_order_of_its_own() -> None:
    orders = [image_batches.order(100, 7, epoch) for epoch in (1, 2)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert not np.array_equal(*orders)
    assert np.array_equal(image_batches.order(100, 7, 1), orders[0])

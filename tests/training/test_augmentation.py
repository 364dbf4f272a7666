import itertools

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from mnist_gradients.training.augmentation import (
    Augmentations,
    build_augmentation,
    draw_augmentations,
    draw_fields,
)
from mnist_gradients.training.parameters import AugmentationParameters

SHAPE = (6, 5)
EVERYTHING = {"translation": 2, "rotation": 20, "scale": 0.2, "shear": 0.2, "elastic": 1.5}


def augmentation(**changes):
    options = {
        "translation": 0,
        "rotation": 0.0,
        "scale": 0.0,
        "shear": 0.0,
        "elastic": 0.0,
        "elastic_smoothness": 4.0,
    }
    return AugmentationParameters(**(options | changes))


def images(n, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def augmentations(n, matrix=((1, 0), (0, 1)), translation=(0, 0)):
    return Augmentations(
        np.tile(np.float32(matrix), (n, 1, 1)),
        np.tile(np.int32(translation), (n, 1)),
        np.arange(n, dtype=np.int32),
    )


def augmented(pixels, drawn, **changes):
    function = build_augmentation(pixels.shape[1:], augmentation(**changes), seed=0)
    result = np.asarray(function(pixels, drawn))
    assert result.dtype == np.float32
    return result


class TestDraws:
    def test_zero_limits_change_nothing(self):
        drawn = draw_augmentations(50, augmentation(), np.random.default_rng(0))
        np.testing.assert_array_equal(drawn.matrix, np.tile(np.eye(2), (50, 1, 1)))
        np.testing.assert_array_equal(drawn.translation, np.zeros((50, 2)))

    def test_every_translation_within_the_limit_occurs_and_no_other(self):
        drawn = draw_augmentations(1000, augmentation(translation=2), np.random.default_rng(0))
        found = {tuple(pixels) for pixels in drawn.translation.tolist()}
        assert found == set(itertools.product(range(-2, 3), repeat=2))

    def test_rotations_are_within_the_angle_and_reach_it(self):
        drawn = draw_augmentations(2000, augmentation(rotation=15), np.random.default_rng(0))
        identity = np.einsum("nij,nkj->nik", drawn.matrix, drawn.matrix)
        np.testing.assert_allclose(identity, np.tile(np.eye(2), (2000, 1, 1)), atol=1e-6)
        angles = np.degrees(np.arctan2(drawn.matrix[:, 1, 0], drawn.matrix[:, 0, 0]))
        assert 14.5 < angles.max() <= 15
        assert -15 <= angles.min() < -14.5
        assert abs(angles.mean()) < 1

    def test_matrix_holds_the_inverse_of_the_drawn_scales(self):
        drawn = draw_augmentations(2000, augmentation(scale=0.5), np.random.default_rng(0))
        sizes = 1 / drawn.matrix[:, [0, 1], [0, 1]]
        assert 0.5 <= sizes.min() < 0.51
        assert 1.49 < sizes.max() <= 1.5 + 1e-6
        np.testing.assert_array_equal(drawn.matrix[:, [0, 1], [1, 0]], 0)
        assert abs(np.corrcoef(sizes.T)[0, 1]) < 0.1

    def test_shear_is_horizontal_and_within_its_limit(self):
        drawn = draw_augmentations(2000, augmentation(shear=0.3), np.random.default_rng(0))
        assert 0.29 < np.abs(drawn.matrix[:, 1, 0]).max() <= 0.3
        np.testing.assert_array_equal(drawn.matrix[:, 0, 1], 0)

    @pytest.mark.parametrize("length", [0.5, 1.7])
    def test_fields_have_the_given_mean_length_at_every_pixel(self, length):
        parameters = augmentation(elastic=length)
        fields = draw_fields((28, 28), parameters, np.random.default_rng(0), n_fields=500)
        assert fields.shape == (500, 2, 784)
        lengths = np.linalg.norm(fields, axis=1)
        assert lengths.mean() == pytest.approx(length, rel=1e-4)
        at_pixel = lengths.mean(axis=0)
        assert at_pixel.min() > 0.85 * length
        assert at_pixel.max() < 1.15 * length

    def test_fields_are_smooth(self):
        fields = draw_fields((28, 28), augmentation(elastic=1), np.random.default_rng(0), 100)
        steps = np.diff(fields.reshape(100, 2, 28, 28), axis=-1)
        assert np.abs(steps).mean() < 0.25 * np.abs(fields).mean()


@pytest.mark.tensorflow
class TestAugmentation:
    @pytest.mark.parametrize("changes", [{}, EVERYTHING | {"elastic": 0}])
    def test_identity_leaves_every_pixel(self, changes):
        pixels = images(3)
        np.testing.assert_allclose(
            augmented(pixels, augmentations(3), **changes), pixels, atol=1e-4
        )

    @pytest.mark.parametrize("changes", [{"translation": 2}, {"translation": 2, "rotation": 1}])
    def test_images_are_translated_down_and_right(self, changes):
        pixels = images(1)
        for down, right in itertools.product(range(-2, 3), repeat=2):
            translated = augmented(pixels, augmentations(1, translation=(down, right)), **changes)[
                0
            ]
            padded = np.pad(pixels[0], 2)
            expected = np.roll(padded, (down, right), axis=(0, 1))[2:-2, 2:-2]
            np.testing.assert_allclose(translated, expected, atol=1e-4)

    def test_agrees_with_the_interpolation_of_scipy(self):
        pixels = images(20, (28, 28))
        parameters = augmentation(**EVERYTHING)
        drawn = draw_augmentations(20, parameters, np.random.default_rng(3))
        fields = draw_fields((28, 28), parameters, np.random.default_rng(0))
        result = augmented(pixels, drawn, **EVERYTHING)
        grid = np.indices((28, 28)).reshape(2, -1) - 13.5
        for i in range(20):
            positions = (
                drawn.matrix[i] @ grid
                + 13.5
                - drawn.translation[i][:, None]
                + fields[drawn.field[i]]
            )
            expected = map_coordinates(
                pixels[i].astype(float), positions, order=1, mode="grid-constant"
            )
            np.testing.assert_allclose(result[i].ravel(), expected, atol=0.02)

    def test_the_range_of_the_pixels_is_kept(self):
        pixels = images(200, (28, 28))
        drawn = draw_augmentations(200, augmentation(**EVERYTHING), np.random.default_rng(1))
        result = augmented(pixels, drawn, **EVERYTHING)
        assert result.min() >= 0
        assert result.max() <= 255
        assert augmented(np.full((5, 28, 28), 255, np.uint8), drawn[:5], **EVERYTHING).max() == 255

    def test_rotation_by_a_quarter(self):
        pixels = images(1, (5, 5))
        rotated = augmented(pixels, augmentations(1, matrix=((0, -1), (1, 0))), rotation=90)[0]
        np.testing.assert_allclose(rotated, np.rot90(pixels[0], -1), atol=1e-3)

    def test_an_enlarged_image_is_larger(self):
        pixels = np.zeros((1, 28, 28), np.uint8)
        pixels[0, 10:18, 10:18] = 255
        larger = augmented(pixels, augmentations(1, matrix=np.eye(2) / 1.5), scale=0.5)[0]
        assert (larger > 127).sum() == pytest.approx(64 * 1.5**2, rel=0.05)

    def test_seed_determines_the_elastic_fields(self):
        pixels, drawn = images(4, (28, 28)), augmentations(4)
        results = [
            np.asarray(build_augmentation((28, 28), augmentation(elastic=2), seed)(pixels, drawn))
            for seed in (0, 0, 1)
        ]
        np.testing.assert_array_equal(results[0], results[1])
        assert (results[0] != results[2]).any()

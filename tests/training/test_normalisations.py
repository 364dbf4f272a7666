"""Deskewed digits have no shear; width-normalised digits have the given width."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.training import normalisations
from mnist_gradients.training.normalisations import deskew, normalise, normalise_width


def normalised(normalisation, images):
    labels = np.zeros(len(images), np.uint8)
    return normalise(LabelledImages(images, labels), normalisation).images


def bars(shear, width=28, height=28):
    """A bar three pixels wide, grey at its sides, sheared by `shear` columns per row."""
    columns = np.arange(width) - (width - 1) / 2
    rows = np.arange(height) - (height - 1) / 2
    distance = np.abs(columns - shear * rows[:, None])
    image = np.where(np.abs(rows[:, None]) < 8, np.clip(2 - distance, 0, 1), 0)
    return np.rint(255 * image).astype(np.uint8)[None]


def measured_shear(image):
    """sum I y x / sum I y^2 about the centre of mass, pixel by pixel."""
    weights = {(i, j): float(value) for (i, j), value in np.ndenumerate(image)}
    mass = sum(weights.values())
    y0 = sum(w * i for (i, _), w in weights.items()) / mass
    x0 = sum(w * j for (_, j), w in weights.items()) / mass
    covariance = sum(w * (i - y0) * (j - x0) for (i, j), w in weights.items())
    return covariance / sum(w * (i - y0) ** 2 for (i, _), w in weights.items())


def box_width(image):
    columns = np.flatnonzero(image.any(axis=0))
    return columns[-1] - columns[0] + 1


@pytest.mark.parametrize("shear", [-0.6, -0.2, 0.0, 0.35, 0.5])
def test_deskewed_digits_have_no_shear(shear):
    sheared = bars(shear)
    assert measured_shear(sheared[0]) == pytest.approx(shear, abs=0.02)
    straight = deskew(sheared)
    assert straight.dtype == np.uint8
    assert measured_shear(straight[0]) == pytest.approx(0, abs=0.01)
    assert np.abs(straight.astype(int) - bars(0.0)).mean() < 1.5


def test_deskewing_shears_about_the_centre_of_mass():
    image = np.roll(bars(0.5), (3, -2), axis=(1, 2))
    expected = np.roll(bars(0.0), (3, -2), axis=(1, 2))
    assert np.abs(deskew(image).astype(int) - expected).mean() < 1.5


@pytest.mark.parametrize("width", [6, 10, 20])
def test_width_normalised_digits_have_the_given_width_and_are_centred(width):
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 3:13] = 200
    found = normalise_width(image, width)[0]
    # Half a pixel more on either side is where ink and background are interpolated.
    assert width <= box_width(found) <= width + 2
    np.testing.assert_array_equal(found, found[:, ::-1])
    np.testing.assert_array_equal(found.any(axis=1), image[0].any(axis=1))
    assert found.sum() / 200 / 20 == pytest.approx(width, abs=0.05 * width)


def test_digit_of_the_given_width_is_only_centred():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 10:15, 2:12] = np.arange(50).reshape(5, 10) + 1
    np.testing.assert_array_equal(normalise_width(image, 10)[0, 10:15, 9:19], image[0, 10:15, 2:12])


@given(arrays(np.uint8, (3, 9, 8)), st.integers(1, 8))
def test_pixels_stay_between_background_and_the_largest_of_the_image(images, width):
    for normalisation in ("deskew", width):
        found = normalised(normalisation, images)
        assert found.shape == images.shape
        assert (found.max(axis=(1, 2)) <= images.max(axis=(1, 2))).all()


@pytest.mark.parametrize("normalisation", ["original", "deskew", 12])
def test_images_without_ink_stay_as_they_are(normalisation):
    images = np.zeros((2, 28, 28), np.uint8)
    np.testing.assert_array_equal(normalised(normalisation, images), images)


def test_a_single_row_of_ink_has_no_shear():
    image = np.zeros((1, 9, 9), np.uint8)
    image[0, 4, 2:6] = 90
    np.testing.assert_array_equal(deskew(image), image)


@pytest.mark.parametrize("normalisation", ["deskew", 14])
@pytest.mark.parametrize("n", [1, 3, 4, 7])
def test_each_image_is_normalised_independently_of_the_others(sets, monkeypatch, normalisation, n):
    images = sets[0].images[:n]
    alone = [normalised(normalisation, image[None])[0] for image in images]
    monkeypatch.setattr(normalisations, "CHUNK", 3)
    np.testing.assert_array_equal(normalised(normalisation, images), alone)


def test_original_images_are_the_same_object(sets):
    assert normalise(sets[0], "original") is sets[0]

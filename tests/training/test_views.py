"""Views: upright digits lean to neither side, stretched ones have the width asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnist_gradients.training import views
from mnist_gradients.training.views import seen_as, stretched, upright


def bars(slant, width=28, height=28):
    """A bar three pixels wide, grey at its sides, that leans by `slant` columns a row."""
    columns = np.arange(width) - (width - 1) / 2
    rows = np.arange(height) - (height - 1) / 2
    distance = np.abs(columns - slant * rows[:, None])
    image = np.where(np.abs(rows[:, None]) < 8, np.clip(2 - distance, 0, 1), 0)
    return np.rint(255 * image).astype(np.uint8)[None]


def lean(image):
    """sum I y x / sum I y^2 about the centre of mass, pixel by pixel."""
    weights = {(i, j): float(value) for (i, j), value in np.ndenumerate(image)}
    mass = sum(weights.values())
    y0 = sum(w * i for (i, _), w in weights.items()) / mass
    x0 = sum(w * j for (_, j), w in weights.items()) / mass
    above = sum(w * (i - y0) * (j - x0) for (i, j), w in weights.items())
    return above / sum(w * (i - y0) ** 2 for (i, _), w in weights.items())


def box_width(image):
    columns = np.flatnonzero(image.any(axis=0))
    return columns[-1] - columns[0] + 1


@pytest.mark.parametrize("slant", [-0.6, -0.2, 0.0, 0.35, 0.5])
def test_upright_takes_the_lean_away(slant):
    leaning = bars(slant)
    assert lean(leaning[0]) == pytest.approx(slant, abs=0.02)
    straight = upright(leaning)
    assert straight.dtype == np.uint8
    assert lean(straight[0]) == pytest.approx(0, abs=0.01)
    assert np.abs(straight.astype(int) - bars(0.0)).mean() < 1.5


def test_upright_moves_rows_about_the_centre_of_mass():
    image = np.roll(bars(0.5), (3, -2), axis=(1, 2))
    expected = np.roll(bars(0.0), (3, -2), axis=(1, 2))
    assert np.abs(upright(image).astype(int) - expected).mean() < 1.5


@pytest.mark.parametrize("width", [6, 10, 20])
def test_stretched_gives_the_digit_the_width_asked_for_in_the_middle(width):
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 3:13] = 200
    seen = stretched(image, width)[0]
    # Half a pixel more on either side is where ink and background are interpolated.
    assert width <= box_width(seen) <= width + 2
    np.testing.assert_array_equal(seen, seen[:, ::-1])
    np.testing.assert_array_equal(seen.any(axis=1), image[0].any(axis=1))
    assert seen.sum() / 200 / 20 == pytest.approx(width, abs=0.05 * width)


def test_a_digit_of_that_width_already_is_only_centred():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 10:15, 2:12] = np.arange(50).reshape(5, 10) + 1
    np.testing.assert_array_equal(stretched(image, 10)[0, 10:15, 9:19], image[0, 10:15, 2:12])


@settings(deadline=None)
@given(arrays(np.uint8, (3, 9, 8)), st.integers(1, 8))
def test_no_pixel_leaves_the_range_of_its_image_and_background(images, width):
    for view in ("upright", width):
        seen = seen_as(view, images)
        assert seen.shape == images.shape
        assert (seen.max(axis=(1, 2)) <= images.max(axis=(1, 2))).all()


@pytest.mark.parametrize("view", ["original", "upright", 12])
def test_images_without_ink_stay_as_they_are(view):
    images = np.zeros((2, 28, 28), np.uint8)
    np.testing.assert_array_equal(seen_as(view, images), images)


def test_a_single_row_of_ink_has_no_lean():
    image = np.zeros((1, 9, 9), np.uint8)
    image[0, 4, 2:6] = 90
    np.testing.assert_array_equal(upright(image), image)


@pytest.mark.parametrize("view", ["upright", 14])
@pytest.mark.parametrize("n", [1, 3, 4, 7])
def test_images_are_seen_alike_however_many_there_are(sets, monkeypatch, view, n):
    images = sets[0].images[:n]
    alone = [seen_as(view, image[None])[0] for image in images]
    monkeypatch.setattr(views, "CHUNK", 3)
    np.testing.assert_array_equal(seen_as(view, images), alone)


def test_the_original_is_what_it_is(sets):
    assert seen_as("original", sets[0].images) is sets[0].images

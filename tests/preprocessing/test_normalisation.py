import numpy as np
import pytest
from scipy import ndimage

from mnist_gradients.preprocessing.digits import BLANK
from mnist_gradients.preprocessing.normalisation import (
    MOST_RAGGED,
    THICKEST_STROKE,
    THINNEST_STROKE,
    normalise_strokes,
    place_by_mass,
    raggedness,
    read_digits,
    scale_to_fit,
    stroke_width,
)


def page(height=100, width=80, tone=0.0, **blocks):
    """An even page with blocks of another tone: (rows, columns, tone)."""
    image = np.full((height, width), tone)
    for rows, columns, ink in blocks.values():
        image[slice(*rows), slice(*columns)] = ink
    return image


def rgb(grey):
    return np.repeat(np.round(255 * grey).astype(np.uint8)[..., None], 3, axis=2)


def test_raggedness_of_a_disc_is_about_1_and_grows_with_the_outline(mnist):
    y, x = np.indices((201, 201)) - 100
    assert raggedness(np.hypot(y, x) < 90) == pytest.approx(0.8, abs=0.3)
    comb = np.zeros((100, 100), dtype=bool)
    comb[:, ::4] = comb[50] = True
    assert raggedness(comb) > 100
    enlarged = [ndimage.zoom(image / 255, 5, order=1) for image in mnist.images[:300]]
    assert max(raggedness(normalise_strokes(digit) > 0.5) for digit in enlarged) < MOST_RAGGED


class TestStrokes:
    @pytest.mark.parametrize("width", [4, 12, 30])
    def test_width_is_that_of_a_bar(self, width):
        assert stroke_width(np.ones((400, width), dtype=bool)) == pytest.approx(width, rel=0.15)

    @pytest.mark.parametrize("width", [2, 60])
    def test_hairline_and_felt_pen_become_as_wide_as_in_mnist(self, width):
        ring = np.hypot(*(np.indices((240, 240)) - 119.5))
        digit = np.float64(np.abs(ring - (118 - width / 2)) < width / 2)
        found = normalise_strokes(digit)
        relative = stroke_width(found > 0.5) / max(found.shape)
        assert THINNEST_STROKE * 0.8 < relative < THICKEST_STROKE * 1.4
        centre = found.shape[0] // 2
        assert found[centre - 20 : centre + 20, centre - 20 : centre + 20].max() == 0

    def test_digit_as_in_mnist_stays_as_it_is(self):
        digit = np.zeros((100, 60))
        digit[:, :14] = digit[:14] = 1
        assert normalise_strokes(digit) is digit

    def test_thinning_keeps_a_thin_part(self):
        digit = np.zeros((100, 60))
        digit[:60] = 1
        digit[60:, 28:32] = 1
        found = normalise_strokes(digit)
        assert found.shape[0] > 85
        assert (found[-20:].sum(axis=1) > 3).all()


class TestNoDigit:
    """Pictures without a digit are no picture of a digit with a high probability."""

    Y, X = np.indices((100, 100)) - 50
    FILLED = "found nothing but specks and filled shapes, expected a digit"

    @pytest.mark.parametrize(
        ("ink", "words"),
        [
            (np.zeros((100, 100)), BLANK),
            (np.ones((100, 100)), BLANK),
            (np.ones((500, 1)), BLANK),  # too narrow for the fit of its light
            (np.hypot(Y, X) < 1, FILLED),
            (np.hypot(Y, X) < 30, FILLED),
        ],
        ids=["white", "black", "strip", "dot", "disc"],
    )
    def test_picture_is_refused(self, ink, words):
        with pytest.raises(ValueError, match=f"^{words}$"):
            read_digits(rgb(1 - np.float64(ink)), 20, 28)

    def test_ring_is_taken(self):
        ring = abs(np.hypot(self.Y, self.X) - 25) < 6
        assert len(read_digits(rgb(1 - np.float64(ring)), 20, 28)) == 1


class TestScaleToFit:
    @pytest.mark.parametrize(
        ("shape", "expected"),
        [((200, 100), (20, 10)), ((60, 90), (13, 20)), ((7, 10), (14, 20)), ((500, 3), (20, 1))],
    )
    def test_longer_side_has_the_size_and_the_ratio_is_kept(self, shape, expected):
        np.testing.assert_allclose(scale_to_fit(np.ones(shape), 20), np.ones(expected))

    def test_digit_of_that_size_stays_as_it_is(self):
        digit = np.random.default_rng(0).uniform(size=(20, 11))
        digit[0, 0] = 1
        np.testing.assert_allclose(scale_to_fit(digit, 20), digit, atol=1e-6)

    def test_edge_inside_a_pixel_is_grey_by_its_coverage(self):
        digit = np.zeros((40, 40))
        digit[:, :13] = 1  # 6.5 pixels
        found = scale_to_fit(digit, 20)
        np.testing.assert_allclose(found[0, 5:8], [1, 0.5, 0], atol=1e-6)

    def test_strokes_thinner_than_a_pixel_are_darkened(self):
        digit = np.zeros((400, 400))
        digit[:, 195:200] = 1
        found = scale_to_fit(digit, 20)
        assert found.max() == 1
        np.testing.assert_allclose(found.sum(axis=1), 1)


class TestPlaceByMass:
    def test_digits_of_mnist_come_back_to_where_they_were(self, mnist):
        for image in mnist.images[:200]:
            rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
            digit = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            np.testing.assert_array_equal(place_by_mass(digit / 255, 28), image)

    def test_centre_of_mass_is_in_the_centre_within_half_a_pixel(self):
        digit = np.zeros((20, 14))
        digit[:3] = 1
        digit[:, 10:] = 1
        image = place_by_mass(digit, 28)
        assert image.dtype == np.uint8
        centre = ndimage.center_of_mass(image)
        assert np.abs(np.array(centre) - 14).max() <= 0.5

    def test_pixels_are_the_digit_at_another_place(self):
        digit = np.array([[1, 0.5], [1, 0.2]])
        image = place_by_mass(digit, 6)
        np.testing.assert_array_equal(image[3:5, 3:5], [[255, 128], [255, 51]])
        assert image.sum() == 255 + 128 + 255 + 51

    def test_digit_is_never_moved_beyond_the_edge(self):
        digit = np.zeros((20, 20))
        digit[-1] = 1
        image = place_by_mass(digit, 24)
        np.testing.assert_array_equal(np.flatnonzero(image.any(axis=1)), [19])


# The bar at the top keeps the centre of mass off the middle between two pixels.
SEVEN = page(
    500, 400, tone=0.9, stroke=((100, 300), (180, 220), 0.1), bar=((100, 140), (150, 180), 0.1)
)


def read_one(image, digit_size, image_size):
    (digit,) = read_digits(image, digit_size, image_size)
    return digit


class TestReadDigits:
    def test_digit_in_a_photo_has_20_pixels_and_its_mass_in_the_centre(self):
        expected = np.zeros((28, 28))
        expected[6:26, 13:17] = expected[6:10, 10:17] = 255
        # Smoothing rounds the corners.
        np.testing.assert_allclose(read_one(rgb(SEVEN), 20, 28), expected, atol=70)

    def test_uneven_light_is_removed(self):
        light = np.linspace(1, 1 / 3, 500)[:, None]
        expected = read_one(rgb(SEVEN), 20, 28)
        found = read_one(rgb(SEVEN * light), 20, 28)
        np.testing.assert_allclose(found, np.float64(expected), atol=15)

    def test_edge_of_a_shadow_through_the_digit_is_removed(self):
        light = np.where(np.add.outer(np.arange(500), np.arange(400)) > 420, 0.5, 1.0)
        expected = read_one(rgb(SEVEN), 20, 28)
        found = read_one(rgb(SEVEN * light), 20, 28)
        np.testing.assert_allclose(found, np.float64(expected), atol=60)

    def test_ruled_lines_are_removed(self):
        ruled = SEVEN.copy()
        ruled[20::40] = np.minimum(ruled[20::40], 0.75)
        found = read_one(rgb(ruled), 20, 28)
        np.testing.assert_allclose(found, np.float64(read_one(rgb(SEVEN), 20, 28)), atol=15)

    def test_image_of_8_pixels_is_enlarged(self):
        image = read_one(rgb(page(8, 8, tone=0.9, stroke=((1, 7), (3, 5), 0.1))), 20, 28)
        rows, columns = (np.flatnonzero((image > 127).any(axis=axis)) for axis in (1, 0))
        assert np.ptp(rows) == 19
        assert 5 <= len(columns) <= 7

    def test_digit_that_touches_the_border_is_whole(self):
        image = read_one(rgb(SEVEN[100:]), 20, 28)
        # The edge at the border of the picture is sharp.
        np.testing.assert_allclose(image, np.float64(read_one(rgb(SEVEN), 20, 28)), atol=60)

    def test_sizes_are_those_asked_for(self):
        image = read_one(rgb(1 - SEVEN), 6, 9)
        assert image.shape == (9, 9)
        assert np.ptp(np.flatnonzero(image.any(axis=1))) == 5

    def test_digits_are_read_from_left_to_right(self):
        pair = np.hstack([SEVEN, SEVEN[:, ::-1]])
        left, right = read_digits(rgb(pair), 20, 28)
        np.testing.assert_allclose(left, np.float64(read_one(rgb(SEVEN), 20, 28)), atol=60)
        expected = np.float64(read_one(rgb(SEVEN[:, ::-1]), 20, 28))
        np.testing.assert_allclose(right, expected, atol=60)

    def test_box_around_the_digit_is_removed(self):
        boxed = SEVEN.copy()
        boxed[60:340, 110:260] = np.minimum(boxed[60:340, 110:260], 0.1)
        boxed[65:335, 115:255] = SEVEN[65:335, 115:255]
        found = read_one(rgb(boxed), 20, 28)
        np.testing.assert_allclose(found, np.float64(read_one(rgb(SEVEN), 20, 28)), atol=60)

    def test_patchy_texture_is_no_digit(self):
        patches = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(400, 400)), 6)
        disc = np.hypot(*(np.indices((400, 400)) - 200)) < 190
        image = np.where(np.pad((patches > 0.02) & disc, 60), 0.1, 0.9)
        with pytest.raises(ValueError, match=r"^found a shape that is too ragged for strokes, exp"):
            read_digits(rgb(image), 20, 28)

    def test_blank_page_is_refused(self):
        with pytest.raises(ValueError, match="found nothing but background"):
            read_one(rgb(page(tone=0.9)), 20, 28)

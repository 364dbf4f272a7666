import numpy as np
import pytest
from scipy import ndimage

from mnist_gradients.preprocessing.normalisation import (
    crop_to_digit,
    dark_on_light,
    find_ink,
    place_by_mass,
    preprocess,
    scale_to_fit,
)


def page(height=100, width=80, tone=0.0, **blocks):
    """An even page with blocks of another tone: (rows, columns, tone)."""
    image = np.full((height, width), tone)
    for rows, columns, ink in blocks.values():
        image[slice(*rows), slice(*columns)] = ink
    return image


def rgb(grey):
    return np.repeat(np.round(255 * grey).astype(np.uint8)[..., None], 3, axis=2)


STROKE = ((20, 70), (30, 42), 0.2)


class TestDarkOnLight:
    def test_dark_ink_is_left_dark(self):
        image = page(tone=0.8, stroke=STROKE)
        np.testing.assert_allclose(dark_on_light(rgb(image)), image, atol=1e-9)

    def test_light_ink_is_inverted(self):
        image = page(tone=0.2, stroke=((20, 70), (30, 42), 0.8))
        np.testing.assert_allclose(dark_on_light(rgb(image)), 1 - image, atol=1e-9)

    @pytest.mark.parametrize("inverted", [False, True])
    def test_border_decides_even_where_ink_covers_most_of_the_image(self, inverted):
        image = page(tone=1.0, blot=((8, 92), (8, 72), 0.0))
        found = dark_on_light(rgb(1 - image if inverted else image))
        np.testing.assert_allclose(found, image, atol=1e-9)

    def test_colour_is_taken_in_which_the_ink_stands_out(self):
        image = np.full((60, 60, 3), 255, dtype=np.uint8)
        image[20:40, 25:30] = (255, 230, 0)  # yellow on white: hardly darker, but not blue
        found = dark_on_light(image)
        assert found[30, 27] == 0
        assert found[0, 0] == 1

    def test_luminance_is_taken_where_no_colour_is_clearly_better(self):
        image = np.full((60, 60, 3), 255, dtype=np.uint8)
        image[20:40, 25:30] = (30, 30, 60)
        expected = (0.299 * 30 + 0.587 * 30 + 0.114 * 60) / 255
        assert dark_on_light(image)[30, 27] == pytest.approx(expected)


class TestFindInk:
    def test_ink_is_the_share_of_the_light_that_is_missing(self):
        ink = find_ink(page(tone=0.8, stroke=STROKE))
        np.testing.assert_allclose(ink, page(stroke=(*STROKE[:2], 0.75)), atol=1e-6)

    @pytest.mark.parametrize("axis", [0, 1])
    def test_light_that_falls_off_to_a_third_changes_little(self, axis):
        image = page(400, 400, tone=0.9, stroke=((100, 300), (180, 220), 0.18))
        light = np.linspace(1, 1 / 3, 400)
        ink = find_ink(image * (light[:, None] if axis == 0 else light))
        expected = page(400, 400, stroke=((100, 300), (180, 220), 0.8))
        # Beyond this, near the border, no paper is there to compare with on the other side.
        inside = (slice(80, 320), slice(80, 320))
        np.testing.assert_allclose(ink[inside], expected[inside], atol=0.03)

    def test_light_may_fall_off_up_to_the_border(self):
        slope = np.tile(np.concatenate([np.full(200, 0.9), np.linspace(0.9, 0.3, 200)]), (300, 1))
        assert find_ink(slope).max() < 0.01

    def test_wide_shadow_is_no_ink(self):
        image = page(400, 400, tone=0.9)
        image[:, 200:] = 0.45
        image[100:300, 280:310] = 0.09
        ink = find_ink(image)
        assert ink[:, :195].max() < 0.01
        assert ink[:, 205:270].max() < 0.01
        np.testing.assert_allclose(ink[110:290, 285:305], 0.8, atol=0.01)

    def test_fat_digit_in_even_light_is_ink_throughout(self):
        ink = find_ink(page(tone=0.8, blot=((20, 80), (20, 60), 0.2)))
        np.testing.assert_allclose(ink, page(blot=((20, 80), (20, 60), 0.75)), atol=0.01)

    def test_black_image_is_no_division_by_zero(self):
        assert np.isfinite(find_ink(np.zeros((5, 5)))).all()


class TestCropToDigit:
    def test_box_is_that_of_the_strokes_which_become_1(self):
        ink = page(stroke=STROKE, bar=((20, 30), (42, 60), 0.2))
        digit = crop_to_digit(ink)
        expected = np.zeros((50, 30))
        expected[:, :12] = expected[:10] = 1
        np.testing.assert_allclose(digit, expected, atol=1e-9)

    def test_stroke_apart_is_kept_and_a_speck_is_not(self):
        ink = page(stroke=STROKE, apart=((20, 30), (50, 60), 0.2), speck=((90, 93), (70, 73), 0.2))
        assert crop_to_digit(ink).shape == (50, 30)

    def test_shadow_at_the_border_is_left_out(self):
        ink = page(stroke=STROKE, shadow=((0, 100), (0, 10), 0.2))
        assert crop_to_digit(ink).shape == (50, 12)

    def test_digit_that_fills_its_image_is_kept(self):
        ink = page(50, 12, tone=0.7)
        np.testing.assert_allclose(crop_to_digit(ink), np.ones((50, 12)))

    def test_faint_end_of_a_stroke_belongs_to_it_and_grain_does_not(self):
        ink = page(tone=0.03, stroke=(*STROKE[:2], 0.6), end=((70, 80), (30, 42), 0.3))
        digit = crop_to_digit(ink)
        assert digit.shape == (60, 12)
        assert digit[55, 5] == pytest.approx(0.5, abs=0.01)

    @pytest.mark.parametrize("tone", [0.0, 0.05])
    def test_blank_image_holds_no_digit(self, tone):
        grain = np.random.default_rng(0).normal(0, 0.01, (100, 80))
        with pytest.raises(ValueError, match=r"^found nothing but background, expected a digit$"):
            crop_to_digit(np.clip(tone + tone * grain, 0, 1))


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


class TestPreprocess:
    def test_digit_in_a_photo_has_20_pixels_and_its_mass_in_the_centre(self):
        expected = np.zeros((28, 28))
        expected[6:26, 13:17] = expected[6:10, 10:17] = 255
        np.testing.assert_allclose(preprocess(rgb(SEVEN), 20, 28), expected, atol=50)

    def test_light_that_falls_off_leaves_no_trace(self):
        light = np.linspace(1, 1 / 3, 500)[:, None]
        expected = preprocess(rgb(SEVEN), 20, 28)
        found = preprocess(rgb(SEVEN * light), 20, 28)
        np.testing.assert_allclose(found, np.float64(expected), atol=15)

    def test_edge_of_a_shadow_through_the_digit_leaves_no_trace(self):
        light = np.where(np.add.outer(np.arange(500), np.arange(400)) > 420, 0.5, 1.0)
        expected = preprocess(rgb(SEVEN), 20, 28)
        found = preprocess(rgb(SEVEN * light), 20, 28)
        np.testing.assert_allclose(found, np.float64(expected), atol=60)

    def test_ruled_paper_leaves_no_trace(self):
        ruled = SEVEN.copy()
        ruled[20::40] = np.minimum(ruled[20::40], 0.75)
        found = preprocess(rgb(ruled), 20, 28)
        np.testing.assert_allclose(found, np.float64(preprocess(rgb(SEVEN), 20, 28)), atol=15)

    def test_image_of_8_pixels_is_enlarged(self):
        image = preprocess(rgb(page(8, 8, tone=0.9, stroke=((1, 7), (3, 5), 0.1))), 20, 28)
        rows, columns = (np.flatnonzero((image > 127).any(axis=axis)) for axis in (1, 0))
        assert np.ptp(rows) == 19
        assert 5 <= len(columns) <= 7

    def test_digit_that_touches_the_border_is_whole(self):
        image = preprocess(rgb(SEVEN[100:]), 20, 28)
        # The edge at the border of the picture is sharp.
        np.testing.assert_allclose(image, np.float64(preprocess(rgb(SEVEN), 20, 28)), atol=60)

    def test_sizes_are_those_asked_for(self):
        image = preprocess(rgb(1 - SEVEN), 6, 9)
        assert image.shape == (9, 9)
        assert np.ptp(np.flatnonzero(image.any(axis=1))) == 5

    def test_blank_page_is_refused(self):
        with pytest.raises(ValueError, match="found nothing but background"):
            preprocess(rgb(page(tone=0.9)), 20, 28)

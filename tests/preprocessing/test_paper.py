import numpy as np
import pytest

from mnist_gradients.preprocessing.paper import dark_on_light, find_ink, noise_of


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

    @pytest.mark.parametrize("inverted", [False, True])
    def test_lamp_over_the_digit_does_not_invert_it(self, inverted):
        y, x = np.meshgrid(np.linspace(-1, 1, 200), np.linspace(-1, 1, 200), indexing="ij")
        light = 0.12 + 0.88 * np.exp(-(x**2 + y**2) / 0.5)
        tones = (0.1, 0.9) if inverted else (0.9, 0.1)
        image = light * page(200, 200, tone=tones[0], stroke=((60, 140), (92, 108), tones[1]))
        is_inverted = dark_on_light(rgb(image))[100, 100] != pytest.approx(
            image[100, 100], abs=0.01
        )
        assert is_inverted == inverted


class TestFindInk:
    def test_ink_is_the_fraction_of_the_light_that_is_missing(self):
        ink = find_ink(rgb(page(tone=0.8, stroke=STROKE)))
        np.testing.assert_allclose(ink, page(stroke=(*STROKE[:2], 0.75)), atol=0.15)
        assert ink[45, 36] == pytest.approx(0.75, abs=0.01)
        assert (ink[:15] == 0).all()

    @pytest.mark.parametrize("axis", [0, 1])
    def test_light_that_falls_off_to_a_third_changes_little(self, axis):
        image = page(400, 400, tone=0.9, stroke=((100, 300), (180, 220), 0.18))
        light = np.linspace(1, 1 / 3, 400)
        ink = find_ink(rgb(image * (light[:, None] if axis == 0 else light)))
        np.testing.assert_allclose(ink[105:295, 185:215], 0.8, atol=0.04)
        assert (ink[:, :170] == 0).all()
        assert (ink[:, 230:] == 0).all()

    def test_light_may_fall_off_up_to_the_border(self):
        slope = np.tile(np.concatenate([np.full(200, 0.9), np.linspace(0.9, 0.3, 200)]), (300, 1))
        assert (find_ink(rgb(slope)) == 0).all()

    def test_wide_shadow_is_no_ink(self):
        image = page(400, 400, tone=0.9)
        image[:, 200:] = 0.45
        image[100:300, 280:310] = 0.09
        ink = find_ink(rgb(image))
        assert (ink[:, :190] == 0).all()
        assert (ink[:, 210:270] == 0).all()
        np.testing.assert_allclose(ink[110:290, 285:305], 0.8, atol=0.01)

    def test_thick_digit_in_even_light_is_ink_throughout(self):
        ink = find_ink(rgb(page(tone=0.8, blot=((20, 80), (20, 60), 0.2))))
        np.testing.assert_allclose(ink[22:78, 22:58], 0.75, atol=0.01)

    @pytest.mark.parametrize(("tone", "noise"), [(0.8, 25), (0.75, 40), (0.03, 6), (0.0, 0)])
    def test_bare_paper_of_any_tone_and_noise_has_no_ink(self, tone, noise):
        rng = np.random.default_rng(0)
        for _ in range(5):
            levels = rng.normal(255 * tone, noise, (200, 200))
            image = rgb(np.clip(levels, 0, 255) / 255)
            assert (find_ink(image) == 0).all()

    def test_vignette_with_noise_has_no_ink(self):
        y, x = np.meshgrid(np.linspace(-0.5, 0.5, 300), np.linspace(-0.5, 0.5, 300))
        for noise in (2, 8, 20):
            levels = 210 * (1 - 1.2 * (x**2 + y**2))
            levels += np.random.default_rng(noise).normal(0, noise, levels.shape)
            assert (find_ink(rgb(np.clip(levels, 0, 255) / 255)) == 0).all()

    def test_strokes_in_much_noise_are_still_found(self):
        rng = np.random.default_rng(0)
        image = page(200, 200, tone=0.8, stroke=((50, 150), (90, 110), 0.2))
        ink = find_ink(rgb(np.clip(image + rng.normal(0, 0.1, image.shape), 0, 1)))
        assert (ink[55:145, 94:106] > 0.5).all()
        assert (ink[:, :80] == 0).all()


def test_noise_is_measured_beside_edges_and_on_slopes():
    image = page(300, 300, tone=0.8, stroke=((50, 250), (140, 160), 0.2))
    image *= np.linspace(1, 0.5, 300)
    noisy = image + np.random.default_rng(0).normal(0, 0.05, image.shape)
    assert noise_of(noisy) == pytest.approx(0.05, rel=0.03)
    assert noise_of(image) < 0.003

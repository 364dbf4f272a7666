import numpy as np
import pytest

from mnist_gradients.preprocessing.digits import separate_digits


def page(height=100, width=80, tone=0.0, **blocks):
    """Ink with blocks of more: (rows, columns, ink)."""
    image = np.full((height, width), tone)
    for rows, columns, ink in blocks.values():
        image[slice(*rows), slice(*columns)] = ink
    return image


STROKE = ((20, 70), (30, 42), 0.2)
BLANK = "^found nothing but background, expected a digit$"


def only_digit(ink):
    (digit,) = separate_digits(ink, most=5)
    return digit


class TestOneDigit:
    def test_box_is_that_of_the_strokes_which_become_1(self):
        digit = only_digit(page(stroke=STROKE, bar=((20, 30), (42, 60), 0.2)))
        expected = np.zeros((50, 30))
        expected[:, :12] = expected[:10] = 1
        np.testing.assert_allclose(digit, expected, atol=1e-9)

    def test_bar_above_the_body_belongs_to_it_and_a_speck_does_not(self):
        ink = page(stroke=STROKE, bar=((8, 14), (34, 60), 0.2), speck=((90, 93), (70, 73), 0.2))
        assert only_digit(ink).shape == (62, 30)

    def test_part_across_a_hairline_gap_belongs_to_it(self):
        ink = page(stroke=STROKE, other=((20, 70), (44, 52), 0.2))
        assert only_digit(ink).shape == (50, 22)

    def test_shadow_at_the_border_is_left_out(self):
        ink = page(stroke=STROKE, shadow=((0, 100), (0, 10), 0.2))
        assert only_digit(ink).shape == (50, 12)

    def test_digit_that_fills_its_image_is_kept(self):
        np.testing.assert_allclose(only_digit(page(50, 12, tone=0.7)), np.ones((50, 12)))

    def test_faint_end_of_a_stroke_belongs_to_it_and_grain_does_not(self):
        ink = page(tone=0.03, stroke=(*STROKE[:2], 0.6), end=((70, 80), (30, 42), 0.3))
        digit = only_digit(ink)
        assert digit.shape == (60, 12)
        assert digit[55, 5] == pytest.approx(0.5, abs=0.01)


class TestSeveralDigits:
    def test_they_are_given_row_by_row_from_left_to_right(self):
        ink = page(
            300,
            200,
            lower=((200, 280), (40, 55), 0.5),
            right=((25, 95), (120, 150), 0.5),
            left=((20, 100), (30, 50), 0.5),
        )
        shapes = [digit.shape for digit in separate_digits(ink, most=3)]
        assert shapes == [(80, 20), (70, 30), (80, 15)]

    def test_more_than_are_expected_are_refused(self):
        ink = page(
            100, 300, **{f"d{i}": ((20, 80), (20 + 40 * i, 30 + 40 * i), 1) for i in range(6)}
        )
        assert len(separate_digits(ink, most=6)) == 6
        with pytest.raises(
            ValueError, match=r"^found 6 separate shapes, expected at most 5 digits$"
        ):
            separate_digits(ink, most=5)

    def test_comma_between_digits_is_no_digit(self):
        ink = page(
            100,
            200,
            left=((20, 80), (20, 40), 1),
            comma=((75, 85), (80, 85), 1),
            right=((20, 80), (140, 160), 1),
        )
        assert [digit.shape for digit in separate_digits(ink, most=5)] == [(60, 20), (60, 20)]


@pytest.mark.parametrize("tone", [0.0, 0.05])
def test_blank_image_holds_no_digit(tone):
    with pytest.raises(ValueError, match=BLANK):
        separate_digits(page(tone=tone), most=5)

import numpy as np
import pytest
from scipy import ndimage

from mnist_gradients.preprocessing.lines import angle_of_lines, remove_lines


@pytest.fixture
def digit():
    """A cross of strokes of 14 pixels, as dark as ink gets."""
    ink = np.zeros((240, 200))
    ink[60:180, 90:104] = ink[110:124, 60:140] = 0.9
    return ink


def ruled(ink, tone, angle=0.0, pitch=37):
    lines = np.zeros((400, 400))
    lines[13::pitch] = lines[14::pitch] = tone
    lines = ndimage.rotate(lines, angle, reshape=False, order=1)[80:320, 100:300]
    return np.maximum(ink, lines)


def is_changed(found, expected):
    """Where ink differs, beside the edges of strokes, which a rotation moves a little."""
    edges = ndimage.morphological_gradient(expected, size=9) > 0
    return (np.abs(found - expected) > 0.2) & ~edges


@pytest.mark.parametrize("tone", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("columns", [False, True])
def test_lines_go_and_the_strokes_across_them_stay(digit, tone, columns):
    paper = ruled(digit, tone)
    if columns:
        paper, digit = paper.T, digit.T
    found = remove_lines(paper)
    assert not is_changed(found, digit).any()


def test_grid_goes(digit):
    grid = ruled(digit, 0.5)
    for column in range(13, 200, 37):
        grid[:, column : column + 2] = np.maximum(grid[:, column : column + 2], 0.5)
    assert not is_changed(remove_lines(grid), digit).any()


@pytest.mark.parametrize("angle", [-3, -1.3, 2])
def test_lines_of_a_rotated_picture_go(digit, angle):
    paper = ruled(digit, 0.4, angle)
    assert angle_of_lines(paper > 0.05) == pytest.approx(-angle, abs=0.2)
    found = remove_lines(paper)
    expected = ndimage.rotate(digit, -angle, reshape=False, order=1)
    assert not is_changed(found, expected).any()


def test_box_goes(digit):
    boxed = digit.copy()
    boxed[40:200, 40:43] = boxed[40:200, 157:160] = 0.9
    boxed[40:43, 40:160] = boxed[197:200, 40:160] = 0.9
    assert not is_changed(remove_lines(boxed), digit).any()


def test_digit_without_lines_is_returned_as_it_is(digit):
    assert remove_lines(digit) is digit


def test_straight_hairline_strokes_with_loose_ends_stay():
    seven = np.zeros((200, 200))
    seven[40:44, 60:140] = seven[40:170, 136:140] = 0.9
    assert remove_lines(seven) is seven

"""Ruled lines, grids and the boxes of forms, removed from the ink of a picture.

A line is a straight thin run of ink, horizontal or vertical up to a small rotation of the picture.
Both ends lie at the border of the picture or at another line. Strokes of digits are different.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ink = NDArray[np.float64]
Mask = NDArray[np.bool_]

LARGEST_ANGLE = 5.0  # degrees by which a picture may be rotated
COARSE, FINE = 0.5, 0.1  # steps of the search for the angle, in degrees
OVERVIEW = 200  # longer side at which the angle is searched coarsely
SHORTEST = 0.2  # length of a line, of the shorter side of the picture
THINNEST = 12  # least ratio of length and width
REACH = 0.025  # of the longer side: how far from a line or the border a line may end
LEAST_INK = 0.05
FILLED, FILLED_OF_BEST = 0.4, 0.7  # least fraction of ink in a row of a line
DARKER = 0.12  # ink by which a stroke that hides a line is darker than it


@dataclass(frozen=True)
class Line:
    """A level line: rows top to bottom (excluded), columns left to right (excluded)."""

    top: int
    bottom: int
    left: int
    right: int


def remove_lines(ink: Ink) -> Ink:
    """Return the ink without lines; the picture is rotated until they are level or vertical.

    Where strokes cross a line, their ink is kept if it is darker than the line, and otherwise
    interpolated from both sides of the line.

    Args:
        ink: float64 (height, width), 0..1, 0 on bare paper.
    """
    angle = angle_of_lines(ink > LEAST_INK)
    level = _rotate(ink, angle)
    inside = _rotate(np.ones_like(ink), angle) > 0.99
    level[~inside] = 0
    rows, columns = find_lines(level > LEAST_INK, inside)
    if not rows and not columns:
        return ink
    cleaned = _erase(_erase(level, rows).T, columns).T
    return np.asarray(cleaned)


def angle_of_lines(mask: Mask) -> float:
    """Return the rotation at which ink gathers most in single rows and columns, in degrees."""
    step = -(-max(mask.shape) // OVERVIEW)
    best = 0.0
    for scale, reach, step_size in ((step, LARGEST_ANGLE, COARSE), (1, COARSE, FINE)):
        y, x = (scale * (i + 0.5) for i in np.nonzero(_pool(mask, scale)))
        angles = best + np.arange(-reach, reach + step_size / 2, step_size)
        best = float(max(angles, key=lambda a: _concentration(y, x, a, scale) - 1e-9 * abs(a)))
    return best


def _concentration(y: NDArray, x: NDArray, angle: float, scale: int) -> float:
    """Return the sum of the squared numbers of pixels by row and by column of a rotated mask."""
    slope = np.tan(np.radians(angle))
    total = 0.0
    for along, across in ((x, y), (y, -x)):
        position = np.floor((across - slope * along) / scale).astype(np.intp)
        total += float((np.bincount(position - position.min()) ** 2).sum()) if len(position) else 0
    return total


def _pool(mask: Mask, scale: int) -> Mask:
    """Return a mask reduced by a whole factor: True where any pixel of a square is."""
    height, width = (-(-side // scale) for side in mask.shape)
    padded = np.zeros((height * scale, width * scale), dtype=bool)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(padded.reshape(height, scale, width, scale).any(axis=(1, 3)))


def _rotate(image: Ink, angle: float) -> Ink:
    if angle == 0:
        return image.copy()
    return np.asarray(ndimage.rotate(image, angle, reshape=False, order=1))


def find_lines(mask: Mask, inside: Mask) -> tuple[list[Line], list[Line]]:
    """Return level and vertical lines; the latter as those of the transposed mask.

    Args:
        mask: Where there is ink.
        inside: Where the picture is, after a rotation.
    """
    rows, columns = _runs(mask), _runs(mask.T)
    reach = max(2, round(REACH * max(mask.shape)))
    border = ndimage.binary_dilation(np.pad(~inside, 1, constant_values=True), iterations=reach)
    outside = border[1:-1, 1:-1]
    while True:
        kept_rows = [line for line in rows if _is_held(line, columns, outside, reach)]
        kept_columns = [line for line in columns if _is_held(line, kept_rows, outside.T, reach)]
        if len(kept_rows) == len(rows) and len(kept_columns) == len(columns):
            return rows, columns
        rows, columns = kept_rows, kept_columns


def _runs(mask: Mask) -> list[Line]:
    """Return the long thin level runs of ink."""
    length = max(8, round(SHORTEST * min(mask.shape)))
    slack = ndimage.binary_dilation(mask, np.ones((3, 5)))
    runs = ndimage.binary_opening(slack, np.ones((1, length)))
    labels, _ = ndimage.label(runs)
    return [
        line
        for rows, columns in ndimage.find_objects(labels)
        for line in _lines_in(mask[rows, columns], rows.start, columns.start)
        if THINNEST * (line.bottom - line.top) <= line.right - line.left
    ]


def _lines_in(run: Mask, top: int, left: int) -> list[Line]:
    """Return the lines in the box around a run: neighbouring rows that are the best filled.

    Strokes that lie on a line, or join two, add rows that are filled less.
    """
    filled = run.mean(axis=1)
    rows, _ = ndimage.label(filled > max(FILLED, FILLED_OF_BEST * filled.max()))
    return [
        Line(top + band.start, top + band.stop, left, left + run.shape[1])
        for (band,) in ndimage.find_objects(rows)
    ]


def _is_held(line: Line, across: list[Line], outside: Mask, reach: int) -> bool:
    """Return whether both ends of a line lie at the border or at lines across it."""
    y = (line.top + line.bottom) // 2
    for x in (line.left, line.right - 1):
        at_line = any(
            other.top - reach <= x <= other.bottom + reach
            and other.left - reach <= y <= other.right + reach
            for other in across
        )
        if not (at_line or outside[y, x]):
            return False
    return True


def _erase(ink: Ink, lines: list[Line]) -> Ink:
    """Return the ink without level lines."""
    result = ink.copy()
    for line in lines:
        border = 1 + (line.bottom - line.top) // 3
        top, bottom = max(0, line.top - border), min(len(ink), line.bottom + border)
        band = ink[top:bottom, line.left : line.right]
        core = ink[line.top : line.bottom, line.left : line.right].max(axis=0)
        tone = float(np.median(core))
        edges = [ink[max(0, top - 2) : top], ink[bottom : bottom + 2]]
        above, below = (
            edge[:, line.left : line.right].min(axis=0) if len(edge) else np.zeros(band.shape[1])
            for edge in edges
        )
        weight = (np.arange(len(band))[:, None] + 1) / (len(band) + 1)
        through = (1 - weight) * above + weight * below
        is_stroke = band > tone + DARKER
        result[top:bottom, line.left : line.right] = np.where(
            is_stroke, band, np.minimum(through, band)
        )
    return result

"""The digits among the ink of a picture: separate parts, in the order in which they are read."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ink = NDArray[np.float64]
Labels = NDArray[np.integer]

LEAST_INK = 0.08  # what is fainter is the grain of the paper
FAINT, FIRM = 0.3, 0.5  # of the ink of the strokes
SPECK = 0.03  # area of the smallest part, of that of the largest
INNER_PART = 0.5  # of the largest part of all
GAP = 0.04  # of the height of the largest part: half of the gap between two digits
LOWEST = 0.35  # height of a digit, of that of the highest
OVERLAP = 0.3  # of the narrower of two parts, one above the other, of one digit
BLANK = "found nothing but background, expected a digit"


def separate_digits(ink: Ink, most: int) -> list[Ink]:
    """Return each digit in the box around it, its strokes at 1 and everything else at 0.

    Left out are specks, and whatever touches the border where there is something inside as well:
    a shadow, or the edge of the paper.

    Args:
        ink: float64 (height, width), 0..1, 0 on bare paper.
        most: The greatest number of digits.

    Raises:
        ValueError: If there is no ink, or more parts than digits may be.
    """
    if ink.max() < LEAST_INK:
        raise ValueError(BLANK)
    strokes = float(np.median(ink[ink >= FIRM * ink.max()]))
    if strokes < LEAST_INK:
        raise ValueError(BLANK)
    parts, n_parts = ndimage.label(ink > FAINT * strokes, structure=np.ones((3, 3)))
    firm = ndimage.sum_labels(ink > FIRM * strokes, parts, np.arange(n_parts + 1))
    inner = firm.copy()
    inner[np.unique(np.concatenate([parts[[0, -1]].ravel(), parts[:, [0, -1]].ravel()]))] = 0
    if inner.max() >= INNER_PART * firm.max():
        firm = inner
    parts *= (firm >= SPECK * firm.max())[parts]
    digits = _join(parts)
    boxes = _in_reading_order(ndimage.find_objects(digits))
    if len(boxes) > most:
        raise ValueError(f"found {len(boxes)} separate shapes, expected at most {most} digits")
    return [
        np.where(digits[box] == number, np.minimum(ink[box] / strokes, 1), 0)
        for number, box in boxes
    ]


def _join(parts: Labels) -> Labels:
    """Return the numbers of the digits in place of those of their parts."""
    heights = [box[0].stop - box[0].start for box in ndimage.find_objects(parts) if box]
    highest = max(heights)
    # What is nearer than twice the reach is one digit.
    distance = ndimage.distance_transform_edt(parts == 0)
    groups, n_groups = ndimage.label(distance <= GAP * highest)
    groups = groups * (parts > 0)
    boxes = dict(enumerate(ndimage.find_objects(groups), start=1))
    highest = max(box[0].stop - box[0].start for box in boxes.values())
    owner = {number: number for number in boxes}
    for number, box in sorted(boxes.items(), key=lambda item: _height(item[1])):
        others = [other for other in boxes if other != number]
        near = [other for other in others if _belong(box, boxes[other], highest)]
        if near:
            nearest = max(near, key=lambda other: _height(boxes[other]))
            owner[number] = nearest
            boxes[nearest] = _union(box, boxes[nearest])
            del boxes[number]
        elif _height(box) < LOWEST * highest:
            owner[number] = 0
            del boxes[number]
    table = np.zeros(n_groups + 1, dtype=groups.dtype)
    for number in owner:
        last = number
        while owner[last] not in (0, last):
            last = owner[last]
        table[number] = 0 if owner[last] == 0 else last
    return table[groups]


def _height(box: tuple[slice, ...]) -> int:
    return box[0].stop - box[0].start


def _union(one: tuple[slice, ...], other: tuple[slice, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )


def _belong(one: tuple[slice, ...], other: tuple[slice, ...], highest: int) -> bool:
    """Return whether two parts make one digit: one stands above the other, or is a small part."""
    gap_y, gap_x = (
        max(a.start, b.start) - min(a.stop, b.stop) for a, b in zip(one, other, strict=True)
    )
    narrower = min(box[1].stop - box[1].start for box in (one, other))
    is_above = -gap_x >= OVERLAP * narrower and gap_y < 0.25 * highest
    is_small = min(_height(one), _height(other)) < LOWEST * highest
    return is_above or (is_small and max(gap_x, gap_y) < 0.2 * highest)


def _in_reading_order(boxes: list) -> list:
    """Return numbers and boxes, row by row from left to right."""
    numbered = [(n, box) for n, box in enumerate(boxes, start=1) if box is not None]
    rows: list[list] = []
    for item in sorted(numbered, key=lambda item: item[1][0].start + item[1][0].stop):
        centre = (item[1][0].start + item[1][0].stop) / 2
        if rows and centre < max(box[0].stop for _, box in rows[-1]):
            rows[-1].append(item)
        else:
            rows.append([item])
    return [item for row in rows for item in sorted(row, key=lambda item: item[1][1].start)]

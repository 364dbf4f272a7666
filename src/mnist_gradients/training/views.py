"""Views of digits: the same images set upright or brought to one width, for members of a committee.

Networks that are trained on different views make different mistakes, so that their vote is better
than that of networks which differ by their seeds alone.

Source: Meier, Ciresan, Gambardella and Schmidhuber, "Better digit recognition with a committee of
simple neural nets" (2011).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

View = Literal["original", "upright"] | int

Images = NDArray[np.uint8]
CHUNK = 5_000  # images at a time: positions of all pixels of all images would take gigabytes


def seen_as(view: View, images: Images) -> Images:
    """Return a view of images, uint8 (N, height, width).

    Args:
        view: "original" for the images as they are, "upright" for :func:`upright`, or the width in
            pixels for :func:`stretched`.
        images: Digits on a background of zeros.
    """
    if view == "original":
        return images
    chunks = np.split(images, range(CHUNK, len(images), CHUNK))
    return np.concatenate(
        [upright(chunk) if view == "upright" else stretched(chunk, view) for chunk in chunks]
    )


def upright(images: Images) -> Images:
    """Return digits slanted back until their ink leans to neither side.

    With (y, x) a pixel's place relative to the centre of mass and I its ink, every row is moved by

    ::

        s y,    s = sum I y x / sum I y^2

    Args:
        images: uint8 (N, height, width); one without ink stays as it is.
    """
    height, width = images.shape[1:]
    ink = images.astype(np.float64)
    mass = np.maximum(ink.sum(axis=(1, 2)), 1)
    rows, columns = np.arange(height), np.arange(width)
    y = rows - (ink.sum(axis=2) @ rows / mass)[:, None]
    x = columns - (ink.sum(axis=1) @ columns / mass)[:, None]
    covariance = np.einsum("nij,ni,nj->n", ink, y, x)
    variance = np.einsum("nij,ni->n", ink, y**2)
    slant = covariance / np.where(variance > 0, variance, 1)
    return _read(images, columns + (slant[:, None] * y)[:, :, None])


def stretched(images: Images, width: int) -> Images:
    """Return digits widened or narrowed to one width, in the middle; their height stays.

    Args:
        images: uint8 (N, height, width); one without ink stays as it is.
        width: Width in pixels of the box around each digit afterwards.
    """
    n_columns = images.shape[2]
    has_ink: NDArray[np.bool_] = images.max(axis=1) > 0
    first, last = has_ink.argmax(axis=1), n_columns - 1 - has_ink[:, ::-1].argmax(axis=1)
    scale = np.where(has_ink.any(axis=1), (last - first + 1) / width, 1.0)
    from_the_middle = np.arange(n_columns) - (n_columns - 1) / 2
    place = (first + last)[:, None] / 2 + scale[:, None] * from_the_middle
    return _read(images, place[:, None, :])


def _read(images: Images, place: NDArray[np.float64]) -> Images:
    """Read images at other columns, between two of them by linear interpolation.

    Args:
        images: uint8 (N, height, width).
        place: Column to read for each pixel, (N, height or 1, width); outside is background.
    """
    n, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1))).astype(np.float32)
    left = np.floor(place).astype(np.intp)
    share = (place - left).astype(np.float32)

    def at(column: NDArray[np.intp]) -> NDArray[np.float32]:
        column = np.broadcast_to(np.clip(column + 1, 0, width + 1), (n, height, width))
        return np.take_along_axis(padded, column, axis=2)

    return np.rint((1 - share) * at(left) + share * at(left + 1)).astype(np.uint8)

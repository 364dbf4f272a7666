"""Normalise digits: deskew them, or bring them to one width.

Networks trained on images that are normalised differently make different mistakes, so their
ensemble is better than one of networks that differ by their seeds only.

Source: Meier, Ciresan, Gambardella and Schmidhuber,
"Better digit recognition with a committee of simple neural nets" (2011).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.core.labelled_images import LabelledImages

Normalisation = Literal["original", "deskew"] | int

Images = NDArray[np.uint8]
CHUNK = 5_000  # images at a time: the positions of all pixels of all images would take gigabytes


def normalise(labelled: LabelledImages, normalisation: Normalisation) -> LabelledImages:
    """Return labelled images with their images normalised.

    Args:
        labelled: Digits on a background of zeros.
        normalisation: "original" changes nothing, "deskew" is :func:`deskew`, and a number is the
            width in pixels for :func:`normalise_width`.
    """
    if normalisation == "original":
        return labelled
    images = labelled.images
    chunks = np.split(images, range(CHUNK, len(images), CHUNK))
    normalised = [
        deskew(chunk) if normalisation == "deskew" else normalise_width(chunk, normalisation)
        for chunk in chunks
    ]
    return LabelledImages(np.concatenate(normalised), labelled.labels)


def deskew(images: Images) -> Images:
    """Return digits without shear: their ink has no correlation of row and column.

    With (y, x) a pixel's position relative to the centre of mass and I its ink, every row is
    translated by

    ::

        s y,    s = sum I y x / sum I y^2

    Args:
        images: uint8 (N, height, width); an image without ink stays as it is.
    """
    height, width = images.shape[1:]
    ink = images.astype(np.float64)
    mass = np.maximum(ink.sum(axis=(1, 2)), 1)
    rows, columns = np.arange(height), np.arange(width)
    y = rows - (ink.sum(axis=2) @ rows / mass)[:, None]
    x = columns - (ink.sum(axis=1) @ columns / mass)[:, None]
    covariance = np.einsum("nij,ni,nj->n", ink, y, x)
    variance = np.einsum("nij,ni->n", ink, y**2)
    shear = covariance / np.where(variance > 0, variance, 1)
    return _interpolate(images, columns + (shear[:, None] * y)[:, :, None])


def normalise_width(images: Images, width: int) -> Images:
    """Return digits scaled horizontally to one width and centred; the height stays.

    Args:
        images: uint8 (N, height, width); an image without ink stays as it is.
        width: Width of each digit's bounding box afterwards, in pixels.
    """
    n_columns = images.shape[2]
    has_ink: NDArray[np.bool_] = images.max(axis=1) > 0
    first, last = has_ink.argmax(axis=1), n_columns - 1 - has_ink[:, ::-1].argmax(axis=1)
    scale = np.where(has_ink.any(axis=1), (last - first + 1) / width, 1.0)
    from_centre = np.arange(n_columns) - (n_columns - 1) / 2
    position = (first + last)[:, None] / 2 + scale[:, None] * from_centre
    return _interpolate(images, position[:, None, :])


def _interpolate(images: Images, position: NDArray[np.float64]) -> Images:
    """Interpolate images linearly at other columns.

    Args:
        images: uint8 (N, height, width).
        position: Column to read for each pixel, (N, height or 1, width); outside is background.
    """
    n, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1))).astype(np.float32)
    left = np.floor(position).astype(np.intp)
    fraction = (position - left).astype(np.float32)

    def at(column: NDArray[np.intp]) -> NDArray[np.float32]:
        column = np.broadcast_to(np.clip(column + 1, 0, width + 1), (n, height, width))
        return np.take_along_axis(padded, column, axis=2)

    return np.rint((1 - fraction) * at(left) + fraction * at(left + 1)).astype(np.uint8)

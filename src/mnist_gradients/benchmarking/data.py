"""The rows of the tasks, as files that a worker maps or reads."""

from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.lib.stride_tricks import sliding_window_view

from mnist_gradients.core.labelled_images import LabelledImages

PIXELS = "pixels.npy"


def join(train: LabelledImages, validation: LabelledImages) -> LabelledImages:
    """Return the images of both sets."""
    return LabelledImages(
        np.concatenate([train.images, validation.images]),
        np.concatenate([train.labels, validation.labels]),
    )


def targets(labels: np.ndarray, positive_classes: tuple[int, ...] | None) -> np.ndarray:
    """Return the classes of a task: 1 for a positive class and 0 otherwise; the labels if None."""
    if positive_classes is None:
        return labels.astype(np.int64)
    return np.isin(labels, positive_classes).astype(np.int64)


def write_copies(
    images: LabelledImages, copies: int, translation: int, seed: int, folder: Path
) -> np.ndarray:
    """Write the images and translated copies of them to a file, and return the labels of all.

    The first N rows are the images as they are.

    Args:
        images: N images.
        copies: How many times N rows to write.
        translation: Largest translation of a copied image in either direction, in pixels.
        seed: Seed of the translations.
        folder: Where the file, `PIXELS`, comes to lie.

    Returns:
        Labels, uint8 (copies N,).
    """
    N = len(images)
    rng = np.random.default_rng(seed)
    shape = (copies * N, images.images[0].size)
    file = open_memmap(folder / PIXELS, mode="w+", dtype=np.uint8, shape=shape)
    file[:N] = images.images.reshape(N, -1)
    for copy in range(1, copies):
        file[copy * N : (copy + 1) * N] = translated(images.images, translation, rng).reshape(N, -1)
    file.flush()
    return np.tile(images.labels, copies)


def translated(images: np.ndarray, translation: int, rng: np.random.Generator) -> np.ndarray:
    """Return images (N, h, w), each translated by at most `translation` pixels either way."""
    border = (translation, translation)
    padded = np.pad(images, ((0, 0), border, border))
    windows = sliding_window_view(padded, images.shape[1:], axis=(1, 2))
    down, right = rng.integers(0, 2 * translation + 1, size=(2, len(images)))
    return windows[np.arange(len(images)), down, right]

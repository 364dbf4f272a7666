"""Draw the mini-batches: which images each iteration takes, and how each image is augmented."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from mnist_gradients.training.augmentation import Augmentations, draw_augmentations
from mnist_gradients.training.parameters import TrainingParameters


@dataclass(frozen=True)
class Batch:
    """One mini-batch.

    Attributes:
        rows: Indices of its images, int32 (batch_size,).
        augmentations: The augmentation of each image.
    """

    rows: np.ndarray
    augmentations: Augmentations


def draw_batches(
    n_images: int, parameters: TrainingParameters, seed: int, first: int = 0
) -> Iterator[Batch]:
    """Yield the mini-batches from iteration ``first`` on, counted from zero, without end.

    Every epoch is a fresh permutation, less the images that do not fill a batch. The random
    numbers of an epoch depend on the seed and the epoch's number only, so a training can resume
    at any iteration.
    """
    size = parameters.batch_size
    per_epoch = n_images // size
    for epoch in count(first // per_epoch):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(n_images).astype(np.int32)
        augmentations = draw_augmentations(n_images, parameters.augmentation, rng)
        begin = first % per_epoch if epoch == first // per_epoch else 0
        for i in range(begin, per_epoch):
            batch = slice(i * size, (i + 1) * size)
            yield Batch(order[batch], augmentations[batch])


def stack(batches: Iterator[Batch], n: int) -> tuple[np.ndarray, ...]:
    """Return the next n mini-batches: rows, matrices, translations and fields, (n, B, ...) each."""
    taken = [next(batches) for _ in range(n)]
    arrays = ((batch.rows, *batch.augmentations.arrays()) for batch in taken)
    return tuple(np.stack(column) for column in zip(*arrays, strict=True))

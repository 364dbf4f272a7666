"""Which images each iteration sees, and how each of them is deformed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from mnist_gradients.training.augmentation import Deformations, draw_deformations
from mnist_gradients.training.parameters import FnnParameters


@dataclass(frozen=True)
class Batch:
    """One mini-batch.

    Attributes:
        rows: Indices of its images, int32 (batch_size,).
        deformations: How each is deformed.
    """

    rows: np.ndarray
    deformations: Deformations


def draw_batches(
    n_images: int, parameters: FnnParameters, seed: int, first: int = 0
) -> Iterator[Batch]:
    """Yield the mini-batches from iteration ``first`` on, counted from zero, without end.

    Every epoch is a fresh permutation; the images left over by the last whole batch sit it out.
    What an epoch draws depends on the seed and its number alone, so that a training can go on from
    any iteration.
    """
    size = parameters.batch_size
    per_epoch = n_images // size
    for epoch in count(first // per_epoch):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(n_images).astype(np.int32)
        deformations = draw_deformations(n_images, parameters.augmentation, rng)
        begin = first % per_epoch if epoch == first // per_epoch else 0
        for i in range(begin, per_epoch):
            batch = slice(i * size, (i + 1) * size)
            yield Batch(order[batch], deformations[batch])


def stack(batches: Iterator[Batch], n: int) -> tuple[np.ndarray, ...]:
    """Take n mini-batches and stack them: rows, matrices, shifts and fields, (n, B, ...) each."""
    taken = [next(batches) for _ in range(n)]
    arrays = ((batch.rows, *batch.deformations.arrays()) for batch in taken)
    return tuple(np.stack(column) for column in zip(*arrays, strict=True))

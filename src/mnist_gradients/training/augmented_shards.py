"""Augmented images in shards: as many rows as are asked for, each shard by itself."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.training.augmentation import (
    Augmentations,
    build_augmentation,
    draw_augmentations,
)
from mnist_gradients.training.parameters import AugmentationParameters

logger = logging.getLogger(__name__)

BATCH = 2048  # images augmented at a time


@dataclass(frozen=True, eq=False)
class AugmentedShards:
    """Consecutive shards of images that are taken in turn, again and again, and augmented anew.

    A shard depends on its number and on the attributes, not on the shards before it.

    Attributes:
        images: The images to augment.
        augmentation: Limits of the random changes.
        seed: Seed of the random changes.
        rows: Number of rows in a shard.
    """

    images: LabelledImages
    augmentation: AugmentationParameters
    seed: int
    rows: int

    def compute(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the pixels, (rows, height width), and the labels, (rows,), of a shard."""
        logger.info("    shard %d: %d augmented images", number, self.rows)
        drawn = draw_augmentations(
            self.rows, self.augmentation, np.random.default_rng([self.seed, number])
        )
        indices = np.arange(number * self.rows, (number + 1) * self.rows) % len(self.images)
        pixels = np.empty((self.rows, *self.images.images.shape[1:]), np.uint8)
        for i in range(0, self.rows, BATCH):
            batch = slice(i, i + BATCH)
            images = self.images.images[indices[batch]]
            pixels[batch] = np.rint(self._augment(images, *drawn[batch].arrays()))
        return pixels.reshape(self.rows, -1), self.images.labels[indices]

    @cached_property
    def _augment(self) -> Callable[..., Any]:
        """The compiled augmentation: pixels and random numbers of a batch to pixels, float32."""
        tf = import_tensorflow()
        augment = build_augmentation(self.images.images.shape[1:], self.augmentation, self.seed)
        compiled = tf.function(
            lambda images, *drawn: augment(images, Augmentations(*drawn)), jit_compile=True
        )
        return lambda images, *drawn: compiled(images, *drawn).numpy()

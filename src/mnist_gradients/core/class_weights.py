"""Weights of classes: how much an image counts in training, by its class."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat

from mnist_gradients.maths.checking import mismatch

ClassWeights = Literal["balanced"] | tuple[PositiveFloat, ...] | None
"""One weight per class; "balanced" gives all classes the same sum of weights; None means 1."""


def weights_by_class(
    chosen: ClassWeights, labels: NDArray[np.integer]
) -> NDArray[np.float64] | None:
    """Return the weight of each class, float64 (K,), or None where all are 1.

    ::

        balanced: weight_k = N / (K N_k)    with N_k images of class k, so that their mean is 1

    Args:
        chosen: The parameter.
        labels: Integers (N,), the class of each training image.

    Raises:
        ValueError: If there are not as many weights as classes.
    """
    if chosen is None:
        return None
    counts = np.bincount(labels)
    if chosen == "balanced":
        return len(labels) / (len(counts) * counts)
    if len(chosen) != len(counts):
        expected = f"{len(counts)}, one for each class"
        raise mismatch("parameter class_weights", f"{len(chosen)} weights", expected)
    return np.array(chosen, dtype=np.float64)

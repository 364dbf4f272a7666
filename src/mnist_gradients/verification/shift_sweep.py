"""Error of the softmax of shifted logits, with and without subtraction of the largest logit."""

import numpy as np
import pandas as pd

from mnist_gradients.maths.softmax import softmax

LARGEST_SHIFT = 1000
STEP = 25


def sweep(seed: int) -> pd.DataFrame:
    """Compare ``softmax(z + c 1)`` with ``softmax(z)``, which are equal before rounding.

    Args:
        seed: Seed of the ten logits z.

    Returns:
        One row per shift c: shift, then the largest absolute difference of the softmax by its
        definition (plain; NaN where it is undefined) and of that of this project (stable).
    """
    z = np.random.default_rng(seed).normal(size=10)
    expected = softmax(z)
    rows = []
    for shift in range(-LARGEST_SHIFT, LARGEST_SHIFT + 1, STEP):
        with np.errstate(over="ignore", invalid="ignore"):
            powers = np.exp(z + shift)
            plain = powers / powers.sum()
        errors = [np.abs(p - expected).max() for p in (plain, softmax(z + shift))]
        rows.append((shift, *errors))
    return pd.DataFrame(rows, columns=["shift", "plain", "stable"])

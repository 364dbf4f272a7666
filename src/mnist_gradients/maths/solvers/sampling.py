"""Samples of rows that hold every class, the rare ones as well."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.rows.labelled_rows import ArrayRows, LabelledRows

LEAST_ROWS_PER_CLASS = 1_000  # if there are so many, and half an even part of the sample


def sample(objective: LinearObjective, n: int, generator: np.random.Generator) -> LinearObjective:
    """The objective on about n of its rows, an unbiased estimate of the objective on all.

    Rows of classes that an even sample would hold few of are drawn more often and weighted less.
    All rows, as they are, if there are no more than n.

    Args:
        objective: Logistic or softmax objective.
        n: Number of rows.
        generator: Source of the choice.
    """
    N = objective.rows.shape[0]
    if n >= N:
        return with_rows_in_memory(objective)
    counts = objective.rows.class_counts
    present = np.flatnonzero(counts)
    least = min(LEAST_ROWS_PER_CLASS, n // (2 * len(present)))
    if (counts[present] * (n / N) >= least).all():
        return objective.subset(stretches(N, n, generator))
    indices, weights = _by_class(objective.rows, n, least, generator)
    order = np.argsort(indices)
    return objective.subset(indices[order], weights[order])


def with_rows_in_memory(objective: LinearObjective) -> LinearObjective:
    """The objective with all its rows in memory: itself if they are there."""
    if isinstance(objective.rows, ArrayRows):
        return objective
    return objective.subset(np.arange(objective.rows.shape[0]))


def stretches(N: int, n: int, generator: np.random.Generator) -> NDArray[np.integer]:
    """Indices of n of N rows, one out of each of n equal stretches."""
    return ((np.arange(n) + generator.random(n)) * (N / n)).astype(np.intp)


def some_rows(N: int, n: int) -> NDArray[np.integer] | slice:
    """Indices of n of N rows, the same in every call; all rows if there are no more.

    They have no period, since rows may: every second one may belong to one class.
    """
    return slice(None) if n >= N else stretches(N, n, np.random.default_rng(0))


def _by_class(
    rows: LabelledRows, n: int, least: int, generator: np.random.Generator
) -> tuple[NDArray[np.integer], NDArray[np.float64]]:
    """Indices of rows, each class by itself, and N_c / n_c for each row of class c."""
    indices, weights = [], []
    for label in np.flatnonzero(rows.class_counts):
        count = int(rows.class_counts[label])
        n_label = min(count, max(least, round(count * n / rows.shape[0]), 1))
        every = n_label == count
        places = np.arange(count) if every else stretches(count, n_label, generator)
        indices.append(rows.indices_of(int(label), places))
        weights.append(np.full(n_label, count / n_label))
    return np.concatenate(indices), np.concatenate(weights)

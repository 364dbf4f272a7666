"""Samples of rows that hold every class, and of rows that say most about the minimum."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.maths.linear_objective import KEPT_ENTRIES, LinearObjective, Vector
from mnist_gradients.maths.rows.labelled_rows import ArrayRows, LabelledRows

LEAST_ROWS_PER_CLASS = 1_000  # if there are so many, and half an even part of the sample
CANDIDATES = 3  # for each row that is drawn by its residuals, if a third of all rows are so many;
LEAST_CANDIDATES = 2  # with fewer, none is
PILOT = 3  # such rows for each of the sample before
EVEN = 0.2  # part of the chances that residuals do not matter for
DOMINANT = 1e5  # times the mean: a row whose chance would hide those of all others
ROUNDS = 6  # of finding how many rows a factor on their chances draws


def sample(objective: LinearObjective, n: int, generator: np.random.Generator) -> LinearObjective:
    """The objective on about n of its rows, an unbiased estimate of the objective on all.

    Rows of classes that an even sample would hold few of are drawn more often and weighted less.
    All rows, as they are, if there are no more than n.

    Args:
        objective: Logistic or softmax objective.
        n: Number of rows.
        generator: Source of the choice.
    """
    if n >= objective.rows.shape[0]:
        return with_rows_in_memory(objective)
    return objective.subset(*_draw(objective.rows, n, generator))


def sample_by_pull(
    objective: LinearObjective,
    n: int,
    pulls: Sequence[tuple[Vector, int]],
    generator: np.random.Generator,
    memory: NDArray[Any] | None = None,
) -> LinearObjective:
    """The objective on some of its rows, among them those that some quantity is large for.

    In a sample that is drawn without regard to it, such a row is missing, or counts for many: one
    of great length, say, which may decide alone about a direction. To n rows drawn as in `sample`,
    others are therefore added for each quantity, with chances in proportion to it, at most 1. All
    are weighted by the inverse of their chance to be drawn in any of these ways.

    Source: row norm squares as chances (Xu et al., "Sub-sampled Newton methods with non-uniform
    sampling", NeurIPS 2016).

    Args:
        objective: Logistic or softmax objective.
        n: Number of rows.
        pulls: Quantities of all rows, at least 0, (N,), and the number of rows drawn by each;
            where one is infinite, the row is certain to be drawn.
        generator: Source of the choice.
        memory: Array that copies of the rows may overwrite; see `LabelledRows.take`.
    """
    rows = objective.rows
    N = rows.shape[0]
    evenly, _ = _draw(rows, n, generator)
    missed = np.ones(N)  # chance that no quantity draws a row
    for pull, n_drawn in pulls:
        if pull.any():
            if not pull.max() < DOMINANT * pull.mean():
                largest = N * np.median(pull[pull > 0])  # no larger one has another chance
                pull = np.minimum(pull, largest)
            missed *= 1 - _chances(pull, n_drawn)
    drawn = generator.random(N) >= missed
    drawn[evenly] = True
    indices = np.flatnonzero(drawn)
    taken = rows.take(indices, None, memory)
    by_class = _drawn_per_class(rows, n) / np.maximum(rows.class_counts, 1)
    weights = 1 / (1 - (1 - by_class[taken.y]) * missed[indices])
    if taken.weights is not None:
        weights *= taken.weights
    few = copy(objective)
    few.rows = ArrayRows(taken.X, taken.y, weights)
    return few


def candidate_rows(objective: LinearObjective, n: int) -> int:
    """Number of rows to draw n from by their residuals; zero if there are too few.

    Args:
        objective: Logistic or softmax objective.
        n: Number of rows to draw.
    """
    N, d = objective.rows.shape
    candidates = min(CANDIDATES * n, N // 3, KEPT_ENTRIES // max(d, objective.n_outputs))
    return candidates if candidates >= LEAST_CANDIDATES * n else 0


class Candidates:
    """Rows from which those are drawn that say most about the minimum, and a pilot sample.

    Most rows are classified with confidence. They add next to nothing to the gradient, nor to the
    curvature, which is at most |r|. Candidates are therefore drawn with a chance in proportion to
    their residuals, relative to the mean of each class, and weighted by its inverse::

        chance_i ~ s_i (EVEN + (1 - EVEN) mean_k |r_ik| / mean_j s_j |r_jk|)

    Where most rows are easy, the minimum on them is several times closer to that on all rows than
    the minimum on as many rows drawn evenly. Residuals are those of the minimum on the pilot.

    Source: two-step sampling for logistic regression (Wang, Zhu and Ma, "Optimal subsampling for
    large sample logistic regression", Journal of the American Statistical Association 113, 2018;
    Fithian and Hastie, "Local case-control sampling", Annals of Statistics 42, 2014).

    Args:
        objective: Logistic or softmax objective.
        n: Number of rows to draw, for which `candidate_rows` finds enough.
        generator: Source of the choice.
        memory: Array that copies of the rows may overwrite, those of the pilot sample first; see
            `LabelledRows.take`.

    Attributes:
        pilot: The objective on a smaller sample, drawn evenly, until the others are drawn.
    """

    def __init__(
        self,
        objective: LinearObjective,
        n: int,
        generator: np.random.Generator,
        memory: NDArray[Any] | None = None,
    ) -> None:
        self._n, self._generator, rows = n, generator, objective.rows
        self._indices, self._factors = _draw(rows, candidate_rows(objective, n), generator)
        pilot, factors = _draw(rows, n // PILOT, generator)
        if not isinstance(rows, ArrayRows):  # copied at once
            every = np.union1d(self._indices, pilot)
            rows = rows.take(every, None)
            self._indices, pilot = (np.searchsorted(every, some) for some in (self._indices, pilot))
        self._rows, self._memory = rows, memory
        self.pilot = self._on_rows(objective, pilot, factors)

    def informative(self, objective: LinearObjective, w: Vector) -> LinearObjective:
        """The objective on about n rows, drawn by their residuals at w, (size,)."""
        pull = _pull(self._on_rows(objective), w, self._indices, self._factors)
        chances = _chances(pull, self._n)
        chosen = np.flatnonzero(self._generator.random(len(chances)) < chances)
        factors = 1.0 if self._factors is None else self._factors[chosen]
        return self._on_rows(objective, self._indices[chosen], factors / chances[chosen])

    def _on_rows(
        self,
        objective: LinearObjective,
        indices: NDArray[np.integer] | None = None,
        factors: Vector | None = None,
    ) -> LinearObjective:
        """The objective on these rows in memory, or on copies of some."""
        objective = copy(objective)
        objective.rows = self._rows
        if indices is not None:
            objective.rows = self._rows.take(indices, factors, self._memory)
        return objective


def _pull(
    objective: LinearObjective, w: Vector, indices: NDArray[np.integer], factors: Vector | None
) -> Vector:
    """How much some rows pull at the weights of the classes, 1 on average; (M,)."""
    weights = np.ones(len(indices)) if factors is None else factors
    if objective.rows.weights is not None:  # type: ignore[attr-defined]  # rows are in memory
        weights = weights * objective.rows.weights[indices]  # type: ignore[attr-defined]
    residuals = objective.residuals(w, indices)
    np.abs(residuals, out=residuals)
    means = weights @ residuals / len(weights)
    even = weights / weights.mean()
    if not means.any():
        return even
    inverse = np.divide(1, means, out=np.zeros_like(means), where=means > 0)
    pull = weights * (residuals @ inverse) / np.count_nonzero(means)
    return EVEN * even + (1 - EVEN) * pull


def _chances(pull: Vector, n: int) -> Vector:
    """Chances in proportion to the pull, but at most 1, that draw n rows on average; (M,)."""
    factor = n / pull.sum()
    for _ in range(ROUNDS):
        factor *= n / np.minimum(1, factor * pull).sum()
    return np.minimum(1, factor * pull)


def _draw(
    rows: LabelledRows, n: int, generator: np.random.Generator
) -> tuple[NDArray[np.integer], NDArray[np.float64] | None]:
    """Indices of n of more rows, and factors on their weights; None for 1."""
    drawn = _drawn_per_class(rows, n)
    if (drawn == rows.class_counts * (n / rows.shape[0])).all():
        return stretches(rows.shape[0], n, generator), None
    indices, weights = _by_class(rows, drawn.astype(int), generator)
    order = np.argsort(indices)
    return indices[order], weights[order]


def _drawn_per_class(rows: LabelledRows, n: int) -> NDArray[np.float64]:
    """How many rows of each class are drawn, on average if an even sample holds enough; (K,)."""
    counts = rows.class_counts.astype(np.float64)
    even = counts * (n / rows.shape[0])
    least = min(LEAST_ROWS_PER_CLASS, n // (2 * int(np.count_nonzero(counts))))
    if (even[counts > 0] >= least).all():
        return even
    return np.minimum(counts, np.maximum(np.round(even), max(least, 1)))


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
    rows: LabelledRows, drawn: NDArray[np.integer], generator: np.random.Generator
) -> tuple[NDArray[np.integer], NDArray[np.float64]]:
    """Indices of rows, each class by itself, and N_c / n_c for each row of class c."""
    indices, weights = [], []
    for label in np.flatnonzero(rows.class_counts):
        count, n_label = int(rows.class_counts[label]), int(drawn[label])
        every = n_label == count
        places = np.arange(count) if every else stretches(count, n_label, generator)
        indices.append(rows.indices_of(int(label), places))
        weights.append(np.full(n_label, count / n_label))
    return np.concatenate(indices), np.concatenate(weights)

"""Means, scales and correlation of the features of a sample."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from mnist_gradients.maths.checking import mismatch
from mnist_gradients.maths.linear_objective import Floats, LinearObjective, Vector
from mnist_gradients.maths.rows.labelled_rows import ArrayRows
from mnist_gradients.maths.scaled_features import ScaledFeatures
from mnist_gradients.maths.solvers.sampling import some_rows

COLUMN_ENTRIES = 200_000, 1_000_000  # least and most that give means and variances,
LEAST_COLUMN_ROWS = 100  # but so many rows at least
MOMENT_ENTRIES = 50_000  # at a time, which stay in the cache in float64
LONG = 30  # times the median of all rows; or a row is long that outweighs
ALONE = 20  # times all others along its own direction
DIRECTIONS = 8  # in which the lengths of rows are measured
SIMILAR = 10  # the largest scale over the smallest
LARGEST_GRAM = 200  # rows of the sample that tell whether features are correlated


@dataclass(frozen=True)
class Columns:
    """What the features of a sample look like.

    Attributes:
        centre: Mean of each feature, (d,); zero unless the intercept is free.
        scale: Standard deviation of each feature, the penalty included, (d,).
    """

    centre: Vector
    scale: Vector

    @property
    def largest_offset(self) -> float:
        """Largest mean in units of the scale: the factor by which rounding errors grow."""
        return float(np.max(np.abs(self.centre) / self.scale))

    def even(self) -> Columns:
        """One scale for all features, in which a step of length one moves logits little.

        A few short steps on a sample leave features that vary little alone, whose weights would
        fit the sample only.
        """
        return replace(self, scale=np.full_like(self.scale, np.linalg.norm(self.scale)))

    def smooth(self) -> Columns:
        """One scale for all features if theirs are similar; its noise would cost iterations."""
        if self.scale.max() > SIMILAR * self.scale.min():
            return self
        return replace(self, scale=2 * self.isotropic().scale)

    def isotropic(self) -> Columns:
        """One scale for all features, which are coordinates that a rotation may replace."""
        return replace(self, scale=np.full_like(self.scale, np.sqrt(np.mean(self.scale**2))))


def describe_columns(few: LinearObjective) -> Columns:
    """Return mean and scale of the features of a sample.

    ::

        scale_j^2 = var_j + lambda / c,      c = 1/4 (logistic) or (1 - 1/K) / K (softmax)

    which is the curvature of the objective at zero over c.

    Args:
        few: The objective on a sample of the rows in memory.

    Raises:
        ValueError: If the square of a finite value is not.
    """
    X = few.rows.X  # type: ignore[attr-defined]  # a sample is in memory
    least, most = COLUMN_ENTRIES
    entries = max(1, few.rows.entries)
    n = max(LEAST_COLUMN_ROWS, np.clip(entries // 4, least, most) * len_rows(X) // entries)
    some = np.arange(len_rows(X))[some_rows(len_rows(X), int(n))]
    mean, second = _moments(X, some, few.centre, centred=few.intercept == "free")
    scale = _scale(few, few.scale**2 * second)
    typical = scale[scale > 0].mean() if (scale > 0).any() else 1.0
    # A feature that is constant in the sample and free of a penalty has any scale.
    scale = np.where(scale > 0, scale, np.maximum(typical, few.scale * np.abs(mean)))
    return Columns(few.scale * mean, scale)


def _scale(objective: LinearObjective, variance: Vector) -> Vector:
    K = objective.n_outputs
    c = 1 / 4 if K == 1 else (1 - 1 / K) / K
    if np.isinf(variance).any():
        raise mismatch("X", "values whose squares are not finite", "squares below 1e308")
    return np.sqrt(variance + objective.l2 / c)


def exact_scales(objective: LinearObjective, columns: Columns) -> Columns:
    """Take the scales of all rows, in one pass over them.

    A feature that is not zero in a few rows only may look constant in a sample.

    Args:
        objective: Logistic or softmax objective.
        columns: Centre and scale of its features in a sample.
    """
    about = columns.centre / objective.scale
    if objective.centre is not None:
        about = about + objective.centre

    def term(X: Any, _: NDArray[np.integer], s: Vector | None) -> tuple[Floats]:
        return (_squared_deviations(X, about, np.ones(len_rows(X)) if s is None else s),)

    (sums,) = objective.rows.sum(term, term_entries=objective.size, threads=objective.threads)
    scale = _scale(objective, objective.scale**2 * sums / objective.rows.total_weight)
    return replace(columns, scale=np.where(scale > 0, scale, columns.scale))


def has_long_rows(few: LinearObjective, columns: Columns) -> bool:
    """Whether a row of a sample is so long, in scaled features, that it decides about a direction.

    A row outweighs n others along its own direction if its squared length is above n. Lengths are
    those of a random projection, to a space of so few dimensions that this costs little and so many
    that no long row looks short.

    Args:
        few: The objective on a sample of the rows in memory.
        columns: Centre and scale of its features.
    """
    V = np.random.default_rng(0).standard_normal((few.n_features, DIRECTIONS))
    V /= columns.scale[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        U = few.linear_map(V, -columns.centre @ V)
        squared = np.einsum("ij,ij->i", U, U, dtype=np.float64) / DIRECTIONS
    longest = min(LONG**2 * np.median(squared), ALONE * len(squared))
    return not squared.max() <= longest  # nor is one that is not finite


def squared_lengths(objective: LinearObjective, columns: Columns) -> Vector:
    """Squared length of each row, (N,), in scaled features, with a constant one for the intercept.

    Lengths that overflow count as the largest number of float32.

    Args:
        objective: Logistic or softmax objective.
        columns: Centre and scale of its features.
    """

    def term(X: Any, _: NDArray[np.integer], __: Vector | None) -> tuple[Floats]:
        block = copy(objective)
        block.rows = ArrayRows(X, np.zeros(len_rows(X), dtype=int))
        features = ScaledFeatures(block, centre=columns.centre, scale=columns.scale)
        return (features.squared_lengths(),)

    (lengths,) = objective.rows.each(term, term_entries=objective.size, threads=objective.threads)
    return np.minimum(lengths, np.finfo(np.float32).max, dtype=np.float64)


def exact_means(few: LinearObjective, columns: Columns) -> Columns:
    """Take the means over the whole sample.

    Where there are many features, the errors of means over a few rows add up to a direction of
    large curvature.

    Args:
        few: The objective on a sample of the rows in memory.
        columns: Centre and scale of its features.
    """
    if few.intercept != "free":
        return columns
    X = few.rows.X  # type: ignore[attr-defined]  # a sample is in memory
    mean = np.asarray(X.sum(axis=0, dtype=np.float64)).ravel() / len_rows(X)
    return replace(columns, centre=few.scale * (mean - (0.0 if few.centre is None else few.centre)))


def len_rows(X: Any) -> int:
    """Number of rows of a dense or sparse matrix."""
    return int(X.shape[0])


def _moments(
    X: Any, some: NDArray[np.integer], offset: Vector | None, *, centred: bool
) -> tuple[Vector, Vector]:
    """Mean of each column over some rows, and mean square about it; about zero unless centred."""
    if scipy.sparse.issparse(X):
        return _sparse_moments(X[some].tocsr(), offset, centred=centred)
    first = X[0].astype(np.float64) if centred else np.zeros(X.shape[1])
    mean, second = np.zeros_like(first), np.zeros_like(first)
    step = max(1, MOMENT_ENTRIES // len(first))
    memory = np.empty((min(step, len(some)), len(first)))
    blocks = [some[i : i + step] for i in range(0, len(some), step)]
    # From a row, so that large offsets cancel before they are squared.
    with np.errstate(over="ignore"):
        for rows in blocks if centred else []:
            mean += np.subtract(X[rows], first, out=memory[: len(rows)]).sum(axis=0)
        mean /= len(some)
        for rows in blocks:
            deviations = np.subtract(X[rows], first, out=memory[: len(rows)])
            deviations -= mean
            second += np.einsum("ij,ij->j", deviations, deviations)
    return mean + first - (0.0 if offset is None else offset), second / len(some)


def _sparse_moments(X: Any, offset: Vector | None, *, centred: bool) -> tuple[Vector, Vector]:
    """The same of a CSR matrix."""
    n, d = X.shape
    mean = np.bincount(X.indices, X.data, minlength=d) / n if centred else np.zeros(d)
    second = _squared_deviations(X, mean, np.ones(n)) / n
    return mean - (0.0 if offset is None or not centred else offset), second


def _squared_deviations(X: Any, about: Vector, s: Vector) -> Vector:
    """sum_i s_i (x_ij - about_j)^2 for each column, (d,); a CSR matrix has zeros, too."""
    with np.errstate(over="ignore"):
        if not scipy.sparse.issparse(X):
            return s @ np.square(X - about)
        weights = np.repeat(s, np.diff(X.indptr))
        deviations = X.data.astype(np.float64) - about[X.indices]
        squares = np.bincount(X.indices, weights * deviations**2, minlength=len(about))
        of_zeros = s.sum() - np.bincount(X.indices, weights, minlength=len(about))
        return squares + of_zeros * about * about


def are_correlated(few: LinearObjective, columns: Columns) -> bool:
    """Whether the features of a sample vary together, so that L-BFGS alone would be slow.

    ::

        tr(S)^2 / tr(S^2) < d / 4,      S = covariance of the scaled features

    The left side is the effective number of directions, d for independent features. tr(S^2) comes
    from the products of different rows.
    """
    if few.rows.sparse:
        return False
    X = few.rows.X  # type: ignore[attr-defined]  # a sample is in memory
    n = min(len_rows(X), LARGEST_GRAM)
    X = X[some_rows(len_rows(X), n)]
    Z = np.multiply(X if few.centre is None else X - few.centre, few.scale, dtype=np.float64)
    Z -= columns.centre
    Z /= columns.scale
    Z = Z.astype(np.float32)
    G = (Z @ Z.T).astype(np.float64)
    trace = float(np.trace(G)) / n
    square = float(np.sum(G**2) - np.sum(np.diag(G) ** 2)) / max(n * (n - 1), 1)
    return trace**2 < few.n_features / 4 * square

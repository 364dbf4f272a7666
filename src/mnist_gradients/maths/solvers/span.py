"""Wide data: with a penalty, the minimum is a combination of the rows.

There the gradient is zero, and the residuals of a free intercept add up to zero, so that

::

    W = -1/(lambda S) X^T diag(s) R = A^T C,     A = X - 1 x^T (N, d),     for some C (N, K)

and for any row x. The row next to the mean is taken, so that A is small. Without a free intercept A
is X, and the unit vector q along that row is taken by itself::

    A = a q^T + B,  B q = 0         B B^T = L L^T (Cholesky)         W = q u^T + B^T L^-T U

The logits A W = a u^T + L U and the norm of W, which is that of u and U together, are those of a
problem with the N + 1 features (a, L).

Products of rows keep half of their digits: rows that nearly depend on each other, as those with a
large common offset, are factored again in the form L^-1 B, until that has independent rows.

Sources: Hastie and Tibshirani, "Efficient quadratic regularization for expression arrays",
Biostatistics 5 (2004); Fukaya et al., "Shifted Cholesky QR for computing the QR factorization of
ill-conditioned matrices", SIAM Journal on Scientific Computing 42 (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import scipy.linalg

from mnist_gradients.maths.linear_objective import LinearObjective, Vector, in_memory
from mnist_gradients.maths.solvers.factors import scaled_cholesky
from mnist_gradients.maths.solvers.sampling import with_rows_in_memory
from mnist_gradients.maths.solvers.solution import Solution, reached
from mnist_gradients.maths.solvers.suboptimality import FLOOR

BLOCK_ENTRIES = 1_000_000  # of X at a time
SAVED_PASSES = 60
READING = 10  # multiplications take as long as reading an entry of X
FACTORS = 3  # of L at the most, as many as any rows take
INDEPENDENT = 1e-6  # part of a row's squared length that no other row explains
MOST_ROWS = 4_000  # whose products with each other take 128 MB


def span_pays(objective: LinearObjective) -> bool:
    """Whether products of all rows with each other take less time than the passes they save.

    They take N / 2 multiplications for each entry of X, and a pass 2 K at half their speed. Passes
    over L instead of X cost N / d of that.
    """
    (N, d), K = objective.rows.shape, objective.n_outputs
    saved = SAVED_PASSES * max(READING, 4 * K) * (1 - N / d)
    wide = d >= 2 * N and min(saved, MOST_ROWS) >= N
    return wide and objective.l2 > 0 and not objective.rows.sparse


class Span:
    """The objective in the span of its rows.

    Args:
        objective: Logistic or softmax objective on dense rows in memory, with l2 above 0.

    Attributes:
        objective: The same objective as a function of (u, U), (N + 1, K), and an intercept.
    """

    def __init__(self, objective: LinearObjective) -> None:
        self._full, rows = objective, in_memory(objective.rows)
        N, tiny = rows.shape[0], np.finfo(np.float64).tiny
        self._centre = np.zeros(objective.n_features)
        if objective.centre is not None:
            self._centre = objective.centre
        row = rows.X[_typical(rows.X)].astype(np.float64)
        if objective.intercept == "free":
            self._origin, self._q = row, np.zeros_like(row)
        else:
            self._origin, self._q = self._centre, (row - self._centre)
            self._q /= max(np.linalg.norm(self._q), tiny)
        self._factors: list[Vector] = []  # whose product is L
        self._a = np.zeros(N)
        if self._q.any():
            self._a = sum(A @ self._q[some] for some, A in self._columns())
        L, independent = np.eye(N), False
        while not independent and len(self._factors) < FACTORS:
            gram = np.zeros((N, N))
            for _, B in self._columns(deflated=True):
                gram += B @ B.T
            lengths = np.sqrt(np.maximum(np.diag(gram), tiny))
            factor = scaled_cholesky(gram)[0].T
            independent = np.diag(factor).min() ** 2 >= INDEPENDENT
            self._factors.append(lengths[:, None] * factor)
            L = L @ self._factors[-1]
        self.objective = type(objective)(
            np.column_stack([self._a, L]),
            rows.y,
            objective.l2,
            n_classes=objective.n_classes,
            intercept=objective.intercept,
            scale=1.0,
            weights=rows.weights,
            threads=objective.threads,
        )

    def weights(self, v: Vector) -> Vector:
        """Parameter vector of the objective on all features, (size,), for one of the span."""
        U, b = self.objective.unpack(v)
        *first, last = self._factors
        C = scipy.linalg.solve_triangular(last, U[1:], trans=1, lower=True)
        W = np.outer(self._q, U[0])
        for some, B in self._columns(deflated=True, factors=first):
            W[some] += B.T @ C
        return self._full.pack(W, b - self._full.scale * ((self._origin - self._centre) @ W))

    def _columns(
        self, *, deflated: bool = False, factors: list[Vector] | None = None
    ) -> Iterator[tuple[slice, Vector]]:
        """Some columns at a time of A, or of B after a division by each of the factors so far."""
        factors = self._factors if factors is None else factors
        X = in_memory(self._full.rows).X
        step = max(1, BLOCK_ENTRIES // X.shape[0])
        for j in range(0, X.shape[1], step):
            some = slice(j, j + step)
            A = X[:, some].astype(np.float64)
            A -= self._origin[some]
            A *= self._full.scale
            if deflated and self._q.any():
                A -= np.outer(self._a, self._q[some])
            for factor in factors:
                A = scipy.linalg.solve_triangular(factor, A, lower=True, overwrite_b=True)
            yield some, A


def minimum_in_span(
    objective: LinearObjective,
    tolerance: float,
    max_iterations: int,
    minimise: Callable[..., Solution],
) -> tuple[Solution, float]:
    """The minimum in the span of the rows, and the least that the objective can be.

    Args:
        objective: Logistic or softmax objective on dense rows, with l2 above 0.
        tolerance: Largest relative gap to the minimum.
        max_iterations: Largest number of iterations.
        minimise: Solver of the objective in the span, whose coordinates have no preferred
            direction.

    Returns:
        The minimum, and the least. It has no message where the objective on the rows themselves, in
        float64, is not within the tolerance of the least: rounding is left to see to.
    """
    span = Span(with_rows_in_memory(objective).computed_in(np.float64))
    found = minimise(
        span.objective,
        tolerance=tolerance / 2,  # the other half is left for rounding
        max_iterations=max_iterations,
    )
    least = found.objective / (1 + found.relative_gap)
    w = span.weights(found.weights)
    value, gradient = objective.computed_in(np.float64)(w)
    gap = abs(value - least)
    relative_gap = gap / (value - gap) if value > gap else np.inf
    converged = found.converged and gap <= max(tolerance * (value - gap), FLOOR)
    message = reached(relative_gap, tolerance) if converged else ""
    return (
        Solution(
            w,
            value,
            float(np.linalg.norm(gradient)),
            found.iterations,
            converged=bool(converged),
            message=message if found.converged else found.message,
            relative_gap=float(relative_gap),
        ),
        least,
    )


def _typical(X: Vector) -> int:
    """The row nearest to the mean of all, which itself may be far away from most."""
    mean = X.mean(axis=0, dtype=np.float64)
    step = max(1, BLOCK_ENTRIES // X.shape[1])
    deviations = (X[i : i + step] - mean for i in range(0, len(X), step))
    return int(np.argmin(np.concatenate([np.einsum("ij,ij->i", D, D) for D in deviations])))

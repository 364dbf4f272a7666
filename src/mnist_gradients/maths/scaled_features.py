"""Centred and scaled features, and the curvature of a linear model in their coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mnist_gradients.maths.linear_objective import Floats, LinearObjective, Vector, in_memory
from mnist_gradients.maths.rows.labelled_rows import GATHERED_ROWS

HESSIAN_ROWS = 500  # at a time, so that a block of the Hessian needs little more memory


class ScaledFeatures:
    """The features (x - centre) / scale, and a constant feature if there is an intercept.

    In their coordinates, the penalty is lambda / scale^2 for each of them.

    Args:
        objective: Logistic or softmax objective on rows in memory.
        columns: Features to include, (a,); None for all.
        centre: Of the included features, (a,).
        scale: Of the included features, (a,), above 0.
        dtype: Type in which they are computed.

    Attributes:
        penalties: Penalty of each feature, (m,): m = a, or a + 1 with an intercept.
    """

    def __init__(
        self,
        objective: LinearObjective,
        *,
        columns: NDArray[np.integer] | None = None,
        centre: Vector | float = 0.0,
        scale: Vector | float = 1.0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self._rows = in_memory(objective.rows)
        self._columns, self._dtype = columns, np.dtype(dtype)
        a = objective.n_features if columns is None else len(columns)
        self._offset = None  # of all rows, which are centred before they are scaled
        if objective.centre is not None:
            self._offset = objective.centre if columns is None else objective.centre[columns]
        self._factors = np.asarray(objective.scale / scale, dtype=dtype)
        self._shift = np.asarray(centre / scale, dtype=dtype) if np.any(centre) else None
        self._a = a
        of_intercept = {"free": [0.0], "penalised": [objective.l2], "none": []}
        scaled = objective.l2 / np.square(np.broadcast_to(scale, a))
        self.penalties = np.append(scaled, of_intercept[objective.intercept])

    def __call__(
        self, indices: NDArray[np.integer] | slice, memory: Floats | None = None
    ) -> Floats:
        """Features of some rows.

        Args:
            indices: Row numbers, (n,).
            memory: Array of at least n rows and m columns that the result may use.

        Returns:
            (n, m).
        """
        X, sparse = self._rows.X, self._rows.sparse
        indices = np.arange(X.shape[0])[indices]
        if memory is None:
            memory = np.empty((len(indices), len(self.penalties)), dtype=self._dtype)
        A, a = memory[: len(indices)], self._a
        A[:, a:] = 1
        for i in range(0, len(A), GATHERED_ROWS):
            rows = X[indices[i : i + GATHERED_ROWS]]
            if self._columns is not None:  # for arrays, an index would take longer
                rows = rows[:, self._columns] if sparse else np.take(rows, self._columns, axis=1)
            rows = rows.toarray() if sparse else rows
            rows = rows if self._offset is None else rows - self._offset
            np.multiply(rows, self._factors, out=A[i : i + GATHERED_ROWS, :a], casting="unsafe")
        if self._shift is not None:
            A[:, :a] -= self._shift
        return A

    def squared_lengths(self) -> Floats:
        """Squared length of each row, (N,); infinite where it overflows."""
        n = self._rows.shape[0]
        lengths = np.empty(n, dtype=self._dtype)
        block = np.empty((min(n, HESSIAN_ROWS), len(self.penalties)), dtype=self._dtype)
        for i in range(0, n, HESSIAN_ROWS):
            with np.errstate(over="ignore"):
                A = self(slice(i, i + HESSIAN_ROWS), block)
                lengths[i : i + len(A)] = np.einsum("ij,ij->i", A, A)
        return lengths

    def curvature_along(self, indices: NDArray[np.integer], curvature: Floats) -> Floats:
        """Curvature of the loss along each feature, for each class: (K, m).

        ::

            sum_i c_ik x_ij^2

        which is the diagonal of `hessian` without the penalty.

        Args:
            indices: Row numbers, (n,).
            curvature: c, at least zero, (n, K).
        """
        m = len(self.penalties)
        total = np.zeros((curvature.shape[1], m), dtype=self._dtype)
        block = np.empty((min(len(indices), HESSIAN_ROWS), m), dtype=self._dtype)
        for i in range(0, len(indices), HESSIAN_ROWS):
            some = slice(i, i + HESSIAN_ROWS)
            A = self(indices[some], block)
            with np.errstate(over="ignore", invalid="ignore"):  # of a row of great length
                total += curvature[some].T.astype(self._dtype) @ np.square(A, out=A)
        return total

    def hessian(
        self, indices: NDArray[np.integer], curvature: Floats, memory: Floats | None = None
    ) -> Floats:
        """Block of the Hessian that belongs to the weights and the intercept of one class.

        ::

            sum_i c_i x_i x_i^T + diag(penalties)

        With every row and its `LinearObjective.curvature`, the block is exact. The last row and
        column belong to the intercept, if there is one.

        Args:
            indices: Row numbers, (n,).
            curvature: c, at least zero, (n,).
            memory: Array (m, m) that may be overwritten; it is not the result.

        Returns:
            (m, m).
        """
        m = len(self.penalties)
        H = np.zeros((m, m), dtype=self._dtype)
        addend = np.empty_like(H) if memory is None else memory
        block = np.empty((min(len(indices), HESSIAN_ROWS), m), dtype=self._dtype)
        for i in range(0, len(indices), HESSIAN_ROWS):
            some = slice(i, i + HESSIAN_ROWS)
            A = self(indices[some], block)
            A *= np.sqrt(curvature[some]).astype(self._dtype)[:, None]
            with np.errstate(over="ignore", invalid="ignore"):  # the factor refuses it
                H += np.matmul(A.T, A, out=addend)
        H[np.diag_indices(m)] += self.penalties.astype(self._dtype)
        return H

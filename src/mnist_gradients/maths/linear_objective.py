"""What logistic and softmax regression share: a loss of margins X W + b, summed over row blocks.

Conventions:
    X: rows of features, (N, d), uint8, float32 or float64, in memory or memory-mapped.
    W: weights, (d, K); b: intercept, (K,); K = 1 for the binary model.
    Z = X W + b: margins, (N, K).
    R = dloss/dZ: residuals, (N, K).
    w: the packed parameter, W row by row and then b (unless there is no intercept), float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from mnist_gradients.maths.rows.blocks import Term, block_sum, rows_per_block, spread
from mnist_gradients.maths.rows.mapped_rows import gather, release
from mnist_gradients.maths.rows.tiles import product, transposed_product

Intercept = Literal["free", "penalised", "none"]
Vector = NDArray[np.float64]


class LinearObjective(ABC):
    """Mean loss of a linear model plus the L2 penalty, with its first two derivatives.

    ::

        J(W, b) = 1/N sum_i loss(z_i, y_i) + lambda/2 ||W||^2      Z = X W + b
        dJ/dW   = 1/N X^T R + lambda W                             R = dloss/dZ
        dJ/db   = 1/N sum_i R_i

    A penalised intercept is the weight of a constant feature: it adds lambda/2 ||b||^2.

    Every evaluation is one sweep over blocks of rows. A block is converted to the computing type
    when its turn comes, so that neither a copy of X nor the margins of all rows ever exist.

    Args:
        X: Rows of features, (N, d), C-contiguous; uint8, float32 or float64; may be a memory-map.
        y: Labels, (N,).
        l2: Strength lambda of the penalty, at least 0.
        n_outputs: K, the number of margins per row.
        intercept: "free" (not penalised, as in scikit-learn), "penalised" or "none".
        scale: Factor on X; None for 1/255 on uint8 pixels and 1 on anything else.
        threads: Number of threads; None for every core.
        compute_dtype: Type in which blocks are computed; None for float64 on float64 X and float32
            on anything else. Sums over blocks are always float64.

    Raises:
        ValueError: If shapes, types or values do not fit.
    """

    curvature_bound: float
    """Largest eigenvalue of the Hessian of the loss of one row with respect to its margins."""

    def __init__(
        self,
        X: NDArray[np.generic],
        y: NDArray[np.integer],
        l2: float,
        *,
        n_outputs: int,
        intercept: Intercept,
        scale: float | None,
        threads: int | None,
        compute_dtype: DTypeLike | None,
    ) -> None:
        _check_rows(X, y)
        if not (np.isfinite(l2) and l2 >= 0):
            raise ValueError(f"l2 is {l2}, expected a finite number of at least 0")
        if intercept not in get_args(Intercept):
            raise ValueError(f"intercept is {intercept!r}, expected one of {get_args(Intercept)}")
        if compute_dtype is None:
            compute_dtype = np.float64 if X.dtype == np.float64 else np.float32
        self.X, self.y, self.l2 = X, y, float(l2)
        self.n_outputs, self.intercept, self.threads = n_outputs, intercept, threads
        self.scale = scale if scale is not None else (1 / 255 if X.dtype == np.uint8 else 1.0)
        self.dtype = np.dtype(compute_dtype)

    @abstractmethod
    def loss_and_residual(
        self, Z: NDArray[np.floating], y: NDArray[np.integer]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Loss of each row, (B,), and its derivative R with respect to the margins, (B, K)."""

    @abstractmethod
    def curvature_product(
        self, Z: NDArray[np.floating], U: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Hessian of each row's loss with respect to its margins, times the rows of U, (B, K)."""

    @abstractmethod
    def margin_curvature(self, Z: NDArray[np.floating]) -> NDArray[np.floating]:
        """Diagonal of the Hessian of each row's loss with respect to its margins, (B, K)."""

    @property
    def size(self) -> int:
        """Length of the packed parameter."""
        return (self.X.shape[1] + (self.intercept != "none")) * self.n_outputs

    def __call__(self, w: Vector) -> tuple[float, Vector]:
        """Objective and gradient at w, (size,), in one sweep over the rows."""
        W, b = self._parameters(w)

        def term(rows: slice) -> tuple[NDArray[np.floating], ...]:
            X = self._block(rows)
            loss, R = self.loss_and_residual(_margins(X, W, b), self.y[rows])
            return (
                loss.sum(dtype=np.float64),
                transposed_product(X, R),
                R.sum(axis=0, dtype=np.float64),
            )

        loss, dW, db = self._sum(term)
        N, penalised = len(self.y), self._penalised(w)
        value = loss / N + self.l2 / 2 * (penalised @ penalised)
        return float(value), self.pack(self.scale * dW, db) / N + self.l2 * penalised

    def hessian_vector(self, w: Vector, v: Vector) -> Vector:
        """Hessian at w times the direction v, (size,), in one sweep over the rows.

        ::

            H v = 1/N X^T S + lambda V,   S_i = (d^2 loss / dz_i^2) u_i,   U = X V + c

        with v = (V, c) packed as w = (W, b).
        """
        W, b = self._parameters(w)
        V, c = self._parameters(v)

        def term(rows: slice) -> tuple[NDArray[np.floating], ...]:
            X = self._block(rows)
            S = self.curvature_product(_margins(X, W, b), _margins(X, V, c))
            return transposed_product(X, S), S.sum(axis=0, dtype=np.float64)

        dW, db = self._sum(term)
        return self.pack(self.scale * dW, db) / len(self.y) + self.l2 * self._penalised(v)

    def subset(self, rows: NDArray[np.integer]) -> Self:
        """The same objective on a copy of a few of its rows, given by their indices, (n,)."""
        few = copy(self)
        few.X, few.y = gather(self.X, rows), self.y[rows]
        return few

    def curvature(self, w: Vector, rows: NDArray[np.integer]) -> NDArray[np.floating]:
        """Curvature of the loss of some rows, (n, K), in their own margins at w.

        Class k's own block of the Hessian weighs each row with it (see :meth:`class_hessian`).
        """
        W, b = self._parameters(w)

        def of_block(block: NDArray[np.integer]) -> NDArray[np.floating]:
            X = self._converted(gather(self.X, block))
            return self.margin_curvature(_margins(X, W, b))

        blocks = np.array_split(rows, -(-len(rows) // self._block_rows))
        return np.concatenate(spread(of_block, blocks, threads=self.threads))

    def class_hessian(
        self, rows: NDArray[np.integer], weights: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Block of the Hessian that belongs to the weights and the intercept of one class.

        ::

            sum_i weights_i x_i x_i^T + lambda I

        With the rows' curvature divided by N as weights and every row, the block is exact. The last
        row and column belong to the intercept, if there is one.

        Args:
            rows: Indices, (n,).
            weights: At least zero, (n,).

        Returns:
            (d, d), or (d + 1, d + 1) with an intercept. In float32 whatever the computing type: it
            is the estimate that a solver sets its coordinates by.
        """
        d = self.X.shape[1]
        root = np.sqrt(weights, dtype=np.float32, casting="same_kind")[:, None]
        A = np.empty((len(rows), self.size // self.n_outputs), dtype=np.float32)
        X = gather(self.X, rows)
        np.multiply(X, np.float32(self.scale) * root, out=A[:, :d], casting="same_kind")
        A[:, d:] = root
        H = A.T @ A
        penalised = d if self.intercept == "free" else len(H)
        H[np.diag_indices(penalised)] += self.l2
        return H

    def lipschitz(self) -> float:
        """Lipschitz constant of the gradient, so that steps of 1/L never increase the objective.

        ::

            L = c sigma_max(X)^2 / N + lambda,   c = 1/4 (logistic) or 1/2 (softmax)

        X includes the constant feature when there is an intercept. The singular value comes from
        Lanczos' method, one sweep over the rows per product with X^T X.
        """
        d = self.X.shape[1]
        constant = float(self.intercept != "none")

        def gram_product(v: Vector) -> Vector:
            V = (self.scale * v[:d, None]).astype(self.dtype)
            c = (constant * v[d:]).astype(self.dtype)

            def term(rows: slice) -> tuple[NDArray[np.floating], ...]:
                X = self._block(rows)
                U = _margins(X, V, c)
                return transposed_product(X, U), U.sum(axis=0, dtype=np.float64)

            dV, dc = self._sum(term)
            return np.concatenate([self.scale * dV[:, 0], constant * dc])

        operator = LinearOperator((d + 1, d + 1), matvec=gram_product, dtype=np.float64)
        sigma_squared = eigsh(
            operator, k=1, v0=np.ones(d + 1), tol=1e-6, return_eigenvectors=False
        )[0]
        return self.curvature_bound * float(sigma_squared) / len(self.y) + self.l2

    def pack(self, W: NDArray[np.floating], b: NDArray[np.floating]) -> Vector:
        """Join weights (d, K) and intercept (K,) to one parameter vector (size,)."""
        entries = [np.ravel(W)] if self.intercept == "none" else [np.ravel(W), np.ravel(b)]
        return np.concatenate(entries, dtype=np.float64)

    def unpack(self, w: Vector) -> tuple[Vector, Vector]:
        """Split a parameter vector (size,) into weights (d, K) and intercept (K,), zero if none."""
        w = np.asarray(w, dtype=np.float64)
        if w.shape != (self.size,):
            raise ValueError(f"w has shape {w.shape}, expected ({self.size},)")
        n_weights = self.X.shape[1] * self.n_outputs
        b = np.zeros(self.n_outputs) if self.intercept == "none" else w[n_weights:].copy()
        return w[:n_weights].reshape(-1, self.n_outputs).copy(), b

    def _parameters(self, w: Vector) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Weights for unscaled rows and intercept, in the computing type."""
        W, b = self.unpack(w)
        return (self.scale * W).astype(self.dtype), b.astype(self.dtype)

    def _penalised(self, w: Vector) -> Vector:
        """The parameter with a zero wherever there is no penalty."""
        W, b = self.unpack(w)
        return self.pack(W, b if self.intercept == "penalised" else np.zeros_like(b))

    def _block(self, rows: slice) -> NDArray[np.floating]:
        """Rows of X in the computing type, (B, d); ``scale`` is left to the parameters."""
        return self._converted(self.X[rows])

    @property
    def _block_rows(self) -> int:
        return rows_per_block(self.X.shape[1])

    def _converted(self, X: NDArray[np.generic]) -> NDArray[np.floating]:
        return X.astype(self.dtype, copy=False)

    def _sum(self, term: Term) -> tuple[Vector, ...]:
        def term_and_release(rows: slice) -> tuple[NDArray[np.floating], ...]:
            contribution = term(rows)
            release(self.X[rows])
            return contribution

        return block_sum(
            term_and_release, len(self.y), block_rows=self._block_rows, threads=self.threads
        )


def _margins(
    X: NDArray[np.floating], W: NDArray[np.floating], b: NDArray[np.floating]
) -> NDArray[np.floating]:
    """X W + b, (B, K)."""
    Z = product(X, W)
    Z += b
    return Z


def _check_rows(X: NDArray[np.generic], y: NDArray[np.integer]) -> None:
    """Refuse data that no linear model can be fitted to."""
    if X.ndim != 2 or X.shape[0] < 1 or X.shape[1] < 1:
        raise ValueError(f"X has shape {X.shape}, expected (N, d) with at least one row and column")
    if X.dtype not in (np.uint8, np.float32, np.float64):
        raise ValueError(f"X has type {X.dtype}, expected uint8, float32 or float64")
    if y.shape != (X.shape[0],):
        raise ValueError(f"y has shape {y.shape}, expected ({X.shape[0]},), one label per row of X")
    if not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"y has type {y.dtype}, expected integers")

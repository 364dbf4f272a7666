"""What logistic and softmax regression share: a loss of logits X W + b, summed over rows.

Conventions:
    X: rows of features, (N, d), dense or sparse, in memory or memory-mapped.
    W: weights, (d, K); b: intercept, (K,); K = 1 for the binary model.
    Z = X W + b: logits, (N, K).
    R = dloss/dZ: residuals, (N, K).
    s: sample weights, (N,), all 1 if there are none; S = sum_i s_i.
    w: the parameter vector, W row by row and then b (unless there is no intercept), float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from mnist_gradients.maths.checking import check_choice, check_number, check_shape, mismatch
from mnist_gradients.maths.rows.blocks import add, converted, join, join_first
from mnist_gradients.maths.rows.labelled_rows import GATHERED_ROWS, ArrayRows, LabelledRows
from mnist_gradients.maths.rows.memory import new_array
from mnist_gradients.maths.rows.products import product, transposed_product

Intercept = Literal["free", "penalised", "none"]
INTERCEPTS = ("free", "penalised", "none")
Vector = NDArray[np.float64]
Floats = NDArray[np.floating]

# Numbers of the rows of a block, given their labels and their logits at some parameter vectors
LogitTerms = Callable[..., tuple[NDArray[Any], ...]]


class LinearObjective(ABC):
    """Mean loss of a linear model plus the L2 penalty, with its first two derivatives.

    ::

        J(W, b) = 1/S sum_i s_i loss(z_i, y_i) + lambda/2 ||W||^2      Z = X W + b
        dJ/dW   = 1/S X^T diag(s) R + lambda W                         R = dloss/dZ
        dJ/db   = 1/S sum_i s_i R_i

    A penalised intercept is the weight of a constant feature: it adds lambda/2 ||b||^2.

    Every evaluation is one pass over blocks of rows. A block is converted to the computing type
    when it is used, so that neither a copy of X nor the logits of all rows ever exist.

    Args:
        X: Rows of features, (N, d): a C-contiguous array of uint8, float32 or float64, which may be
            memory-mapped; a sparse CSR matrix of float32 or float64; or `LabelledRows`.
        y: Labels 0..K-1, (N,); None if X is `LabelledRows`.
        l2: Strength lambda of the penalty, at least 0.
        n_classes: Number of classes; None for one more than the largest label.
        intercept: "free" (not penalised, as in scikit-learn), "penalised" or "none".
        scale: Factor on X; None for 1/255 on uint8 pixels and 1 on anything else.
        weights: Sample weights s, at least 0, (N,); None for 1.
        threads: Number of threads; None for every core.
        compute_dtype: Type in which blocks are computed; None for float64 on float64 X and float32
            on anything else. Sums over blocks are always float64.

    Attributes:
        centre: A row (d,) that is subtracted from every row of X, or None; see `centred`.

    Raises:
        ValueError: If shapes, types or values do not fit.
    """

    curvature_bound: float
    """Largest eigenvalue of the Hessian of the loss of one row with respect to its logits."""

    def __init__(
        self,
        X: Any,
        y: NDArray[np.integer] | None,
        l2: float,
        *,
        n_classes: int | None = None,
        intercept: Intercept = "free",
        scale: float | None = None,
        weights: NDArray[np.floating] | None = None,
        threads: int | None = None,
        compute_dtype: DTypeLike | None = None,
    ) -> None:
        if isinstance(X, LabelledRows):
            self.rows = X
        elif y is None:
            raise mismatch("y", "None", "one label per row of X")
        else:
            self.rows = ArrayRows(X, y, weights)
        check_number("l2", l2, zero=True)
        check_choice("intercept", intercept, INTERCEPTS)
        n_labels = len(self.rows.class_counts)
        self.n_classes = self._count_classes(n_labels if n_classes is None else n_classes)
        if n_labels > self.n_classes:
            raise mismatch("y", f"the label {n_labels - 1}", f"labels 0 to {self.n_classes - 1}")
        dtype = self.rows.dtype
        if compute_dtype is None:
            compute_dtype = np.float64 if dtype == np.float64 else np.float32
        self.l2, self.intercept, self.threads = float(l2), intercept, threads
        self.scale = scale if scale is not None else (1 / 255 if dtype == np.uint8 else 1.0)
        self.dtype = np.dtype(compute_dtype)
        self.centre: Vector | None = None

    @abstractmethod
    def _count_classes(self, n_classes: int) -> int:
        """Number of classes of the model, given that of the labels."""

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """K, the number of logits per row."""

    @abstractmethod
    def loss_and_residual(self, Z: Floats, y: NDArray[np.integer]) -> tuple[Floats, Floats]:
        """Loss of each row, (B,), and its derivative R with respect to the logits, (B, K)."""

    @abstractmethod
    def curvature_product(self, Z: Floats, U: Floats) -> Floats:
        """Hessian of each row's loss with respect to its logits, times the rows of U, (B, K)."""

    @abstractmethod
    def logit_curvature(self, Z: Floats) -> Floats:
        """Diagonal of the Hessian of each row's loss with respect to its logits, (B, K)."""

    @abstractmethod
    def logit_hessian(self, Z: Floats) -> Floats:
        """The whole Hessian of each row's loss with respect to its logits, (K, K, B)."""

    @abstractmethod
    def summed_logit_hessian(self, Z: Floats, s: Vector) -> Floats:
        """The same summed over rows with weights s, (B,): (K, K), with no matrix for each row."""

    @abstractmethod
    def feasible(self, R: Floats, y: NDArray[np.integer]) -> Floats:
        """R, (B, K), where it is a residual of some logits, and else a residual close to it."""

    @abstractmethod
    def conjugate(self, R: Floats, y: NDArray[np.integer]) -> Floats:
        """The convex conjugate sup_z [R_i z - loss(z, y_i)] of each row's loss, (B,)."""

    @property
    def n_features(self) -> int:
        """d, the number of features."""
        return self.rows.shape[1]

    @property
    def size(self) -> int:
        """Length of the parameter vector."""
        return (self.n_features + (self.intercept != "none")) * self.n_outputs

    def __call__(self, w: Vector) -> tuple[float, Vector]:
        """Objective and gradient at w, (size,), in one pass over the rows."""
        loss, gradient = self.sum_rows(lambda y, Z: self.loss_and_residual(Z, y), w)
        return self._with_penalty(loss, gradient, w)

    def with_curvature(self, w: Vector) -> tuple[float, Vector, Vector]:
        """Objective and gradient at w, (size,), and the curvature of each row, in one pass.

        The curvature of a row is that of its loss, summed over its logits, times s_i: (N,).
        """

        def terms(y: NDArray[np.integer], Z: Floats) -> tuple[Floats, ...]:
            return self.logit_curvature(Z).sum(axis=1), *self.loss_and_residual(Z, y)

        curvature, loss, gradient = self.sum_rows(terms, w, first_of_each=True)
        return *self._with_penalty(loss, gradient, w), curvature.astype(np.float64)

    def _with_penalty(self, loss: float, gradient: Vector, w: Vector) -> tuple[float, Vector]:
        """Objective and gradient at w from the sums over rows."""
        S, penalised = self.rows.total_weight, self.penalised(w)
        value = loss / S + self.l2 / 2 * (penalised @ penalised)
        return float(value), gradient / S + self.l2 * penalised

    def hessian_vector(self, w: Vector, v: Vector) -> Vector:
        """Hessian at w times the direction v, (size,), in one pass over the rows.

        ::

            H v = 1/S X^T diag(s) T + lambda V,   T_i = (d^2 loss / dz_i^2) u_i,   U = X V + c

        with v = (V, c) in the order of the parameter vector w = (W, b).
        """
        (total,) = self.sum_rows(lambda _, Z, U: (self.curvature_product(Z, U),), w, v)
        return self._hessian_product(total, v)

    def _hessian_product(self, total: Vector, v: Vector) -> Vector:
        """H v from the sums over rows."""
        return total / self.rows.total_weight + self.l2 * self.penalised(v)

    def sum_rows(
        self, terms: LogitTerms, *vectors: Vector, first_of_each: bool = False
    ) -> list[Any]:
        """Sum functions of the logits over all rows, in one pass.

        ::

            sum_i s_i t_i   for each function t;   X^T diag(s) R,  sum_i s_i R_i   for the last, R

        Args:
            terms: The functions of labels, (B,), and of the logits at each vector, (B, K): some
                with a number for each row, (B,), and last R, (B, K).
            vectors: Parameter vectors, (size,).
            first_of_each: Whether the first function is not summed: s_i t_i of each row, (N,).

        Returns:
            The sums; that of the last as a parameter vector, (size,).
        """
        parameters = [self._parameters(w) for w in vectors]

        def of_block(X: Any, y: NDArray[np.integer], s: Vector | None) -> tuple[Floats, ...]:
            X = self._passing_block(X)
            *numbers, R = terms(y, *(self._logits(X, W, b) for W, b in parameters))
            if s is not None:
                numbers, R = [s * each for each in numbers], R * s[:, None].astype(R.dtype)
            kept, summed = (numbers[:1], numbers[1:]) if first_of_each else ([], numbers)
            sums = [each.sum(dtype=np.float64) for each in summed]
            return *kept, *sums, *self._transposed(X, R)

        combine = join_first if first_of_each else add
        *sums, dW, db = self.rows.combined(
            of_block, combine, term_entries=self.size, threads=self.threads
        )
        return [*sums, self.pack(self.scale * dW, db)]

    def hessian(self, w: Vector) -> Callable[[Vector], Vector]:
        """The Hessian at w as a function that multiplies, for several products at the same w.

        Logits at w, and rows in the computing type, are kept if they are few enough.
        """
        if not isinstance(self.rows, ArrayRows) or self.rows.entries > KEPT_ENTRIES:
            return lambda v: self.hessian_vector(w, v)
        options: dict[str, Any] = {"term_entries": self.size, "threads": self.threads}
        rows = ArrayRows(self._block(self.rows.X), self.rows.y, self.rows.weights)
        s = None if rows.weights is None else rows.weights[:, None].astype(self.dtype)
        W, b = self._parameters(w)
        (Z,) = rows.combined(lambda X, *_: (self._logits(X, W, b),), join, **options)

        def multiply(v: Vector) -> Vector:
            V, c = self._parameters(v)

            def of_slice(some: slice) -> tuple[Floats, ...]:
                X = rows.block(some)
                T = self.curvature_product(Z[some], self._logits(X, V, c))
                return self._transposed(X, T if s is None else T * s[some])

            dW, db = rows.combined_slices(of_slice, add, **options)
            return self._hessian_product(self.pack(self.scale * dW, db), v)

        return multiply

    def intercept_hessian(self, w: Vector) -> Vector:
        """The block of the Hessian at w that belongs to the intercept, (K, K), but for a penalty.

        ::

            sum_i s_i / S  diag(p_i) - p_i p_i^T
        """
        W, b = self._parameters(w)

        def of_block(X: Any, y: NDArray[np.integer], s: Vector | None) -> tuple[Floats, ...]:
            Z = self._logits(self._passing_block(X), W, b).astype(np.float64)
            return (self.summed_logit_hessian(Z, np.ones(len(y)) if s is None else s),)

        (total,) = self.rows.combined(
            of_block, add, term_entries=self.n_outputs**2, threads=self.threads
        )
        return total / self.rows.total_weight

    def subset(self, indices: NDArray[np.integer], weights: Vector | None = None) -> Self:
        """The same objective on a copy of a few of its rows.

        Args:
            indices: Row numbers in increasing order, (n,).
            weights: Factors on their sample weights, (n,); None for 1.
        """
        few = copy(self)
        few.rows = self.rows.take(indices, weights)
        return few

    def every(self, step: int) -> Self:
        """The same objective on every step-th of its rows in memory, not copied if dense."""
        few, rows, some = copy(self), in_memory(self.rows), slice(None, None, max(1, step))
        weights = None if rows.weights is None else rows.weights[some]
        few.rows = ArrayRows(rows.X[some], rows.y[some], weights)
        return few

    def computed_in(self, dtype: DTypeLike) -> Self:
        """The same objective with another computing type."""
        other = copy(self)
        other.dtype = np.dtype(dtype)
        return other

    def centred(self, centre: Vector) -> Self:
        """The same objective of the rows X - centre: only the intercept has another meaning.

        ::

            X W + b = (X - centre) W + b',     b' = b + scale centre^T W

        Logits of centred rows are accurate where the features have large offsets.

        Args:
            centre: A row in the units of X, (d,).

        Raises:
            ValueError: If there is no free intercept to take up the shift.
        """
        if self.intercept != "free":
            raise mismatch("intercept", repr(self.intercept), "'free' for centred rows")
        other = copy(self)
        check_shape("centre", centre, (self.n_features,))
        other.centre = centre if self.centre is None else self.centre + centre
        return other

    def copied(self) -> Self:
        """The same objective of rows in the computing type already; dense ones are centred, too."""
        other, rows = copy(self), in_memory(self.rows)
        if rows.sparse:
            X = rows.X.astype(self.dtype)
        else:
            X = new_array(rows.shape, self.dtype)
            for i in range(0, len(X), GATHERED_ROWS):
                block = slice(i, i + GATHERED_ROWS)
                X[block] = self._block(rows.X[block])
            other.centre = None
        other.rows = ArrayRows(X, rows.y, rows.weights)
        return other

    def logits(self, w: Vector) -> Floats:
        """Logits of all rows at w, (N, K), for rows in memory, few enough that N K numbers fit."""
        return self.linear_map(*self.unpack(w))

    def linear_map(self, V: Floats, c: Floats) -> Floats:
        """X V + c of all rows in memory, (N, m), for any number m of columns.

        Args:
            V: (d, m).
            c: (m,).
        """
        W, b = self._for_rows(V, c)
        rows = in_memory(self.rows)
        Z = np.empty((rows.shape[0], len(b)), dtype=self.dtype)
        for i in range(0, len(Z), LOGIT_ROWS):
            block = slice(i, i + LOGIT_ROWS)
            Z[block] = self._logits(self._block(rows.X[block]), W, b)
        return Z

    def residuals(self, w: Vector, indices: NDArray[np.integer]) -> Floats:
        """Residuals R at w of some rows in memory, given by their indices (n,); (n, K)."""
        W, b = self._parameters(w)
        rows = in_memory(self.rows)
        R = np.empty((len(indices), self.n_outputs), dtype=self.dtype)
        memory = None if rows.sparse else new_array((RESIDUAL_ROWS, self.n_features), rows.dtype)
        for i in range(0, len(R), RESIDUAL_ROWS):
            some = indices[i : i + RESIDUAL_ROWS]
            Z = self._logits(self._block(rows.gathered(some, memory)), W, b)
            R[i : i + RESIDUAL_ROWS] = self.loss_and_residual(Z, rows.y[some])[1]
        return R

    def curvature(self, w: Vector) -> Floats:
        """Curvature of each row's loss in its own logits at w, times s_i / S: (N, K).

        Class k's own block of the Hessian weighs each row with it (see `ScaledFeatures.hessian`).
        """
        return self.logit_curvature(self.logits(w)) * self.row_weights()[:, None]

    def row_weights(self) -> Vector:
        """s_i / S for each row, (N,), for rows in memory."""
        rows = in_memory(self.rows)
        weights = np.ones(rows.shape[0]) if rows.weights is None else rows.weights
        return weights / rows.total_weight

    def lipschitz(self) -> float:
        """Lipschitz constant of the gradient, so that steps of 1/L never increase the objective.

        ::

            L = c sigma_max(diag(s)^1/2 X)^2 / S + lambda,   c = 1/4 (logistic) or 1/2 (softmax)

        X includes the constant feature when there is an intercept. The singular value comes from
        Lanczos' method, one pass over the rows per product with X^T X.
        """
        d = self.n_features
        constant = float(self.intercept != "none")

        def gram_product(v: Vector) -> Vector:
            V = (self.scale * v[:d, None]).astype(self.dtype)
            c = (constant * v[d:]).astype(self.dtype)

            def term(X: Any, y: NDArray[np.integer], s: Vector | None) -> tuple[Floats, ...]:  # noqa: ARG001
                X = self._passing_block(X)
                U = self._logits(X, V, c)
                return self._transposed(X, U if s is None else U * s[:, None].astype(U.dtype))

            dV, dc = self.rows.sum(term, term_entries=self.size, threads=self.threads)
            return np.concatenate([self.scale * dV[:, 0], constant * dc])

        operator = LinearOperator((d + 1, d + 1), matvec=gram_product, dtype=np.float64)
        sigma_squared = eigsh(
            operator, k=1, v0=np.ones(d + 1), tol=1e-6, return_eigenvectors=False
        )[0]
        return self.curvature_bound * float(sigma_squared) / self.rows.total_weight + self.l2

    def penalised(self, w: Vector) -> Vector:
        """The parameter vector with a zero wherever there is no penalty."""
        penalised = np.array(w, dtype=np.float64)
        if self.intercept == "free":
            penalised[self.n_features * self.n_outputs :] = 0
        return penalised

    def pack(self, W: Floats, b: Floats) -> Vector:
        """Join weights (d, K) and intercept (K,) to one parameter vector (size,)."""
        entries = [np.ravel(W)] if self.intercept == "none" else [np.ravel(W), np.ravel(b)]
        return np.concatenate(entries, dtype=np.float64)

    def unpack(self, w: Vector) -> tuple[Vector, Vector]:
        """Split a parameter vector (size,) into weights (d, K) and intercept (K,), zero if none."""
        w = np.asarray(w, dtype=np.float64)
        check_shape("w", w, (self.size,))
        n_weights = self.n_features * self.n_outputs
        b = np.zeros(self.n_outputs) if self.intercept == "none" else w[n_weights:].copy()
        return w[:n_weights].reshape(-1, self.n_outputs).copy(), b

    def _parameters(self, w: Vector) -> tuple[Floats, Floats]:
        """Weights for unscaled rows and intercept, in the computing type."""
        return self._for_rows(*self.unpack(w))

    def _for_rows(self, W: Floats, b: Floats) -> tuple[Floats, Floats]:
        W = W * self.scale
        if self.centre is not None and self.rows.sparse:
            b = b - self.centre @ W
        return W.astype(self.dtype), b.astype(self.dtype)

    def _block(self, X: Any) -> Any:
        """A block of rows in the computing type, centred if it is dense."""
        if self.centre is not None and not self.rows.sparse:
            X = X - self.centre
        return X.astype(self.dtype, copy=False)

    def _passing_block(self, X: Any) -> Any:
        """The same, in memory that is used again for the next block of this thread."""
        if self.rows.sparse or self.centre is not None or X.dtype == self.dtype:
            return self._block(X)
        return converted(X, self.dtype)

    def _logits(self, X: Any, W: Floats, b: Floats) -> Floats:
        """X W + b, (B, K)."""
        Z = product(X, W)
        Z += b
        return Z

    def _transposed(self, X: Any, R: Floats) -> tuple[Floats, Floats]:
        """X^T R, (d, K), and the sum of the rows of R, (K,)."""
        dW, db = transposed_product(X, R), R.sum(axis=0, dtype=np.float64)
        if self.centre is not None and self.rows.sparse:
            dW = dW - np.outer(self.centre, db)
        return dW, db


LOGIT_ROWS = 2048  # per block
RESIDUAL_ROWS = 1024  # gathered at a time, in memory that an allocator keeps for later arrays
KEPT_ENTRIES = 25_000_000  # of rows in the computing type, 200 MB at the most


def spread_of(U: Floats) -> Floats:
    """Largest change of a logit in each row of U, (B, K), less the least; (B,)."""
    return np.abs(U[:, 0]) if U.shape[1] == 1 else np.ptp(U, axis=1)


def in_memory(rows: LabelledRows) -> ArrayRows:
    """The rows themselves, for computations that only a sample in memory is meant for."""
    if not isinstance(rows, ArrayRows):
        raise mismatch("rows", type(rows).__name__, "rows in memory, as `subset` returns them")
    return rows

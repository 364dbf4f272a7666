"""Softmax regression with an L2 penalty (problem P3): loss and its two derivatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mnist_gradients.maths.linear_objective import Intercept, LinearObjective
from mnist_gradients.maths.softmax import softmax


class SoftmaxObjective(LinearObjective):
    """Penalised cross-entropy of softmax regression.

    ::

        P       = softmax(X W + b)
        J(W, b) = -1/N sum_i log P[i, y_i] + lambda/2 ||W||_F^2
        dJ/dW   = 1/N X^T (P - Y) + lambda W
        dJ/db   = 1/N sum_i (P - Y)[i]

    Args:
        X: Rows of features, (N, d), C-contiguous; uint8, float32 or float64; may be a memory-map.
        y: Classes 0..K-1, (N,).
        l2: Strength lambda of the penalty, at least 0.
        n_classes: K; None for one more than the largest label.
        intercept: "free" (not penalised, as in scikit-learn), "penalised" or "none".
        scale: Factor on X; None for 1/255 on uint8 pixels and 1 on anything else.
        threads: Number of threads; None for every core.
        compute_dtype: Type in which blocks are computed; None for float64 on float64 X and float32
            on anything else. Sums over blocks are always float64.

    Raises:
        ValueError: If shapes, types or values do not fit.
    """

    curvature_bound = 1 / 2  # diag(p) - p p^T <= 1/2 (I - 1 1^T / K), Boehning (1992)

    def __init__(
        self,
        X: NDArray[np.generic],
        y: NDArray[np.integer],
        l2: float,
        *,
        n_classes: int | None = None,
        intercept: Intercept = "free",
        scale: float | None = None,
        threads: int | None = None,
        compute_dtype: DTypeLike | None = None,
    ) -> None:
        if n_classes is None:
            n_classes = int(np.max(y, initial=0)) + 1
        super().__init__(
            X,
            y,
            l2,
            n_outputs=n_classes,
            intercept=intercept,
            scale=scale,
            threads=threads,
            compute_dtype=compute_dtype,
        )
        if n_classes < 2:
            raise ValueError(f"n_classes is {n_classes}, expected at least 2")
        if y.min() < 0 or y.max() >= n_classes:
            raise ValueError(f"y has values {y.min()} to {y.max()}, expected 0 to {n_classes - 1}")

    def loss_and_residual(
        self, Z: NDArray[np.floating], y: NDArray[np.integer]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Loss of each row, (B,), and its derivative P - Y, (B, K)."""
        # Softmax and its logarithm at once share their passes over Z.
        observed = np.arange(len(y)), y
        shifted = Z - Z.max(axis=1, keepdims=True)
        R = np.exp(shifted)
        total = R.sum(axis=1, keepdims=True)
        loss = np.log(total[:, 0]) - shifted[observed]
        R /= total
        R[observed] -= 1
        return loss, R

    def margin_curvature(self, Z: NDArray[np.floating]) -> NDArray[np.floating]:
        """The diagonal p (1 - p) of the Hessian of each row's loss, (B, K)."""
        P = softmax(Z)
        return P * (1 - P)

    def curvature_product(
        self, Z: NDArray[np.floating], U: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """(diag(p) - p p^T) u for each row p of P and u of U, (B, K)."""
        P = softmax(Z)
        return P * (U - np.sum(P * U, axis=1, keepdims=True))

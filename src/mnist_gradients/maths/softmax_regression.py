"""Softmax regression with an L2 penalty (problem P3): loss and its two derivatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

from mnist_gradients.maths.checking import check_count
from mnist_gradients.maths.linear_objective import LinearObjective
from mnist_gradients.maths.softmax import softmax


class SoftmaxObjective(LinearObjective):
    """Penalised cross-entropy of softmax regression.

    ::

        P       = softmax(X W + b)
        J(W, b) = -1/N sum_i log P[i, y_i] + lambda/2 ||W||_F^2
        dJ/dW   = 1/N X^T (P - Y) + lambda W
        dJ/db   = 1/N sum_i (P - Y)[i]

    Labels are 0..K-1; the arguments are those of `LinearObjective`.
    """

    curvature_bound = 1 / 2  # diag(p) - p p^T <= 1/2 (I - 1 1^T / K), Boehning (1992)

    @property
    def n_outputs(self) -> int:
        """K, the number of classes."""
        return self.n_classes

    def _count_classes(self, n_classes: int) -> int:
        check_count("n_classes", n_classes, least=2)
        return int(n_classes)

    def loss_and_residual(
        self, Z: NDArray[np.floating], y: NDArray[np.integer]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Loss of each row, (B,), and its derivative P - Y, (B, K)."""
        # Softmax and its logarithm at once share their passes over Z. The sum over the other labels
        # is taken by itself: where it is tiny, -log P and 1 - P keep their digits.
        rows = np.arange(len(y))
        R = Z - Z.max(axis=1, keepdims=True)
        own_logit = R[rows, y]
        np.exp(R, out=R)
        own = R[rows, y]
        R[rows, y] = 0
        others = R.sum(axis=1)
        loss = np.log1p(others + (own - 1)) - own_logit
        R[rows, y] = -others
        R /= (others + own)[:, None]
        return loss, R

    def logit_curvature(self, Z: NDArray[np.floating]) -> NDArray[np.floating]:
        """The diagonal p (1 - p) of the Hessian of each row's loss, (B, K)."""
        P = softmax(Z)
        return P * (1 - P)

    def logit_hessian(self, Z: NDArray[np.floating]) -> NDArray[np.floating]:
        """diag(p) - p p^T for each row p of P, (K, K, B)."""
        P = softmax(Z).T
        return P[:, None] * (np.eye(len(P), dtype=P.dtype)[:, :, None] - P)

    def summed_logit_hessian(
        self, Z: NDArray[np.floating], s: NDArray[np.float64]
    ) -> NDArray[np.floating]:
        """The same summed over rows with weights s, (K, K), also where a p is near 1."""
        P = softmax(Z)
        H = -(s[:, None] * P).T @ P
        np.fill_diagonal(H, 0)
        np.fill_diagonal(H, -H.sum(axis=1))  # every row of the matrix sums to zero
        return H

    def curvature_product(
        self, Z: NDArray[np.floating], U: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """(diag(p) - p p^T) u for each row p of P and u of U, (B, K)."""
        P = softmax(Z)
        return P * (U - np.sum(P * U, axis=1, keepdims=True))

    def feasible(self, R: NDArray[np.floating], y: NDArray[np.integer]) -> NDArray[np.floating]:
        """R with each row of P = R + Y on the simplex, (B, K)."""
        rows = np.arange(len(y))
        others = R.copy()
        others[rows, y] = 0
        P = np.maximum(others, 0)
        P /= np.maximum(P.sum(axis=1, keepdims=True), 1)
        label = R[rows, y] - (P - others).sum(axis=1)  # exact where R is feasible
        P[rows, y] = np.clip(label, -1, 0)  # rounding must not make it more
        return P

    def conjugate(self, R: NDArray[np.floating], y: NDArray[np.integer]) -> NDArray[np.floating]:
        """Minus the entropy, sum_k P_k log P_k, (B,), with P = R + Y."""
        rows = np.arange(len(y))
        error = -R[rows, y]
        others = R.copy()
        others[rows, y] = 0
        return xlogy(others, others).sum(axis=1) + xlog1py(1 - error, -error)

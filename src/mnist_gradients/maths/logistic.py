"""Binary logistic regression with an L2 penalty (problem P2): loss and its two derivatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mnist_gradients.maths.linear_objective import Intercept, LinearObjective


def sigmoid(t: ArrayLike) -> NDArray[np.floating]:
    """Logistic function, without overflow for margins of any size.

    ::

        sigma(t) = 1 / (1 + exp(-t))            for t >= 0
                 = exp(t) / (1 + exp(t))        for t < 0

    Args:
        t: Margins, any shape.

    Returns:
        Probabilities in [0, 1], of the shape and floating-point type of ``t``.
    """
    t = _floating(t)
    e = np.exp(-np.abs(t))
    return np.where(t >= 0, 1, e) / (1 + e)


def logistic_loss(t: ArrayLike, y: ArrayLike) -> NDArray[np.floating]:
    """Negative log-likelihood of a label, in nats, without overflow for margins of any size.

    ::

        loss        = -y log sigma(t) - (1 - y) log(1 - sigma(t)) = softplus(t) - y t
        softplus(t) = log(1 + exp(t)) = max(t, 0) + log(1 + exp(-|t|))

    Args:
        t: Margins, any shape.
        y: Labels in {0, 1}, of the same shape.

    Returns:
        One loss per entry, in the floating-point type of ``t``.
    """
    t = _floating(t)
    softplus = np.maximum(t, 0) + np.log1p(np.exp(-np.abs(t)))
    return softplus - np.asarray(y, dtype=t.dtype) * t


class LogisticObjective(LinearObjective):
    """Penalised negative log-likelihood of logistic regression.

    ::

        h_i      = sigma(theta^T x_i)
        J(theta) = 1/N sum_i [ -y_i log h_i - (1 - y_i) log(1 - h_i) ] + lambda/2 theta^T theta
        grad     = 1/N X^T (h - y) + lambda theta
        Hessian  = 1/N X^T diag(h (1 - h)) X + lambda I

    Args:
        X: Rows of features, (N, d), C-contiguous; uint8, float32 or float64; may be a memory-map.
        y: Labels in {0, 1}, (N,).
        l2: Strength lambda of the penalty, at least 0.
        intercept: "free" (not penalised, as in scikit-learn), "penalised" or "none".
        scale: Factor on X; None for 1/255 on uint8 pixels and 1 on anything else.
        threads: Number of threads; None for every core.
        compute_dtype: Type in which blocks are computed; None for float64 on float64 X and float32
            on anything else. Sums over blocks are always float64.

    Raises:
        ValueError: If shapes, types or values do not fit.
    """

    curvature_bound = 1 / 4  # h (1 - h) <= 1/4

    def __init__(
        self,
        X: NDArray[np.generic],
        y: NDArray[np.integer],
        l2: float,
        *,
        intercept: Intercept = "free",
        scale: float | None = None,
        threads: int | None = None,
        compute_dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(
            X,
            y,
            l2,
            n_outputs=1,
            intercept=intercept,
            scale=scale,
            threads=threads,
            compute_dtype=compute_dtype,
        )
        if y.min() < 0 or y.max() > 1:
            raise ValueError(f"y has values {y.min()} to {y.max()}, expected 0 and 1")

    def loss_and_residual(
        self, Z: NDArray[np.floating], y: NDArray[np.integer]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Loss of each row, (B,), and its derivative h - y, (B, 1)."""
        t = Z[:, 0]
        h = sigmoid(t)
        return logistic_loss(t, y), (h - y.astype(h.dtype))[:, None]

    def margin_curvature(self, Z: NDArray[np.floating]) -> NDArray[np.floating]:
        """The diagonal h (1 - h) of the Hessian of each row's loss, (B, 1)."""
        h = sigmoid(Z)
        return h * (1 - h)

    def curvature_product(
        self, Z: NDArray[np.floating], U: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """The same diagonal times U, (B, 1)."""
        return self.margin_curvature(Z) * U


def _floating(t: ArrayLike) -> NDArray[np.floating]:
    """The array itself, or as float64 if it holds integers."""
    t = np.asarray(t)
    return t if np.issubdtype(t.dtype, np.floating) else t.astype(np.float64)

"""Binary logistic regression with an L2 penalty (problem P2): loss and its two derivatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlog1py, xlogy

from mnist_gradients.maths.linear_objective import LinearObjective


def sigmoid(t: ArrayLike) -> NDArray[np.floating]:
    """Logistic function, without overflow for logits of any size.

    ::

        sigma(t) = 1 / (1 + exp(-t))            for t >= 0
                 = exp(t) / (1 + exp(t))        for t < 0

    Args:
        t: Logits, any shape.

    Returns:
        Probabilities in [0, 1], of the shape and floating-point type of ``t``.
    """
    t = _floating(t)
    e = np.exp(-np.abs(t))
    return np.where(t >= 0, 1, e) / (1 + e)


def logistic_loss(t: ArrayLike, y: ArrayLike) -> NDArray[np.floating]:
    """Negative log-likelihood of a label, in nats, without overflow for logits of any size.

    ::

        loss        = -y log sigma(t) - (1 - y) log(1 - sigma(t)) = softplus(t) - y t
        softplus(t) = log(1 + exp(t)) = max(t, 0) + log(1 + exp(-|t|))

    Args:
        t: Logits, any shape.
        y: Labels in {0, 1}, of the same shape.

    Returns:
        One loss per entry, in the floating-point type of ``t``.
    """
    t = _floating(t)
    # y t is subtracted first: a loss far below the rounding of t keeps its digits.
    return (np.maximum(t, 0) - np.asarray(y, dtype=t.dtype) * t) + np.log1p(np.exp(-np.abs(t)))


class LogisticObjective(LinearObjective):
    """Penalised negative log-likelihood of logistic regression.

    ::

        h_i      = sigma(theta^T x_i)
        J(theta) = 1/N sum_i [ -y_i log h_i - (1 - y_i) log(1 - h_i) ] + lambda/2 theta^T theta
        grad     = 1/N X^T (h - y) + lambda theta
        Hessian  = 1/N X^T diag(h (1 - h)) X + lambda I

    Labels are 0 and 1; the arguments are those of `LinearObjective`.
    """

    curvature_bound = 1 / 4  # h (1 - h) <= 1/4
    n_outputs = 1

    def _count_classes(self, n_classes: int) -> int:  # noqa: ARG002 - always two
        return 2

    def loss_and_residual(
        self, Z: NDArray[np.floating], y: NDArray[np.integer]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Loss of each row, (B,), and its derivative h - y, (B, 1).

        With q = 1 for y = 0 and q = -1 for y = 1, the loss is softplus(q t) and the derivative is
        q sigma(q t): one exponential for both, and no cancellation where h is close to y.
        """
        q = 1 - 2 * y.astype(Z.dtype)
        t = q * Z[:, 0]
        e = np.exp(-np.abs(t))
        u = 1 + e
        # The last two terms are log1p(e), whose own function takes four times as long.
        loss = np.maximum(t, 0) + np.log(u) + (e - (u - 1)) / u
        h = np.where(t < 0, e, 1) / u
        return loss, (q * h)[:, None]

    def logit_curvature(self, Z: NDArray[np.floating]) -> NDArray[np.floating]:
        """The diagonal h (1 - h) of the Hessian of each row's loss, (B, 1), also for h near 1."""
        e = np.exp(-np.abs(Z))
        return e / np.square(1 + e)

    def logit_hessian(self, Z: NDArray[np.floating]) -> NDArray[np.floating]:
        """The same as a matrix of one entry for each row, (1, 1, B)."""
        return self.logit_curvature(Z).T[None]

    def summed_logit_hessian(
        self, Z: NDArray[np.floating], s: NDArray[np.float64]
    ) -> NDArray[np.floating]:
        """The same summed over rows with weights s, (1, 1)."""
        return (s @ self.logit_curvature(Z))[None]

    def curvature_product(
        self, Z: NDArray[np.floating], U: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """The same diagonal times U, (B, 1)."""
        return self.logit_curvature(Z) * U

    def feasible(self, R: NDArray[np.floating], y: NDArray[np.integer]) -> NDArray[np.floating]:
        """R with h = R + y between 0 and 1, (B, 1)."""
        q = (1 - 2 * y.astype(R.dtype))[:, None]
        return q * np.clip(q * R, 0, 1)

    def conjugate(self, R: NDArray[np.floating], y: NDArray[np.integer]) -> NDArray[np.floating]:
        """Minus the entropy, h log h + (1 - h) log(1 - h), (B,), with h = R + y."""
        error = np.where(y == 1, -1, 1) * R[:, 0]
        return xlogy(error, error) + xlog1py(1 - error, -error)


def _floating(t: ArrayLike) -> NDArray[np.floating]:
    """The array itself, or as float64 if it holds integers."""
    t = np.asarray(t)
    return t if np.issubdtype(t.dtype, np.floating) else t.astype(np.float64)

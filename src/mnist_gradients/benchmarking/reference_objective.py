"""The judge: the objective once more, in float64, from SciPy's functions alone.

It shares no code with the solvers that it judges, and says how far from the optimum a point can be.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, softmax

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers.descent import SOLVERS

BLOCK_ROWS = 2048


@dataclass(frozen=True, eq=False)
class Judge:
    """Objective of a linear classifier whose intercept is free of the penalty.

    ::

        J(W, b) = -1/N sum_i log P[i, y_i] + lambda/2 ||W||_F^2,    P = softmax(X W / 255 + b)

    The binary model has one margin t per row; its logits are 0 and t.

    Attributes:
        pixels: X, uint8 (N, d); may be a memory-map.
        y: Classes 0..K-1, (N,).
        binary: Whether there is one margin per row.
        l2: lambda, above 0.
    """

    pixels: np.ndarray
    y: np.ndarray
    binary: bool
    l2: float

    @property
    def n_outputs(self) -> int:
        """Number of margins per row."""
        return 1 if self.binary else int(self.y.max()) + 1

    @property
    def size(self) -> int:
        """Length of a packed parameter: W row by row, then b."""
        return (self.pixels.shape[1] + 1) * self.n_outputs

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return J at each of T packed parameters (T, size): (T,)."""
        T, d, K = len(points), self.pixels.shape[1], self.n_outputs
        W, b = points[:, : d * K], points[:, d * K :]
        columns = W.reshape(T, d, K).transpose(1, 0, 2).reshape(d, T * K)
        total = np.zeros(T)
        for X, y in self._blocks():
            margins = (X @ columns).reshape(len(X), T, K) + b
            log_P = log_softmax(self._logits(margins), axis=-1)
            total -= np.take_along_axis(log_P, y[:, None, None], axis=-1).sum(axis=(0, 2))
        return total / len(self.y) + self.l2 / 2 * np.sum(W**2, axis=1)

    def gradient(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return dJ/dW (d, K), dJ/db (K,), and the curvature d^2J/db^2 (K, K) at w, (size,)."""
        d, K = self.pixels.shape[1], self.n_outputs
        W, b = w[: d * K].reshape(d, K), w[d * K :]
        dW, db, curvature = np.zeros((d, K)), np.zeros(K), np.zeros((K, K))
        for X, y in self._blocks():
            P = softmax(self._logits(X @ W + b), axis=-1)
            R = P.copy()
            R[np.arange(len(y)), y] -= 1
            P, R = P[:, -K:], R[:, -K:]  # the logit 0 of the binary model is no parameter
            dW += X.T @ R
            db += R.sum(axis=0)
            curvature += np.diag(P.sum(axis=0)) - P.T @ P
        N = len(self.y)
        return dW / N + self.l2 * W, db / N, curvature / N

    def gap_bound(self, w: np.ndarray) -> tuple[np.ndarray, float]:
        """Return w with the best intercept for its weights, and how far J there is above min J.

        ::

            J(W, b) - min J <= ||dJ/dW||^2 / (2 lambda)     where b minimises J(W, .)

        because min_b J(W, b) is strongly convex in W with constant lambda. The best intercept is
        found by Newton's method.
        """
        w = w.copy()
        for _ in range(20):
            dW, db, curvature = self.gradient(w)
            if np.abs(db).max() < 1e-14:
                break
            # A common shift of all classes changes nothing: the shortest step leaves it out.
            w[-self.n_outputs :] -= np.linalg.lstsq(curvature, db)[0]
        return w, float(np.sum(dW**2) / (2 * self.l2))

    def _blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for first in range(0, len(self.y), BLOCK_ROWS):
            rows = slice(first, first + BLOCK_ROWS)
            yield self.pixels[rows] / 255, self.y[rows]

    def _logits(self, margins: np.ndarray) -> np.ndarray:
        if not self.binary:
            return margins
        return np.concatenate([np.zeros_like(margins), margins], axis=-1)


def find_optimum(judge: Judge, solver: str, precision: float) -> tuple[float, float]:
    """Return the least value of the objective, and a bound on the relative error of that.

    A solver comes close, L-BFGS finishes in float64; the bound rests on neither.

    Args:
        judge: The objective.
        solver: Name of a solver of the project.
        precision: Largest relative gap allowed.

    Raises:
        RuntimeError: If the bound is larger than allowed.
    """
    kind = LogisticObjective if judge.binary else SoftmaxObjective
    objective = kind(judge.pixels, judge.y, judge.l2, compute_dtype=np.float64)
    near = SOLVERS[solver](objective, tolerance=precision / 100)
    largest_norm = np.sqrt(2 * judge.l2 * precision * near.objective)
    end = SOLVERS["lbfgs"](
        objective, near.weights, tolerance=largest_norm / 2, max_iterations=20_000
    )
    w, gap = judge.gap_bound(end.weights)
    value = float(judge.values(w[None])[0])
    if not gap <= precision * value:
        raise RuntimeError(
            f"optimum at l2 {judge.l2:g}: found a relative gap of at most {gap / value:.1e}, "
            f"expected at most {precision:g} ({end.message})"
        )
    return value, gap / value

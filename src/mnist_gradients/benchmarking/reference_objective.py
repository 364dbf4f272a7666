"""The reference objective: float64, centred data, SciPy's functions alone.

It shares no code with the solvers that are measured, and it proves how far a point is from the
optimum.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from scipy.special import log_softmax, softmax

BLOCK_ROWS = 2048
INTERCEPT_STEPS = 50

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ReferenceObjective:
    """Objective of a linear classifier whose intercept is not penalised.

    ::

        J(W, b) = -1/N sum_i log P[i, y_i] + lambda/2 ||W||_F^2,    P = softmax(s X W + b)

    Two classes have one column of weights; their logits are 0 and t. Inside, the rows of a dense X
    are centred. With a free intercept that is an exact change of variables, b' = b + s mean(X) W,
    and large offsets of the columns lose no digits.

    Attributes:
        X: Rows, (N, d): an array of any real type, a memory map, or a sparse array.
        y: Classes 0..K-1, (N,).
        l2: lambda, above 0.
        scale: s, such as 1/255 for pixels.
    """

    X: Any
    y: NDArray[np.integer]
    l2: float
    scale: float = 1.0

    @cached_property
    def n_outputs(self) -> int:
        """Columns of W."""
        n_classes = int(self.y.max()) + 1
        return 1 if n_classes == 2 else n_classes

    @cached_property
    def centre(self) -> Floats:
        """Mean of s X, (d,); zero for a sparse X, which stays sparse."""
        total = np.zeros(self.X.shape[1])
        if not issparse(self.X):
            for first in range(0, len(self.y), BLOCK_ROWS):
                block = np.asarray(self.X[first : first + BLOCK_ROWS], dtype=np.float64)
                total += (self.scale / len(self.y)) * block.sum(axis=0)
        return total

    def value(self, W: Floats, b: Floats) -> float:
        """Return J at W (d, K) and b (K,)."""
        return self.centred_value(W, self.centred_intercept(W, b))

    def prove(self, W: Floats, b: Floats) -> tuple[Floats, float]:
        """Return the best centred intercept for W, and a bound on how far J there is above min J.

        ::

            J(W, b) - min J <= ||dJ/dW||^2 / (2 lambda)     where b minimises J(W, .)

        because min_b J(W, b) is strongly convex in W with constant lambda. The best intercept is
        found by Newton's method; the bound is infinite where that fails.
        """
        for _ in range(INTERCEPT_STEPS):
            P = self.probabilities(W, b)
            dW, db = self.gradient(P, W)
            if np.abs(db).max() < 1e-12:
                return b, float(np.sum(dW**2) / (2 * self.l2))
            curvature = np.diag(P.mean(axis=0)) - P.T @ P / len(P)
            # A common shift of all classes changes nothing: the shortest step leaves it out.
            step = np.linalg.lstsq(curvature, db)[0]
            b = b - step / max(1.0, np.abs(step).max())
        return b, np.inf

    def centred_intercept(self, W: Floats, b: Floats) -> Floats:
        """Return b + centre W; the two may cancel, so the sum takes the longest type there is."""
        terms = self.centre.astype(np.longdouble)[:, None] * W.astype(np.longdouble)
        return np.asarray(b + terms.sum(axis=0), dtype=np.float64)

    def _blocks(self) -> Iterator[tuple[slice, Any]]:
        """Yield a slice of rows and s X - centre there; a sparse X comes in one piece."""
        if issparse(self.X):
            yield slice(None), self.X.astype(np.float64) * self.scale
            return
        for first in range(0, len(self.y), BLOCK_ROWS):
            rows = slice(first, first + BLOCK_ROWS)
            block = np.asarray(self.X[rows], dtype=np.float64) * self.scale
            block -= self.centre
            yield rows, block

    def _logits(self, W: Floats, b: Floats) -> Floats:
        """Return the logits of all classes, (N, K), or (N, 2) for one column of weights."""
        Z = np.empty((len(self.y), self.n_outputs))
        for rows, block in self._blocks():
            Z[rows] = block @ W + b
        return Z if self.n_outputs > 1 else np.hstack([np.zeros_like(Z), Z])

    def centred_value(self, W: Floats, b: Floats) -> float:
        """Return J at W and a centred intercept."""
        log_P = log_softmax(self._logits(W, b), axis=1)
        losses = -log_P[np.arange(len(self.y)), self.y]
        return float(losses.mean() + self.l2 / 2 * np.sum(W**2))

    def probabilities(self, W: Floats, b: Floats) -> Floats:
        """Return the probability of the class of each column of weights, (N, n_outputs)."""
        return softmax(self._logits(W, b), axis=1)[:, -self.n_outputs :]

    def gradient(self, P: Floats, W: Floats) -> tuple[Floats, Floats]:
        """Return dJ/dW (d, K) and dJ/db (K,) in centred coordinates."""
        R = P.copy()
        if self.n_outputs == 1:
            R[:, 0] -= self.y
        else:
            R[np.arange(len(R)), self.y] -= 1
        dW = sum((block.T @ R[rows] for rows, block in self._blocks()), np.zeros_like(W))
        return dW / len(R) + self.l2 * W, R.mean(axis=0)

    def hessian_product(self, P: Floats, v: Floats) -> Floats:
        """Return the Hessian times v; both hold W row by row, then b."""
        N, K = P.shape
        V, c = v[:-K].reshape(-1, K), v[-K:]
        HV, Hc = np.zeros_like(V), np.zeros(K)
        for rows, block in self._blocks():
            p = P[rows]
            S = p * (block @ V + c)
            S -= p * S.sum(axis=1, keepdims=True)
            HV += block.T @ S
            Hc += S.sum(axis=0)
        return np.append((HV / N + self.l2 * V).ravel(), Hc / N)

    def diagonal(self, P: Floats) -> Floats:
        """Return the diagonal of the Hessian, W row by row, then b, (size,)."""
        N, K = P.shape
        curvature = P * (1 - P)
        diagonal = np.zeros((self.X.shape[1], K))
        for rows, block in self._blocks():
            squares = block.power(2) if issparse(block) else block**2
            diagonal += squares.T @ curvature[rows]
        tiny = np.finfo(np.float64).tiny
        return np.append((diagonal / N + self.l2).ravel(), curvature.mean(axis=0) + tiny)

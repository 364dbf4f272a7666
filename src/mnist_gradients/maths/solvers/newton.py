"""Newton's method with the whole Hessian, for data so small that a pass takes microseconds.

::

    H v = grad J(w),   w <- w - alpha v,   alpha = 1, 1/2, 1/4, ... until J falls enough

On centred and scaled features (m of them, with the intercept) the Hessian of K logits is

::

    H = sum_i s_i / S (d^2 loss / dz_i^2) kron x_i x_i^T + diag(penalties)

Newton's decrement grad^T v tells how far an iterate is above the minimum, if v moves no logit by
much (see `suboptimality`) and H is far enough from singular to be solved exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy.linalg.lapack import dpotrs

from mnist_gradients.maths.linear_objective import (
    LinearObjective,
    Vector,
    in_memory,
    spread_of,
)
from mnist_gradients.maths.scaled_features import ScaledFeatures
from mnist_gradients.maths.solvers.columns import describe_columns
from mnist_gradients.maths.solvers.factors import scaled_cholesky
from mnist_gradients.maths.solvers.sampling import with_rows_in_memory
from mnist_gradients.maths.solvers.solution import (
    Callback,
    Solution,
    check_first_value,
    first_iterate,
)
from mnist_gradients.maths.solvers.suboptimality import FLOOR, NEAR, SAFETY

MOST_WORK = 4_500_000  # multiplications of a Hessian and its factor: some milliseconds
WEIGHING = 8  # multiplications take as long as to weigh an entry of X
MOST_STEPS = 60  # the loss of separable rows falls by a factor e in each, below rounding in 40
SMALLEST_PIVOT = 1e-10  # of the scaled Hessian; below, its solution has too few digits
SUFFICIENT = 1e-4  # part of the decrease that the slope predicts, as in Wolfe's conditions
HALVINGS = 30
ROUNDING = 8 * np.finfo(np.float64).eps


def newton_pays(objective: LinearObjective) -> bool:
    """Whether a few Hessians take less time than anything else.

    A Hessian takes N m^2 K^2 / 2 multiplications, m = d + 1. K is counted once, since passes over
    the data, of which it saves many, take longer with more classes, too.
    """
    (N, d), size = objective.rows.shape, objective.size
    return N * size * (d + 1 + WEIGHING) + size**3 / 3 <= MOST_WORK


def newton(
    objective: LinearObjective,
    start: Vector | None = None,
    *,
    tolerance: float,
    max_iterations: int,
    callback: Callback | None = None,
) -> Solution:
    """Minimise the objective of a linear model, as far as Newton's method is sure to get.

    Args:
        objective: Logistic or softmax objective on few rows, which are computed in float64.
        start: First iterate, (size,); None for zero.
        tolerance: Largest relative gap to the minimum.
        max_iterations: Largest number of steps.
        callback: Called with (iteration, objective, gradient norm), from iteration 0 on.

    Returns:
        The last iterate. It has not converged where the steps do not suffice, where no step lowers
        the objective, or where the Hessian is close to singular.

    Source: Nocedal and Wright, "Numerical Optimization" (2006), chapter 3.
    """
    problem = _ScaledProblem(objective)
    point = problem.at(problem.scaled(first_iterate(objective, start)))
    check_first_value(point.value)
    last = min(max_iterations, MOST_STEPS)
    for iteration in range(last + 1):
        if callback is not None:
            callback(iteration, point.value, problem.gradient_norm(point))
        following, gap = problem.next_point(point)
        converged = gap <= max(tolerance * (point.value - gap), FLOOR)
        if converged or following is None or iteration == last:
            break
        point = following
    minimum = point.value - gap
    return Solution(
        problem.unscaled(point.V),
        point.value,
        problem.gradient_norm(point),
        iteration,
        converged=bool(converged),
        message="Newton's method ended",
        relative_gap=float(gap / minimum) if minimum > 0 else np.inf,
    )


@dataclass(frozen=True)
class _Point:
    """An iterate: weights V of the scaled features, (m, K), logits, objective and gradient."""

    V: Vector
    Z: Vector
    value: float
    gradient: Vector


class _ScaledProblem:
    """The objective as a function of the weights of centred and scaled features."""

    def __init__(self, objective: LinearObjective) -> None:
        few = with_rows_in_memory(objective).computed_in(np.float64)
        columns = describe_columns(few)
        self._objective, self._y = objective, in_memory(few.rows).y
        self._shift, self._scale = columns.centre, columns.scale[:, None]
        if objective.intercept == "free":
            few = few.centred(self._shift / objective.scale)
        features = ScaledFeatures(few, scale=columns.scale, dtype=np.float64)
        self._A = np.ascontiguousarray(features(slice(None)).T)  # (m, N): sums run along rows
        self._penalties = features.penalties[:, None]
        self._weights = few.row_weights()
        self._d, self._K = objective.n_features, objective.n_outputs
        self._pairs = np.array([*combinations_with_replacement(range(self._K), 2)]).T

    def at(self, V: Vector) -> _Point:
        """Objective and gradient at V."""
        Z = (V.T @ self._A).T
        loss, R = self._objective.loss_and_residual(Z, self._y)
        penalised = self._penalties * V
        value = self._weights @ loss + np.vdot(penalised, V) / 2
        gradient = self._A @ (self._weights[:, None] * R) + penalised
        return _Point(V, Z, float(value), self._shift_free(gradient))

    def next_point(self, point: _Point) -> tuple[_Point | None, float]:
        """The point a step further, None without one; and how far this one is above the minimum."""
        if point.value <= FLOOR:  # no minimum is below zero
            return None, point.value
        step, exact = self._newton_step(point)
        decrement = float(np.vdot(point.gradient, step))
        alpha = 1.0
        for _ in range(HALVINGS):
            following = self.at(point.V - alpha * step)
            if following.value <= point.value * (1 + ROUNDING) - SUFFICIENT * alpha * decrement:
                break
            alpha /= 2
        else:
            return None, np.inf
        change = (step.T @ self._A).T
        if not exact or alpha < 1 or spread_of(change).max() > NEAR:
            return following, np.inf
        # Where the curvature falls along Newton's step, the minimum is lower than the step says.
        images = self._objective.curvature_product(following.Z, change)
        there = self._weights @ np.sum(images * change, axis=1)
        there += np.vdot(self._penalties * step, step)
        fall = max(1.0, decrement / there) if there > 0 else np.inf
        return following, SAFETY * decrement / 2 * fall

    def _newton_step(self, point: _Point) -> tuple[Vector, bool]:
        """H^-1 times the gradient, (m, K), and whether H is far enough from singular."""
        H = self._hessian(point.Z)
        U, root = scaled_cholesky(H)
        root = root.reshape(point.V.shape)
        solved, _ = dpotrs(U, (point.gradient / root).ravel())
        step = self._shift_free(solved.reshape(root.shape) / root)
        return step, float(np.diag(U).min()) ** 2 >= SMALLEST_PIVOT

    def _hessian(self, Z: Vector) -> Vector:
        """The Hessian where the logits are Z, (m K, m K)."""
        (m, N), K = self._A.shape, self._K
        if K == 1:  # half as many multiplications
            half = self._A * np.sqrt(self._objective.logit_curvature(Z)[:, 0] * self._weights)
            return half @ half.T + np.diag(self._penalties[:, 0])
        j, k = self._pairs
        D = self._objective.logit_hessian(Z)[j, k] * self._weights
        blocks = (D[:, None] * self._A).reshape(-1, N) @ self._A.T
        H = np.empty((m, K, m, K))
        H[:, j, :, k] = H[:, k, :, j] = blocks.reshape(-1, m, m)
        of = np.arange(m)  # curvature of common shifts of all classes, which steps leave out
        H[of, :, of, :] += np.einsum("jkjk->j", H)[:, None, None] / K**2
        square: Vector = H.reshape(m * K, m * K)
        square[np.diag_indices(m * K)] += np.repeat(self._penalties, K)
        return square

    def _shift_free(self, V: Vector) -> Vector:
        """Subtract the mean over all classes, on which the loss does not depend."""
        return V if self._K == 1 else V - V.sum(axis=1, keepdims=True) / self._K

    def scaled(self, w: Vector) -> Vector:
        """Weights V of the scaled features, (m, K), for a parameter vector, (size,)."""
        V = w.reshape(-1, self._K).copy()
        V[self._d :] += self._shift @ V[: self._d]
        V[: self._d] *= self._scale
        return self._shift_free(V)

    def unscaled(self, V: Vector) -> Vector:
        """The parameter vector, (size,), for weights of the scaled features, (m, K)."""
        w = V.copy()
        w[: self._d] /= self._scale
        w[self._d :] -= self._shift @ w[: self._d]
        return w.ravel()

    def gradient_norm(self, point: _Point) -> float:
        """Norm of the gradient with respect to the parameter vector."""
        G, g = point.gradient[: self._d] * self._scale, point.gradient[self._d :]
        if len(g):
            G = G + np.outer(self._shift, g)
        return float(np.sqrt(np.sum(G**2) + np.sum(g**2)))

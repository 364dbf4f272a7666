"""The objective in a solver's coordinates, and a first iterate from a sample of the rows."""

from __future__ import annotations

from itertools import islice

import numpy as np

from mnist_gradients.maths.linear_objective import LinearObjective, Vector
from mnist_gradients.maths.solvers.columns import Columns
from mnist_gradients.maths.solvers.coordinates import Coordinates
from mnist_gradients.maths.solvers.lbfgs import InverseHessian, Iterate, lbfgs_iterates
from mnist_gradients.maths.solvers.solution import norm

WARM_START_ROWS = 8_000  # at the most, a fifth of all, or the fewest that tell anything
WARM_START_WORK = 500_000  # multiplications of a product at the least
WARM_START_ITERATIONS = 16  # at the most,
SHORT_START_ITERATIONS = 8  # or so many, if the next step goes far enough,
WORTH_ITERATING = 0.004  # as long as one gains so much, relative to the objective
STEP_ITERATIONS = 4  # on a sample, at the most,
STEP_PRECISION = 0.05  # as long as the gradient is above this part of the first
RARE = 0.1  # of an even part of the weights: a class with less is rare


class LocalObjective:
    """The objective as a function of coordinates u, w = origin + A u.

    Attributes:
        weights: Parameter vector of the last evaluation, (size,).
        gradient: Gradient with respect to it, (size,).
    """

    def __init__(self, objective: LinearObjective, origin: Vector, coordinates: Coordinates):
        self.objective, self.origin, self.coordinates = objective, origin, coordinates
        self.weights, self.gradient = origin, np.zeros_like(origin)

    def __call__(self, u: Vector) -> tuple[float, Vector]:
        """Value and gradient with respect to u."""
        self.weights = self.origin + self.coordinates.weights(u)
        return self._seen(*self.objective(self.weights))

    def at_origin(self, value: float, gradient: Vector) -> tuple[float, Vector]:
        """The same at u = 0, given value and gradient with respect to w, (size,), there."""
        self.weights = self.origin
        return self._seen(value, gradient)

    def _seen(self, value: float, gradient: Vector) -> tuple[float, Vector]:
        self.gradient = gradient
        return value, self.coordinates.gradient(gradient)


def warm_start_rows(objective: LinearObjective) -> int:
    """Number of rows whose minimum is worth finding first; zero for none."""
    (N, d), K = objective.rows.shape, objective.n_outputs
    n = max(min(N // 5, WARM_START_ROWS), 2 * d, 100 * K)
    return n if 3 * n <= 2 * N and n * objective.size >= WARM_START_WORK else 0


def plain_start(objective: LinearObjective) -> Vector:
    """Zero, (size,), or the minimum over the intercept alone where a class is rare.

    ::

        b_k = log S_k - mean_j log S_j,     S_k = sum of the sample weights of class k + S / N

    There, most of the way from zero is that of the intercept.
    """
    K, weights = objective.n_outputs, np.zeros(objective.n_classes)
    weights[: len(objective.rows.class_weights)] = objective.rows.class_weights
    W, b = np.zeros((objective.n_features, K)), np.zeros(K)
    if objective.intercept == "free" and weights.min() < RARE * weights.mean():
        logarithms = np.log(weights + weights.sum() / objective.rows.shape[0])
        b = logarithms - logarithms.mean() if K > 1 else np.diff(logarithms)
    return objective.pack(W, b)


def warm_start(
    few: LinearObjective,
    columns: Columns,
    start: Vector,
    known: InverseHessian | None = None,
    *,
    iterations: int = WARM_START_ITERATIONS,
) -> tuple[Vector, InverseHessian]:
    """Minimise over a sample of the rows, as long as an iteration gains enough.

    Args:
        few: The objective on the sample.
        columns: Centre and scale of its features.
        start: First iterate, (size,).
        known: What was learned of the inverse Hessian on another sample.
        iterations: Largest number of iterations.

    Returns:
        The last iterate, (size,), and what has been learned of the inverse Hessian.
    """
    w, value = start, np.inf
    local = LocalObjective(few, w, Coordinates(few, columns.even()))
    iterates = lbfgs_iterates(local, np.zeros_like(w), known=known)
    for iterate in islice(iterates, iterations + 1):
        w = local.weights
        if iterate.value > (1 - WORTH_ITERATING) * value:
            break
        value = iterate.value
    return w, iterate.inverse_hessian


def step_on_sample(few: LinearObjective, local: LocalObjective, iterate: Iterate) -> Vector:
    """The step from an iterate to the minimum on a sample with the gradient of all rows.

    ::

        minimise  J_few(w + v) + (grad J(w) - grad J_few(w))^T v    over the step v

    Unlike Newton's, it takes into account how the curvature changes along it. In coordinates in
    which the Hessian is close to the identity, a few iterations suffice.

    Source: DANE (Shamir, Srebro and Zhang, "Communication-efficient distributed optimization using
    an approximate Newton-type method", ICML 2014).

    Args:
        few: The objective on a sample of the rows, whose Hessian is close to that of all.
        local: The objective on all rows, in its coordinates.
        iterate: An iterate of it.

    Returns:
        The step in these coordinates, (size,); that of L-BFGS if this one does not lead down.
    """
    on_sample = LocalObjective(few, local.origin, local.coordinates)
    u, gradient = iterate.weights, iterate.gradient
    value, of_sample = on_sample(u)
    missing = gradient - of_sample

    def corrected(v: Vector) -> tuple[float, Vector]:
        value, of_sample = on_sample(v)
        return value + float(missing @ (v - u)), of_sample + missing

    steps = lbfgs_iterates(corrected, u, preconditioned=True, at_start=(value, gradient))
    for step in islice(steps, STEP_ITERATIONS + 1):
        if norm(step.gradient) <= STEP_PRECISION * norm(gradient):
            break
    direction = step.weights - u
    return direction if direction @ gradient < 0 else iterate.direction

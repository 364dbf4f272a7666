"""Limited-memory BFGS, and the search for a step along its directions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mnist_gradients.maths.solvers.solution import (
    Callback,
    Differentiable,
    Objective,
    Solution,
    Vector,
    check_first_value,
    first_iterate,
    norm,
    report,
    solution,
)

FAR_FROM_ONE = 30  # curvature along a step that no Hessian close to the identity has


@dataclass
class Iterate:
    """One iterate of L-BFGS.

    Attributes:
        iteration: Steps taken so far.
        weights: Parameter vector, (size,).
        value: Objective there.
        gradient: Gradient there, (size,).
        curvature: Mean curvature of the objective along the last step; infinite at the start.
        direction: Direction of the next step, (size,).
        inverse_hessian: The last steps, as an estimate of the inverse Hessian.
        foreseen: Whether the last step was one whose curvature had been learned before it was made.
        learned: Whether the next one is.
    """

    iteration: int
    weights: Vector
    value: float
    gradient: Vector
    curvature: float
    direction: Vector
    inverse_hessian: InverseHessian
    foreseen: bool = False
    learned: bool = False

    @property
    def decrement(self) -> float:
        """g^T H^-1 g with the estimate of the inverse Hessian, twice the gap of a quadratic."""
        return -float(self.gradient @ self.direction)

    def learn(self, s: Vector, y: Vector) -> None:
        """Take s with y = H s, s^T y > 0, into account as if it were the last step."""
        self.inverse_hessian.learn(s, y, sets_scale=False)
        self.learned = True
        self.direction = -self.inverse_hessian.times(self.gradient)


def lbfgs(
    objective: Objective,
    start: Vector | None = None,
    *,
    max_iterations: int = 1_000,
    tolerance: float = 1e-6,
    memory: int = 10,
    callback: Callback | None = None,
) -> Solution:
    """Limited-memory BFGS: Newton's step with the curvature seen in the last few steps.

    ::

        w <- w - alpha B grad J(w),   B s.t. B (grad J_{k+1} - grad J_k) = w_{k+1} - w_k

    The step alpha meets the Wolfe conditions; alpha = 1 nearly always does.

    Source: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4 and 7.5.

    Args:
        objective: Value and gradient.
        start: First iterate, (size,); None for zero.
        max_iterations: Largest number of steps.
        tolerance: Stop once the norm of the gradient is at or below it.
        memory: Number of steps remembered.
        callback: Called with (iteration, objective, gradient norm), from iteration 0 on.

    Returns:
        The last iterate.
    """
    w = first_iterate(objective, start)
    failure = "no step lowers the objective further"
    for iterate in lbfgs_iterates(objective, w, memory):
        report(callback, iterate.iteration, iterate.value, iterate.gradient)
        if norm(iterate.gradient) <= tolerance:
            break
        if iterate.iteration == max_iterations:
            failure = "iteration limit reached"
            break
    return solution(
        iterate.weights, iterate.value, iterate.gradient, iterate.iteration, tolerance, failure
    )


def lbfgs_iterates(
    objective: Differentiable,
    start: Vector,
    memory: int = 10,
    *,
    preconditioned: bool = False,
    known: InverseHessian | None = None,
    at_start: tuple[float, Vector] | None = None,
) -> Iterator[Iterate]:
    """Iterates of :func:`lbfgs`, the start first, until no step is known to lower the objective.

    Args:
        objective: Value and gradient.
        start: First iterate, (size,).
        memory: Number of steps remembered.
        preconditioned: Whether the Hessian is expected to be close to the identity.
        known: What has been learned of the inverse Hessian before; it learns on.
        at_start: Value and gradient at the start, if they are known.

    Yields:
        One iterate after another; the caller decides when to stop.

    Raises:
        ValueError: If the objective is not finite at the start.
    """
    inverse_hessian = known or InverseHessian(memory, preconditioned=preconditioned)
    value, gradient = at_start or objective(start)
    check_first_value(value)

    def iterate_at(iteration: int, w: Vector, curvature: float, *, foreseen: bool) -> Iterate:
        ahead = -inverse_hessian.times(gradient), inverse_hessian
        return Iterate(iteration, w, value, gradient, curvature, *ahead, foreseen=foreseen)

    iterate = iterate_at(0, start, float("inf"), foreseen=False)
    yield iterate
    while step := wolfe_step(objective, iterate, iterate.direction):
        w, value, gradient = step
        s, y = w - iterate.weights, gradient - iterate.gradient
        if not s @ y > 0:  # lost in rounding
            return
        foreseen = iterate.learned
        inverse_hessian.learn(s, y, sets_scale=not foreseen)
        curvature = float(s @ y / (s @ s))
        iterate = iterate_at(iterate.iteration + 1, w, curvature, foreseen=foreseen)
        yield iterate


class InverseHessian:
    """Estimate of the inverse Hessian from the last few steps.

    Args:
        memory: Number of steps remembered.
        preconditioned: Whether the Hessian is expected to be close to the identity, until a step
            shows that it is not.
    """

    def __init__(self, memory: int = 10, *, preconditioned: bool = False) -> None:
        self._pairs: deque[tuple[Vector, Vector, float]] = deque(maxlen=memory)
        self._preconditioned = preconditioned
        self._fitting: float | None = None

    def learn(self, s: Vector, y: Vector, *, sets_scale: bool = True) -> None:
        """Remember a step s and the change y of the gradient over it, with s^T y > 0.

        Args:
            s: The step, (size,).
            y: The change, (size,).
            sets_scale: Whether directions that are not remembered resemble it.
        """
        curvature = float(s @ y)
        if curvature > FAR_FROM_ONE * float(s @ s):
            self._preconditioned = False
        self._pairs.append((s, y, curvature))
        if sets_scale or self._fitting is None:
            self._fitting = curvature / float(y @ y)

    def times(self, gradient: Vector) -> Vector:
        """The estimate times a gradient, (size,), by the two-loop recursion."""
        q = gradient.copy()
        coefficients = []
        for s, y, curvature in reversed(self._pairs):
            a = (s @ q) / curvature
            q -= a * y
            coefficients.append(a)
        r = self._scale(gradient) * q
        for (s, y, curvature), a in zip(self._pairs, reversed(coefficients), strict=True):
            r += (a - (y @ r) / curvature) * s
        return r

    def _scale(self, gradient: Vector) -> float:
        """The multiple of the identity that the recursion starts from.

        It fits the last step; without steps, the product is at most of length 1. If the Hessian is
        expected to be close to the identity, it is the mean of 1 and what fits the last step, and
        the first step is Newton's, damped where it is long.
        """
        if self._fitting is None:
            length = norm(gradient)
            return 1 / (1 + length) if self._preconditioned else 1 / max(1.0, length)
        return (1 + self._fitting) / 2 if self._preconditioned else self._fitting


def wolfe_step(
    objective: Differentiable, iterate: Iterate, direction: Vector, max_trials: int = 30
) -> tuple[Vector, float, Vector] | None:
    """Find a step along a descent direction that meets the weak Wolfe conditions.

    ::

        J(w + alpha p) <= J(w) + 1e-4 alpha grad J(w)^T p
        grad J(w + alpha p)^T p >= 0.9 grad J(w)^T p

    by steps ten times as long until a bracket is found (Lewis and Overton, "Nonsmooth optimization
    via quasi-Newton methods", 2013, who double them). It is narrowed by the secant through two
    slopes, or to a tenth where that did not halve it. Where the decrease drowns in the rounding of
    J, the first condition is replaced by its equivalent for a quadratic, in slopes alone (Hager and
    Zhang, "A new conjugate gradient method with guaranteed descent", 2005).

    Args:
        objective: Value and gradient.
        iterate: Where to start from.
        direction: Descent direction p, (size,).
        max_trials: Largest number of evaluations.

    Returns:
        Next iterate, objective and gradient there; None if there is no such step.
    """
    w, value = iterate.weights, iterate.value
    slope = float(iterate.gradient @ direction)
    if not slope < 0:
        return None
    rounding = 1e-6 * abs(value)
    alpha, low, slope_low, high = 1.0, 0.0, slope, np.inf
    for _ in range(max_trials):
        w_next = w + alpha * direction
        value_next, gradient_next = objective(w_next)
        slope_next = float(gradient_next @ direction)
        decreases = value_next <= value + 1e-4 * alpha * slope or (
            value_next <= value + rounding and slope_next <= (2e-4 - 1) * slope
        )
        if decreases and slope_next >= 0.9 * slope:
            return w_next, value_next, gradient_next
        secant = low  # of slopes that tell nothing, as after an overflow
        if slope_next > slope_low:
            secant += (alpha - low) * slope_low / (slope_low - slope_next)
        width = high - low
        if decreases:
            low, slope_low = alpha, slope_next
        else:
            high = alpha
        if np.isinf(high):
            alpha = 10 * low
        else:
            least, slow = 0.1 * (high - low), high - low > width / 2
            alpha = low + least if slow else min(max(secant, low + least), high - least)
    return None

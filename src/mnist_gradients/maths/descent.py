"""Minimise an objective that returns its value and its gradient together.

Each solver is one loop over evaluations of the objective. A pipeline picks solvers by name from
``SOLVERS``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Callback = Callable[[int, float, float], None]  # iteration (from 0), objective, gradient norm
Metric = Callable[[Vector], Vector]


class Objective(Protocol):
    """What a solver needs to know of an objective."""

    @property
    def size(self) -> int:
        """Length of the parameter vector."""

    def __call__(self, w: Vector) -> tuple[float, Vector]:
        """Value and gradient at w."""

    def lipschitz(self) -> float:
        """Lipschitz constant of the gradient."""


@dataclass(frozen=True)
class Solution:
    """Where a solver stopped, and why.

    Attributes:
        weights: Parameter vector, (size,).
        objective: Value of the objective there.
        gradient_norm: Euclidean norm of the gradient there.
        iterations: Steps taken.
        converged: Whether the stopping rule was met.
        message: Why the solver stopped, in words.
    """

    weights: Vector
    objective: float
    gradient_norm: float
    iterations: int
    converged: bool
    message: str


def gradient_descent(
    objective: Objective,
    start: Vector | None = None,
    *,
    step_size: float | None = None,
    max_iterations: int = 10_000,
    tolerance: float = 1e-6,
    callback: Callback | None = None,
) -> Solution:
    """The textbook rule with a constant step.

    ::

        w <- w - alpha grad J(w)

    With alpha = 1/L the objective never increases, and the gap shrinks like 1/iterations (like
    (1 - lambda/L)^iterations at last).

    Args:
        objective: Value and gradient.
        start: First iterate, (size,); None for zero.
        step_size: alpha; None for 1/L.
        max_iterations: Largest number of steps.
        tolerance: Stop once the norm of the gradient is at or below it.
        callback: Called with (iteration, objective, gradient norm), from iteration 0 on.

    Returns:
        The last iterate.
    """
    w = _first_iterate(objective, start)
    alpha = step_size or 1 / objective.lipschitz()
    value, gradient = objective(w)
    iteration = 0
    _report(callback, iteration, value, gradient)
    while _norm(gradient) > tolerance and iteration < max_iterations:
        iteration += 1
        w = w - alpha * gradient
        value, gradient = objective(w)
        _report(callback, iteration, value, gradient)
    return _solution(w, value, gradient, iteration, tolerance)


def accelerated_descent(
    objective: Objective,
    start: Vector | None = None,
    *,
    step_size: float | None = None,
    max_iterations: int = 10_000,
    tolerance: float = 1e-6,
    callback: Callback | None = None,
) -> Solution:
    """Nesterov's accelerated gradient, restarted whenever its momentum points uphill.

    ::

        v        <- w + (t - 1) / t' (w - w_previous),     t' = (1 + sqrt(1 + 4 t^2)) / 2
        w        <- v - alpha grad J(v)
        t        <- 1   if grad J(v)^T (w - w_previous) > 0,   else t'

    The gap shrinks like 1/iterations^2, and restarting recovers the linear rate of a strongly
    convex objective without knowing its constant.

    The callback and the solution see the points v, where the gradient is known.

    Source: Nesterov (1983); gradient restart of O'Donoghue and Candes, "Adaptive restart for
    accelerated gradient schemes", Found. Comput. Math. 15 (2015).

    Args:
        objective: Value and gradient.
        start: First iterate, (size,); None for zero.
        step_size: alpha; None for 1/L.
        max_iterations: Largest number of steps.
        tolerance: Stop once the norm of the gradient is at or below it.
        callback: Called with (iteration, objective, gradient norm), from iteration 0 on.

    Returns:
        The last point at which the gradient was evaluated.
    """
    v = w = _first_iterate(objective, start)
    alpha = step_size or 1 / objective.lipschitz()
    t = 1.0
    value, gradient = objective(v)
    iteration = 0
    _report(callback, iteration, value, gradient)
    while _norm(gradient) > tolerance and iteration < max_iterations:
        iteration += 1
        w_previous, w = w, v - alpha * gradient
        if gradient @ (w - w_previous) > 0:
            t = 1.0
        t_next = (1 + np.sqrt(1 + 4 * t**2)) / 2
        v = w + (t - 1) / t_next * (w - w_previous)
        t = t_next
        value, gradient = objective(v)
        _report(callback, iteration, value, gradient)
    return _solution(v, value, gradient, iteration, tolerance)


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

        w <- w - alpha H grad J(w),   H s.t. H (grad J_{k+1} - grad J_k) = w_{k+1} - w_k

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
    w = _first_iterate(objective, start)
    pairs: deque[tuple[Vector, Vector]] = deque(maxlen=memory)
    value, gradient = objective(w)
    iteration = 0
    _report(callback, iteration, value, gradient)
    while _norm(gradient) > tolerance and iteration < max_iterations:
        direction = -quasi_newton_product(pairs, gradient, scaled_identity(pairs, gradient))
        step = wolfe_step(objective, w, value, gradient, direction)
        if step is None:
            return _solution(
                w, value, gradient, iteration, tolerance, "no step lowers the objective further"
            )
        iteration += 1
        w_next, value, gradient_next = step
        pairs.append((w_next - w, gradient_next - gradient))
        w, gradient = w_next, gradient_next
        _report(callback, iteration, value, gradient)
    return _solution(w, value, gradient, iteration, tolerance)


def quasi_newton_product(
    pairs: deque[tuple[Vector, Vector]], gradient: Vector, initial_metric: Metric
) -> Vector:
    """Inverse Hessian, as the remembered steps show it, times the gradient (two-loop recursion).

    Args:
        pairs: Steps s and the changes y of the gradient over them, oldest first.
        gradient: Vector to multiply, (size,).
        initial_metric: Product with the inverse Hessian as it was before the oldest step.

    Returns:
        H gradient, (size,).
    """
    q = gradient.copy()
    coefficients = []
    for s, y in reversed(pairs):
        a = (s @ q) / (s @ y)
        q -= a * y
        coefficients.append(a)
    r = initial_metric(q)
    for (s, y), a in zip(pairs, reversed(coefficients), strict=True):
        r = r + (a - (y @ r) / (s @ y)) * s
    return r


def scaled_identity(pairs: deque[tuple[Vector, Vector]], gradient: Vector) -> Metric:
    """The multiple of the identity that fits the last step; a first step has length 1 at most."""
    if not pairs:
        return lambda q: q / max(1.0, _norm(gradient))
    s, y = pairs[-1]
    return lambda q: (s @ y) / (y @ y) * q


def wolfe_step(
    objective: Objective,
    w: Vector,
    value: float,
    gradient: Vector,
    direction: Vector,
    max_trials: int = 30,
) -> tuple[Vector, float, Vector] | None:
    """Find a step along a descent direction that meets the weak Wolfe conditions.

    ::

        J(w + alpha p) <= J(w) + 1e-4 alpha grad J(w)^T p
        grad J(w + alpha p)^T p >= 0.9 grad J(w)^T p

    by doubling until a bracket is found and then bisecting it (Lewis and Overton, "Nonsmooth
    optimization via quasi-Newton methods", 2013). Where the decrease drowns in the rounding of J,
    the first condition is replaced by its equivalent for a quadratic, in slopes alone (Hager and
    Zhang, "A new conjugate gradient method with guaranteed descent", 2005).

    Args:
        objective: Value and gradient.
        w: Current iterate, (size,).
        value: Objective at w.
        gradient: Gradient at w, (size,).
        direction: Descent direction p, (size,).
        max_trials: Largest number of evaluations.

    Returns:
        Next iterate, objective and gradient there; None if there is no such step.
    """
    slope = gradient @ direction
    if not slope < 0:
        return None
    rounding = 1e-6 * abs(value)
    alpha, low, high = 1.0, 0.0, np.inf
    for _ in range(max_trials):
        w_next = w + alpha * direction
        value_next, gradient_next = objective(w_next)
        slope_next = gradient_next @ direction
        decreases = value_next <= value + 1e-4 * alpha * slope or (
            value_next <= value + rounding and slope_next <= (2e-4 - 1) * slope
        )
        if decreases and slope_next >= 0.9 * slope:
            return w_next, value_next, gradient_next
        if decreases:
            low = alpha
        else:
            high = alpha
        alpha = 2 * low if np.isinf(high) else (low + high) / 2
    return None


def _first_iterate(objective: Objective, start: Vector | None) -> Vector:
    w = np.zeros(objective.size) if start is None else np.array(start, dtype=np.float64)
    if w.shape != (objective.size,):
        raise ValueError(f"start has shape {w.shape}, expected ({objective.size},)")
    return w


def _norm(gradient: Vector) -> float:
    return float(np.linalg.norm(gradient))


def _report(callback: Callback | None, iteration: int, value: float, gradient: Vector) -> None:
    if callback is not None:
        callback(iteration, value, _norm(gradient))


def _solution(
    w: Vector,
    value: float,
    gradient: Vector,
    iteration: int,
    tolerance: float,
    failure: str = "iteration limit reached",
) -> Solution:
    converged = _norm(gradient) <= tolerance
    message = f"gradient norm at or below {tolerance:g}" if converged else failure
    return Solution(w, value, _norm(gradient), iteration, converged, message)


SOLVERS: dict[str, Callable[..., Solution]] = {
    "gradient_descent": gradient_descent,
    "accelerated_descent": accelerated_descent,
    "lbfgs": lbfgs,
}

"""The textbook rule with a constant step, and its acceleration."""

from __future__ import annotations

import numpy as np

from mnist_gradients.maths.solvers.solution import (
    Callback,
    Objective,
    Solution,
    Vector,
    first_iterate,
    norm,
    report,
    solution,
)


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
    w = first_iterate(objective, start)
    alpha = 1 / objective.lipschitz() if step_size is None else step_size
    value, gradient = objective(w)
    iteration = 0
    report(callback, iteration, value, gradient)
    while norm(gradient) > tolerance and iteration < max_iterations:
        iteration += 1
        w = w - alpha * gradient
        value, gradient = objective(w)
        report(callback, iteration, value, gradient)
    return solution(w, value, gradient, iteration, tolerance)


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

    The callback and the solution have the points v, where the gradient is computed.

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
    v = w = first_iterate(objective, start)
    alpha = 1 / objective.lipschitz() if step_size is None else step_size
    t = 1.0
    value, gradient = objective(v)
    iteration = 0
    report(callback, iteration, value, gradient)
    while norm(gradient) > tolerance and iteration < max_iterations:
        iteration += 1
        w_previous, w = w, v - alpha * gradient
        if gradient @ (w - w_previous) > 0:
            t = 1.0
        t_next = (1 + np.sqrt(1 + 4 * t**2)) / 2
        v = w + (t - 1) / t_next * (w - w_previous)
        t = t_next
        value, gradient = objective(v)
        report(callback, iteration, value, gradient)
    return solution(v, value, gradient, iteration, tolerance)

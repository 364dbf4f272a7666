"""What every solver takes and gives: an objective, a callback, a solution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.maths.checking import check_shape, mismatch

Vector = NDArray[np.float64]
Callback = Callable[[int, float, float], None]  # iteration (from 0), objective, gradient norm


class Differentiable(Protocol):
    """A function that returns its value and its gradient together."""

    def __call__(self, w: Vector, /) -> tuple[float, Vector]:
        """Value and gradient at w."""


class Objective(Differentiable, Protocol):
    """What a solver needs to know of an objective."""

    @property
    def size(self) -> int:
        """Length of the parameter vector."""

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
        relative_gap: Estimate of (J - J*) / J*; NaN from solvers that do not estimate it.
    """

    weights: Vector
    objective: float
    gradient_norm: float
    iterations: int
    converged: bool
    message: str
    relative_gap: float = float("nan")


def first_iterate(objective: Objective, start: Vector | None) -> Vector:
    """Check a start, or begin at zero.

    Raises:
        ValueError: If the start has not the length that the objective asks for.
    """
    w = np.zeros(objective.size) if start is None else np.array(start, dtype=np.float64)
    check_shape("start", w, (objective.size,))
    return w


def check_first_value(value: float) -> None:
    """Check the objective at the first iterate.

    Raises:
        ValueError: If it is not finite.
    """
    if not np.isfinite(value):
        raise mismatch(
            "objective",
            f"{value} at the first iterate",
            "a finite number; the data or the start holds values that are infinite, too large or "
            "not a number",
        )


def norm(gradient: Vector) -> float:
    """Euclidean norm."""
    return float(np.linalg.norm(gradient))


def report(callback: Callback | None, iteration: int, value: float, gradient: Vector) -> None:
    """Tell the callback, if there is one, where a solver stands."""
    if callback is not None:
        callback(iteration, value, norm(gradient))


def solution(
    w: Vector,
    value: float,
    gradient: Vector,
    iteration: int,
    tolerance: float,
    failure: str = "iteration limit reached",
) -> Solution:
    """Where a solver stopped that asks for a small gradient; ``failure`` says why if it is not."""
    converged = norm(gradient) <= tolerance
    message = f"gradient norm at or below {tolerance:g}" if converged else failure
    return Solution(w, value, norm(gradient), iteration, converged, message)


def reached(relative_gap: float, tolerance: float) -> str:
    """Why a solver stopped that has converged down to a relative gap, in words."""
    if relative_gap <= tolerance:
        return f"relative gap at most {tolerance:g}"
    return "objective within rounding of its minimum"

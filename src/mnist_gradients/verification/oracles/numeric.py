"""Numeric oracle: derivatives from values of the objective alone, in float64."""

from collections.abc import Callable

import numpy as np

from mnist_gradients.verification.derivation import Array, Derivation

# The error of a central difference is step^2 / 6 times the third derivative, plus rounding of about
# 1e-16 / step: least near the cube root of 1e-16.
CENTRAL_STEP = 6e-6
# A complex step subtracts nothing; with so small a step its truncation error vanishes, too.
COMPLEX_STEP = 1e-100

Difference = Callable[[Callable[[Array], complex], Array, Array, float], float]


def central_difference(f: Callable[[Array], complex], at: Array, e: Array, h: float) -> float:
    """``(f(x + h e) - f(x - h e)) / 2h``: error of order h^2, and rounding of order 1/h."""
    return float(np.real(f(at + h * e) - f(at - h * e))) / (2 * h)


def forward_difference(f: Callable[[Array], complex], at: Array, e: Array, h: float) -> float:
    """``(f(x + h e) - f(x)) / h``: error of order h, and rounding of order 1/h."""
    return float(np.real(f(at + h * e) - f(at))) / h


def complex_step(f: Callable[[Array], complex], at: Array, e: Array, h: float) -> float:
    """``Im f(x + i h e) / h``: error of order h^2, and no subtraction, hence no cancellation.

    Squire and Trapp, "Using complex variables to estimate derivatives of real functions" (1998).
    """
    return float(np.imag(f(at + 1j * h * e))) / h


def gradients(derivation: Derivation, difference: Difference, step: float) -> list[Array]:
    """Gradient with respect to every argument, one coordinate after the other.

    Args:
        derivation: Its objective is evaluated around its point.
        difference: Which difference quotient to take.
        step: Its step h.

    Returns:
        One array per argument, of the argument's shape.
    """
    found = []
    for name in derivation.arguments:
        at = np.asarray(derivation.point[name], dtype=np.float64)

        def along(value: Array, name: str = name) -> complex:
            return derivation.objective(**{**derivation.point, name: value})

        slopes = [difference(along, at, e.reshape(at.shape), step) for e in np.eye(at.size)]
        found.append(np.reshape(slopes, at.shape))
    return found


def central_jacobian(f: Callable[[Array], Array], at: Array) -> Array:
    """Derivative of a vector-valued function of a vector, one column per coordinate."""
    h = CENTRAL_STEP
    return np.column_stack([(f(at + h * e) - f(at - h * e)) / (2 * h) for e in np.eye(at.size)])


def central_differences(derivation: Derivation) -> list[Array]:
    """Gradients by central differences at the best step for float64."""
    return gradients(derivation, central_difference, CENTRAL_STEP)


def complex_steps(derivation: Derivation) -> list[Array] | None:
    """Gradients by complex steps, exact to rounding; None if the code takes real numbers only."""
    return gradients(derivation, complex_step, COMPLEX_STEP) if derivation.analytic else None

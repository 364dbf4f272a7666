"""Symbolic oracle: SymPy differentiates the objective, by rules instead of numbers.

Two different statements come out of it. A *proof* holds for every value of every quantity (of the
small sizes at hand): derivative minus hand-derived formula is identically zero. An *exact
derivative* is the symbolic derivative evaluated in 40-digit arithmetic at one point, where it
judges the code: a float64 is a rational number, so both see the same point.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mnist_gradients.verification.derivation import (
    VALUE,
    Array,
    Derivation,
    Equality,
)

DIGITS = 40


def unproven(derivation: Derivation) -> list[float] | None:
    """Per argument 0 if formula and derivative are identical, else infinity; None if no formula."""
    import sympy as sp

    if derivation.symbolic_gradients is None:
        return None
    symbols = declare(derivation.point, derivation.probabilities)
    formulas = derivation.symbolic_gradients(sp, **symbols)
    return [
        0.0 if vanishes(d - f for d, f in zip(derivative, formula, strict=True)) else np.inf
        for derivative, formula in zip(_derivatives(derivation, symbols), formulas, strict=True)
    ]


def exact_derivatives(derivation: Derivation) -> list[Array]:
    """Symbolic derivative with respect to every argument, evaluated at the point."""
    symbols = declare(derivation.point, derivation.probabilities)
    derivatives = _derivatives(derivation, symbols)
    values = evaluate(
        [entry for array in derivatives for entry in array], derivation.point, symbols
    )
    shapes = [np.shape(derivation.point[name]) for name in derivation.arguments]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(values, ends), shapes, strict=True)]


def exact_values(function: Callable[..., Sequence[Any]], point: Mapping[str, ArrayLike]) -> Array:
    """Entries of a function of SymPy and named quantities, computed with 40-digit numbers."""
    import sympy as sp

    numbers = {}
    for name, value in point.items():
        matrix = sp.Matrix(np.atleast_1d(value)).applyfunc(lambda v: sp.Float(float(v), DIGITS))
        numbers[name] = matrix if np.ndim(value) else matrix[0]
    return np.array([float(sp.N(entry, DIGITS)) for entry in function(sp, **numbers)])


def value_check(identity: str, derivation: Derivation) -> Equality:
    """The objective itself, which differences take for granted: our code against its definition."""
    return Equality(
        identity,
        VALUE,
        lambda: derivation.objective(**derivation.point),
        lambda: exact_values(
            lambda sp, **at: [derivation.symbolic_objective(sp, **at)], derivation.point
        )[0],
    )


def unproven_residuals(
    residuals: Callable[..., Sequence[Any]],
    point: Mapping[str, ArrayLike],
    probabilities: Sequence[str] = (),
) -> list[float]:
    """Per residual 0 if it is identically zero, else infinity; the point gives but the shapes."""
    import sympy as sp

    symbols = declare(point, probabilities)
    return [0.0 if vanishes([r]) else np.inf for r in residuals(sp, **symbols)]


def declare(point: Mapping[str, ArrayLike], probabilities: Sequence[str] = ()) -> dict[str, Any]:
    """One symbol per number: scalars as symbols, vectors as columns, matrices as matrices.

    The last entry of every row (or of the column) of a quantity in `probabilities` is one minus the
    others.
    """
    import sympy as sp

    symbols: dict[str, Any] = {}
    for name, value in point.items():
        shape = np.shape(value)
        if not shape:
            symbols[name] = sp.Symbol(name)
            continue
        rows, columns = (*shape, 1)[:2]
        matrix = sp.Matrix(rows, columns, lambda i, j, name=name: sp.Symbol(f"{name}_{i}_{j}"))
        if name in probabilities:
            for row in [matrix.T] if columns == 1 else [matrix[i, :] for i in range(rows)]:
                matrix = matrix.subs(row[-1], 1 - sum(row[:-1]))
        symbols[name] = matrix
    return symbols


def vanishes(expressions: Iterable[Any]) -> bool:
    """Whether every expression is identically zero: over one denominator, its numerator is.

    First each exponential counts as one more unknown, which is quick and nearly always enough; only
    then are sums in exponents taken apart.
    """
    import sympy as sp

    def is_zero(e: Any) -> bool:
        return sp.expand(sp.fraction(sp.together(e))[0]) == 0

    def opaque(e: Any) -> Any:
        return e.xreplace({exponential: sp.Dummy() for exponential in e.atoms(sp.exp)})

    return all(is_zero(opaque(e)) or is_zero(e) for e in map(sp.sympify, expressions))


def evaluate(
    expressions: Sequence[Any], point: Mapping[str, ArrayLike], symbols: Mapping[str, Any]
) -> Array:
    """Evaluate expressions at the point in arithmetic of 40 digits, then round to float64."""
    import mpmath  # type: ignore[import-untyped]
    import sympy as sp

    names = declare(point)
    flat = [s for name in symbols for s in (names[name] if np.ndim(point[name]) else [names[name]])]
    numbers = [mpmath.mpf(float(v)) for name in symbols for v in np.ravel(point[name])]
    with mpmath.workdps(DIGITS):
        values = sp.lambdify(flat, list(expressions), modules="mpmath", cse=True)(*numbers)
    return np.array([float(value) for value in values])


def _derivatives(derivation: Derivation, symbols: Mapping[str, Any]) -> list[list[Any]]:
    """Entries of the derivative with respect to every argument, row by row."""
    import sympy as sp

    J = derivation.symbolic_objective(sp, **symbols)
    return [[sp.diff(J, entry) for entry in symbols[name]] for name in derivation.arguments]

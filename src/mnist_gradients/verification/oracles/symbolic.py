"""Symbolic oracle: SymPy differentiates the objective, by rules instead of numbers.

It makes two kinds of statement. A *proof* holds for every value of every quantity (of the small
sizes used here): derivative minus hand-derived formula is identically zero. An *exact derivative*
is the symbolic derivative evaluated in 40-digit arithmetic at one point, against which the code is
checked. A float64 is a rational number, so that both are evaluated at the same point.
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
    """Derivative with respect to every argument at the point, in 40 digits, rounded to float64.

    The objective is split into its common subexpressions s, and SymPy differentiates each of them.
    The chain rule adds up the values, from the last subexpression (J) to the first::

        dJ/dv = sum_s dJ/ds ds/dv     over all s that contain v
    """
    import mpmath  # type: ignore[import-untyped]
    import sympy as sp

    J = derivation.symbolic_objective(sp, **declare(derivation.point, derivation.probabilities))
    names = {name: np.ravel(entries) for name, entries in declare(derivation.point).items()}
    with mpmath.workdps(DIGITS):
        values = {
            symbol: mpmath.mpf(float(value))
            for name, symbols in names.items()
            for symbol, value in zip(symbols, np.ravel(derivation.point[name]), strict=True)
        }
        subexpressions, (last,) = sp.cse(J)
        slopes = []
        for s, expression in [*subexpressions, (J, last)]:
            values[s], partial = _value_and_slopes(expression, values)
            slopes.append((s, partial))
        total = dict.fromkeys(values, mpmath.mpf(0)) | {J: mpmath.mpf(1)}
        for s, partial in reversed(slopes):
            for v, slope in partial.items():
                total[v] += total[s] * slope
    return [
        np.array([float(total[symbol]) for symbol in names[name]]).reshape(
            np.shape(derivation.point[name])
        )
        for name in derivation.arguments
    ]


def _value_and_slopes(expression: Any, values: Mapping[Any, Any]) -> tuple[Any, dict[Any, Any]]:
    """Value of an expression, and its derivative with respect to each of its numbers.

    The values of some symbols are true or false: the conditions of a piecewise function.
    """
    import sympy as sp

    symbols = sorted(expression.free_symbols, key=str)
    is_condition = expression.is_Relational or expression.is_Boolean
    numbers = [v for v in symbols if not (is_condition or isinstance(values[v], bool))]
    wanted = [expression, *(sp.diff(expression, v) for v in numbers)]
    value, *slopes = sp.lambdify(symbols, wanted, modules="mpmath")(*(values[v] for v in symbols))
    return value, dict(zip(numbers, slopes, strict=True))


def exact_values(function: Callable[..., Sequence[Any]], point: Mapping[str, ArrayLike]) -> Array:
    """Entries of a function of SymPy and named quantities, computed with 40-digit numbers."""
    import sympy as sp

    numbers = {}
    for name, value in point.items():
        matrix = sp.Matrix(np.atleast_1d(value)).applyfunc(lambda v: sp.Float(float(v), DIGITS))
        numbers[name] = matrix if np.ndim(value) else matrix[0]
    return np.array([float(sp.N(entry, DIGITS)) for entry in function(sp, **numbers)])


def value_check(identity: str, derivation: Derivation) -> Equality:
    """The objective itself, which difference quotients assume: our code against its definition."""
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
    """Per residual 0 if it is identically zero, else infinity; only the point's shapes are used."""
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

    Each function, such as an exponential, first counts as one more unknown: the numerator is then a
    polynomial, whose arithmetic is fast. If it is not zero, sums in exponents are expanded.
    """
    import sympy as sp

    def opaque(e: Any) -> Any:
        return e.xreplace({function: sp.Dummy() for function in e.atoms(sp.Function)})

    return all(
        _is_zero_polynomial(_numerator(opaque(e))) or sp.expand(_numerator(e)) == 0
        for e in map(sp.sympify, expressions)
    )


def _numerator(e: Any) -> Any:
    """Numerator of an expression over one denominator."""
    import sympy as sp

    return sp.fraction(sp.together(e))[0]


def _is_zero_polynomial(e: Any) -> bool:
    """Whether an expression is a polynomial with rational coefficients that are all zero."""
    import sympy as sp

    unknowns = e.free_symbols or {sp.Dummy()}
    try:
        return bool(sp.ring(sorted(unknowns, key=str), sp.QQ)[0].from_expr(e) == 0)
    except ValueError:  # not a polynomial, or of irrational coefficients
        return False


def _derivatives(derivation: Derivation, symbols: Mapping[str, Any]) -> list[list[Any]]:
    """Entries of the derivative with respect to every argument, row by row."""
    import sympy as sp

    J = derivation.symbolic_objective(sp, **symbols)
    return [[sp.diff(J, entry) for entry in symbols[name]] for name in derivation.arguments]

"""Check every identity by every oracle that applies to it, and tabulate the errors."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mnist_gradients.verification.derivation import (
    CENTRAL,
    COMPLEX,
    EXACT,
    PROOF,
    TAPE,
    Array,
    Derivation,
    Equality,
)
from mnist_gradients.verification.identities import (
    logistic,
    network,
    optimisers,
    softmax,
    softmax_regression,
    solvers,
    updates,
)
from mnist_gradients.verification.oracles import autodiff, numeric, symbolic


class Row(NamedTuple):
    """One identity, checked by one oracle."""

    identity: str
    oracle: str
    max_abs_error: float
    tolerance: float
    holds: bool


class Oracle(NamedTuple):
    """A second way to obtain the gradients of a derivation.

    Attributes:
        errors: Largest absolute error per argument of a derivation; None where it does not apply.
        tolerance: Largest error that the oracle's own inaccuracy explains.
    """

    errors: Callable[[Derivation], list[float] | None]
    tolerance: float


def against(
    oracle: Callable[[Derivation], list[Array] | None],
) -> Callable[..., list[float] | None]:
    """Errors of our gradients against those of an oracle."""

    def errors(derivation: Derivation) -> list[float] | None:
        expected = oracle(derivation)
        if expected is None:
            return None
        found = derivation.gradients(**derivation.point)
        return [largest_difference(a, b) for a, b in zip(found, expected, strict=True)]

    return errors


ORACLES = {
    PROOF: Oracle(symbolic.unproven, tolerance=0.0),
    EXACT: Oracle(against(symbolic.exact_derivatives), tolerance=1e-13),
    COMPLEX: Oracle(against(numeric.complex_steps), tolerance=1e-13),
    CENTRAL: Oracle(against(numeric.central_differences), tolerance=1e-8),
    TAPE: Oracle(against(autodiff.tape_gradients), tolerance=1e-13),
}

IDENTITIES = (softmax, logistic, updates, softmax_regression, network, solvers, optimisers)


def run_checks(seed: int, skipped: Collection[str] = ()) -> pd.DataFrame:
    """Check every identity.

    Args:
        seed: Seed of the points at which the code is checked.
        skipped: Names of oracles to leave out.

    Returns:
        One row per (identity, oracle): identity, oracle, max_abs_error, tolerance, holds.
    """
    rng = np.random.default_rng(seed)
    return table((check for module in IDENTITIES for check in module.checks(rng)), skipped)


def table(checks: Iterable[Derivation | Equality], skipped: Collection[str] = ()) -> pd.DataFrame:
    """One row per identity of each check and oracle that applies to it."""
    rows: list[Row] = []
    for check in checks:
        if isinstance(check, Derivation):
            rows += derivation_rows(check, skipped)
        elif check.oracle not in skipped:
            error = largest_difference(check.ours(), check.expected())
            rows.append(_row(check.identity, check.oracle, error, check.tolerance))
    return pd.DataFrame(rows, columns=Row._fields)


def derivation_rows(derivation: Derivation, skipped: Collection[str] = ()) -> Iterator[Row]:
    """One row per statement of a derivation and oracle that applies to it."""
    for name, oracle in ORACLES.items():
        errors = None if name in skipped else oracle.errors(derivation)
        if errors is None:
            continue
        by_argument = dict(zip(derivation.arguments, errors, strict=True))
        for identity, arguments in derivation.statements.items():
            error = max(by_argument[argument] for argument in arguments)
            yield _row(identity, name, error, oracle.tolerance)


def largest_difference(a: ArrayLike, b: ArrayLike) -> float:
    """Largest absolute difference; infinite if a number is NaN or the shapes differ."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if b.ndim > 0 and a.shape != b.shape:
        return np.inf
    return float(np.nan_to_num(np.abs(a - b), nan=np.inf).max())


def _row(identity: str, oracle: str, error: float, tolerance: float) -> Row:
    return Row(identity, oracle, error, tolerance, error <= tolerance)

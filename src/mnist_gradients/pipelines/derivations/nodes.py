"""Nodes of the derivations: judge every identity, sweep the step, train the twins, insist."""

import logging
from typing import Any

import pandas as pd

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.verification import checks, step_sweep
from mnist_gradients.verification import parity_check as twin
from mnist_gradients.verification.parameters import DerivationsParameters

logger = logging.getLogger(__name__)


def check_identities(parameters: DerivationsParameters, seed: int) -> pd.DataFrame:
    """Judge every identity by every oracle that applies to it and is not left out.

    Returns:
        One row per identity and oracle: identity, oracle, max_abs_error, tolerance, holds.
    """
    table = checks.run_checks(seed, parameters.leave_out)
    logger.info("%d of %d checks hold", table["holds"].sum(), len(table))
    return table


def sweep_step(parameters: DerivationsParameters, seed: int) -> pd.DataFrame:
    """Measure the error of difference quotients against their step (see `step_sweep.sweep`)."""
    return step_sweep.sweep(parameters.step_sweep, seed)


def train_twins(
    train: LabelledImages, parameters: DerivationsParameters, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train the NumPy network and its Keras twin on the same mini-batches (see `twin.train_twins`).

    Returns:
        The losses of every iteration, and the largest differences.
    """
    history, summary = twin.train_twins(train, parameters.twin, seed)
    for dtype in twin.DTYPES:
        logger.info(
            "twins in %s: losses differ by at most %.1e over %d iterations",
            dtype,
            summary[dtype]["largest_loss_difference"],
            summary["iterations"],
        )
    return history, summary


def require_checks_hold(table: pd.DataFrame, twin_summary: dict[str, Any]) -> None:
    """Fail the run if an identity does not hold or the twins part in float64.

    Raises:
        ValueError: If so; it names every such identity with its numbers.
    """
    complaints = [
        f"{row.identity} [{row.oracle}]: found an error of {row.max_abs_error:.3g}, "
        f"expected at most {row.tolerance:.3g}"
        for row in table[~table["holds"]].itertuples()
    ]
    difference = twin_summary["float64"]["largest_loss_difference"]
    tolerance = twin_summary["float64_tolerance"]
    if not difference < tolerance:
        complaints.append(
            f"twin networks in float64: found losses that differ by {difference:.3g}, "
            f"expected less than {tolerance:.3g}"
        )
    for complaint in complaints:
        logger.error("does not hold: %s", complaint)
    if complaints:
        raise ValueError(f"{len(complaints)} checks do not hold: {'; '.join(complaints)}")

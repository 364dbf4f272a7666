"""Nodes of the derivations: check identities, sweep the step, compare two networks."""

import logging
from typing import Any

import pandas as pd

from mnist_gradients import report
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.pipelines.derivations.parameters import DerivationsParameters
from mnist_gradients.report.summaries import summarise_checks
from mnist_gradients.verification import checks, parity_check, shift_sweep, step_sweep

logger = logging.getLogger(__name__)


def check_identities(parameters: DerivationsParameters, seed: int) -> pd.DataFrame:
    """Check every identity by every oracle that applies to it and is not skipped.

    Returns:
        One row per identity and oracle: identity, oracle, max_abs_error, tolerance, holds.
    """
    logger.info("    proving and checking the identities: up to half a minute")
    table = checks.run_checks(seed, parameters.skipped_oracles)
    logger.info("%d of %d checks hold", table["holds"].sum(), len(table))
    return table


def sweep_step(parameters: DerivationsParameters, seed: int) -> pd.DataFrame:
    """Measure the error of difference quotients against their step (see `step_sweep.sweep`)."""
    return step_sweep.sweep(parameters.step_sweep, seed)


def sweep_shift(seed: int) -> pd.DataFrame:
    """Measure the error of the softmax of shifted logits (see `shift_sweep.sweep`)."""
    return shift_sweep.sweep(seed)


def run_parity_check(
    train: LabelledImages, parameters: DerivationsParameters, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train the reference network and a Keras network on the same mini-batches.

    Returns:
        The losses of every iteration, and the largest differences: see
        `parity_check.run_parity_check`.
    """
    history, summary = parity_check.run_parity_check(train, parameters.parity_check, seed)
    for dtype in parity_check.DTYPES:
        logger.info(
            "parity check in %s: losses differ by at most %.1e over %d iterations",
            dtype,
            summary[dtype]["largest_loss_difference"],
            summary["iterations"],
        )
    return history, summary


def require_checks_hold(table: pd.DataFrame, parity_check_summary: dict[str, Any]) -> None:
    """Fail the run if an identity does not hold or the two networks differ in float64.

    Raises:
        ValueError: If so; it names every such identity with its numbers.
    """
    messages = [
        f"{row.identity} [{row.oracle}]: found an error of {row.max_abs_error:.3g}, "
        f"expected at most {row.tolerance:.3g}"
        for row in table[~table["holds"]].itertuples()
    ]
    difference = parity_check_summary["float64"]["largest_loss_difference"]
    tolerance = parity_check_summary["float64_tolerance"]
    if not difference < tolerance:
        messages.append(
            f"parity check in float64: found losses that differ by {difference:.3g}, "
            f"expected less than {tolerance:.3g}"
        )
    for message in messages:
        logger.error("does not hold: %s", message)
    if messages:
        raise ValueError(f"{len(messages)} checks do not hold: {'; '.join(messages)}")


def write_section(
    table: pd.DataFrame,
    parity_check_summary: dict[str, Any],
    parameters: DerivationsParameters,
    **figures: bytes,
) -> str:
    """Write the section of the report about the derivations, with all figures."""
    return report.write_section(
        "derivations",
        parameters={"derivations": parameters},
        checks=table,
        oracles=summarise_checks(table),
        parity_check=parity_check_summary,
        **figures,
    )

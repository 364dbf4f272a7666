"""Nodes of the ensemble: train its members, and evaluate them alone and together."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients import report
from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.trained_network import TrainedNetwork
from mnist_gradients.maths.checking import mismatch
from mnist_gradients.pipelines.ensemble.parameters import EnsembleParameters
from mnist_gradients.training.evaluation import (
    log_probabilities,
    named_metrics,
    tabulate_predictions,
)
from mnist_gradients.training.members import Member, list_members, train_member
from mnist_gradients.training.normalisations import normalise
from mnist_gradients.training.sets import TrainingSets

logger = logging.getLogger(__name__)

Members = dict[str, Callable[[], TrainedNetwork]]


def train_members(
    train: LabelledImages,
    validation: LabelledImages,
    test: LabelledImages,
    parameters: EnsembleParameters,
    seed: int,
) -> tuple[Members, list[dict[str, Any]]]:
    """Return the training of each member as a task: a function without arguments.

    The tasks are independent of each other. The catalog runs those whose result is not saved yet,
    and saves each result when it is complete.

    Returns:
        The tasks by the name of the training, and the members in order: training, seed and
        normalisation of each.

    Raises:
        ValueError: If a normalised width exceeds that of the images.
    """
    width = train.images.shape[2]
    for normalisation in parameters.normalisations:
        if isinstance(normalisation, int) and normalisation > width:
            raise mismatch(
                "parameter ensemble.normalisations",
                normalisation,
                f"a width of at most {width}, that of the images",
            )
    network = parameters.network
    sets = TrainingSets.choose(
        train, validation, test, train_on_validation=network.train_on_validation
    )
    members = list(list_members(sets, network, parameters.normalisations, seed))
    tasks: Members = {
        member.training: partial(train_member, member, sets, network) for member in members
    }
    return tasks, [asdict(member) for member in members]


def evaluate_ensemble(
    trained: Members,
    members: list[dict[str, Any]],
    validation: LabelledImages,
    test: LabelledImages,
    parameters: EnsembleParameters,
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Evaluate each member, and the ensemble, whose probabilities are the mean of the members'.

    Returns:
        Metrics: test_error, test_loss and test_expected_calibration_error of the ensemble; mean and
        standard deviation of the members' test errors (null for one member); the same for the
        validation images unless they were trained on; trainings, the members' names.
        Comparison: a row per member, and one for the ensemble: member, normalisation,
        train_seconds, test_error, test_loss, and the same for validation.
        Predictions of the ensemble on the test images: see `tabulate_predictions`; and
        wrong_members, the number of members that are wrong.
    """
    evaluated = {"test": test}
    if not parameters.network.train_on_validation:
        evaluated["validation"] = validation
    rows: list[dict[str, Any]] = []
    log_p: dict[str, list[np.ndarray]] = {name: [] for name in evaluated}
    for entry in members:
        member = Member(**entry)
        row, log_p_of_member = _evaluate_member(member, trained[member.training](), evaluated)
        rows.append(row)
        for name, values in log_p_of_member.items():
            log_p[name].append(values)
    together = {
        name: np.logaddexp.reduce(values, axis=0) - np.log(len(values))
        for name, values in log_p.items()
    }
    of_ensemble = _metrics(together, evaluated)
    of_members = pd.DataFrame(rows)
    total = {"member": "ensemble", "train_seconds": of_members["train_seconds"].sum()}
    comparison = pd.DataFrame([*rows, total | of_ensemble])
    metrics: dict[str, Any] = {**of_ensemble}
    metrics["trainings"] = [entry["training"] for entry in members]
    for name in evaluated:
        metrics |= _spread(f"members_{name}_error", of_members[f"{name}_error"])
    predictions = tabulate_predictions(together["test"], test)
    wrong = np.argmax(log_p["test"], axis=2) != test.labels
    logger.info(
        "    test error of %d members: %.2f %% (mean), of the ensemble: %.2f %%",
        len(members),
        100 * metrics["members_test_error_mean"],
        100 * metrics["test_error"],
    )
    return metrics, comparison, predictions.assign(wrong_members=wrong.sum(axis=0))


def write_section(metrics: dict[str, Any], comparison: pd.DataFrame) -> str:
    """Write the section of the report about the ensemble."""
    return report.write_section("ensemble", metrics=metrics, comparison=comparison)


def _evaluate_member(
    member: Member, trained: TrainedNetwork, evaluated: dict[str, LabelledImages]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return a member's row of the comparison, and its log probabilities for each set."""
    log_p = {
        name: log_probabilities(trained.network, normalise(labelled, member.normalisation))
        for name, labelled in evaluated.items()
    }
    row = {
        "member": f"seed {member.seed}",
        "normalisation": member.normalisation,
        "train_seconds": trained.cost["train_seconds"],
    }
    return row | _metrics(log_p, evaluated), log_p


def _metrics(
    log_p: dict[str, np.ndarray], evaluated: dict[str, LabelledImages]
) -> dict[str, float]:
    """Return the metrics of predictions on each set."""
    metrics: dict[str, float] = {}
    for name, labelled in evaluated.items():
        metrics |= named_metrics(name, log_p[name], labelled)
    return metrics


def _spread(name: str, values: pd.Series) -> dict[str, float | None]:
    """Return the mean of values and their standard deviation, None for a single value."""
    deviation = float(values.std()) if len(values) > 1 else None
    return {f"{name}_mean": float(values.mean()), f"{name}_standard_deviation": deviation}

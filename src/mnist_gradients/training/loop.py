"""Train the network and record the true loss of every iteration.

Keras' `fit` gives callbacks the running mean of the epoch, not the loss of the latest iteration,
and returns to Python after every iteration. Here the training images stay in memory as one tensor,
and one compiled call runs all iterations up to the next evaluation and returns the loss and the
accuracy of each.
"""

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.core.trained_network import TrainedNetwork
from mnist_gradients.maths.checking import mismatch
from mnist_gradients.training.batches import Batch, draw_batches, stack
from mnist_gradients.training.checkpoints import Checkpoint, Progress, resume
from mnist_gradients.training.compiled import (
    Evaluate,
    Run,
    compile_evaluation,
    compile_iterations,
)
from mnist_gradients.training.network import build_network, build_optimiser
from mnist_gradients.training.parameters import TrainingParameters
from mnist_gradients.training.sets import TrainingSets

logger = logging.getLogger(__name__)

HISTORY = (
    *("iteration", "epoch", "train_loss", "train_accuracy"),
    *("validation_loss", "validation_accuracy", "test_loss", "test_accuracy"),
)


def evaluation_points(n_iterations: int, evaluate_every: int) -> Iterator[int]:
    """Yield the iterations after which the network is evaluated, in growing intervals.

    The loss falls fastest at the start, so the first points are close together: each is a third
    further than the one before, up to ``evaluate_every``. After that its multiples follow, and the
    last iteration.
    """
    point = 1
    while point < min(evaluate_every, n_iterations):
        yield point
        point += max(1, point // 3)
    yield from range(evaluate_every, n_iterations, evaluate_every)
    yield n_iterations


def train(
    sets: TrainingSets,
    parameters: TrainingParameters,
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> TrainedNetwork:
    """Train a network; the same seed gives the same bits on the same machine.

    The validation and the test images decide nothing: they are evaluated for the history only, and
    the returned network is the one after the last iteration.

    Args:
        sets: Images to train on and to evaluate.
        parameters: Architecture, optimiser and recording.
        seed: Seed of the initial weights, of dropout, of the order of the images and of their
            augmentation.
        checkpoint: Checkpoint to resume from and to save the state in; None for no checkpoint. It
            stays after the training.

    Returns:
        The network, its cost and its history with the columns `HISTORY`: iteration (from 1), epoch
        (from 1), train_loss and train_accuracy (of the iteration's mini-batch, before its update),
        validation_loss, validation_accuracy, test_loss, test_accuracy (after the update, NaN where
        not evaluated). Losses are mean cross-entropies in nats, accuracies fractions. The test
        images are evaluated at the `evaluation_points`, the validation images at the multiples of
        ``evaluate_every`` and at the end.

    Raises:
        ValueError: If the batch size exceeds the number of training images.
        FloatingPointError: If the training loss is no longer finite.
    """
    n_images, size = len(sets.train), parameters.batch_size
    if size > n_images:
        raise mismatch(
            "parameter fnn.batch_size", size, f"at most {n_images}, the number of training images"
        )
    began = time.perf_counter()
    compiled = _compile(sets, parameters, seed)
    progress = resume(checkpoint, compiled.variables)
    began -= progress.seconds
    saved_at = progress.seconds  # zero while there is no checkpoint
    n_iterations = parameters.epochs * compiled.iterations_per_epoch
    batches = draw_batches(n_images, parameters, seed, first=progress.iterations)
    for point in evaluation_points(n_iterations, parameters.evaluate_every):
        if point <= progress.iterations:
            continue
        is_regular = point % parameters.evaluate_every == 0 or point == n_iterations
        record = _run(compiled, batches, progress.iterations, point, parameters)
        progress.recording_seconds += _evaluate(compiled, sets, record, validate=is_regular)
        kept = record["iteration"] % parameters.record_every == 0
        kept.iloc[-1] = True
        progress.history.append(record[kept])
        progress.iterations = point
        progress.seconds = time.perf_counter() - began
        if is_regular:
            _log(record, progress.seconds, n_iterations, parameters.epochs)
        is_due = progress.seconds - saved_at >= parameters.checkpoints.seconds
        is_last = saved_at > 0 and point == n_iterations
        if checkpoint is not None and (is_due or is_last):
            checkpoint.save(progress.to_arrays(compiled.variables))
            saved_at = progress.seconds
    history = pd.concat(progress.history, ignore_index=True)
    return TrainedNetwork(compiled.network, history, _cost(compiled.network, progress))


@dataclass(frozen=True, eq=False)
class _Compiled:
    """A network, the state that a checkpoint saves, and the two compiled functions."""

    network: Any
    variables: list[Any]
    run_iterations: Run
    evaluate: Evaluate
    iterations_per_epoch: int


def _compile(sets: TrainingSets, parameters: TrainingParameters, seed: int) -> _Compiled:
    """Build the network and its optimiser, and compile the training."""
    import_tensorflow()
    n_classes = int(sets.train.labels.max()) + 1
    network = build_network(parameters, sets.train.images.shape[1:], n_classes, seed)
    per_epoch = len(sets.train) // parameters.batch_size
    optimiser = build_optimiser(parameters, per_epoch)
    run_iterations = compile_iterations(network, optimiser, sets.train, parameters, seed)
    variables = [*network.variables, *optimiser.variables]
    return _Compiled(network, variables, run_iterations, compile_evaluation(network), per_epoch)


def _run(
    compiled: _Compiled,
    batches: Iterator[Batch],
    done: int,
    point: int,
    parameters: TrainingParameters,
) -> pd.DataFrame:
    """Run the iterations after ``done`` up to ``point``; return a row of the history for each."""
    losses, accuracies = compiled.run_iterations(*stack(batches, point - done))
    if not np.isfinite(losses).all():
        first = int(np.argmin(np.isfinite(losses)))
        raise FloatingPointError(
            f"training loss: found {losses[first]} at iteration {done + first + 1}, expected a "
            "finite number; try a smaller fnn.learning_rate "
            f"(now {parameters.learning_rate})"
        )
    return pd.DataFrame(
        {
            "iteration": np.arange(done + 1, point + 1),
            "epoch": np.arange(done, point) // compiled.iterations_per_epoch + 1,
            "train_loss": losses,
            "train_accuracy": accuracies,
        },
    )


def _evaluate(
    compiled: _Compiled, sets: TrainingSets, record: pd.DataFrame, *, validate: bool
) -> float:
    """Write the evaluation after the last iteration into its row; return the seconds it took."""
    began = time.perf_counter()
    validation = sets.validation if validate else None
    for name, images in {"validation": validation, "test": sets.test}.items():
        measured = (np.nan, np.nan) if images is None else compiled.evaluate(images)
        record.loc[len(record) - 1, [f"{name}_loss", f"{name}_accuracy"]] = measured
    return time.perf_counter() - began


def _cost(network: Any, progress: Progress) -> dict[str, float]:
    """Return the cost of a training; see `TrainedNetwork`."""
    return {
        "train_seconds": progress.seconds,
        "recording_seconds": progress.recording_seconds,
        "iterations": progress.iterations,
        "parameters": sum(math.prod(v.shape) for v in network.trainable_variables),
    }


def _log(record: pd.DataFrame, seconds: float, n_iterations: int, epochs: int) -> None:
    """Log a line of progress."""
    last = record.iloc[-1]
    accuracy = last["validation_accuracy"]
    logger.info(
        "    epoch %d/%d, iteration %d/%d: training loss %.4f, %s%.0f s, about %.0f s left",
        last["epoch"],
        epochs,
        last["iteration"],
        n_iterations,
        record["train_loss"].mean(),
        "" if np.isnan(accuracy) else f"validation error {100 * (1 - accuracy):.2f} %, ",
        seconds,
        seconds / last["iteration"] * (n_iterations - last["iteration"]),
    )

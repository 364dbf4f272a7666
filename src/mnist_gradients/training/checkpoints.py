"""Checkpoints: the state of a training that was interrupted, kept for the next run.

A checkpoint is a cache entry. Its name is a digest of everything that determines the training, so
a run with other parameters, another seed or other data never reads it, and the file repeats the
name inside.
"""

import hashlib
import json
import logging
import os
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.core.files import unfinished_folder
from mnist_gradients.core.npz import read_npz
from mnist_gradients.maths.checking import mismatch
from mnist_gradients.training.normalisations import Normalisation
from mnist_gradients.training.parameters import TrainingParameters
from mnist_gradients.training.sets import TrainingSets

logger = logging.getLogger(__name__)

ABANDONED_DAYS = 30  # without a save

# The choice of the sets by train_on_validation is part of their digest.
WITHOUT_EFFECT = {"checkpoints", "train_on_validation"}


def name_of_training(
    parameters: TrainingParameters,
    seed: int,
    sets: TrainingSets,
    normalisation: Normalisation = "original",
) -> str:
    """Return a name that differs whenever anything differs that determines a training's result.

    These are the parameters, the seed, the images and their normalisation, and the versions of
    TensorFlow and Keras.
    """
    content = {
        "parameters": parameters.model_dump(mode="json", exclude=WITHOUT_EFFECT, exclude_none=True),
        "seed": seed,
        "images": sets.digest,
        "normalisation": normalisation,
        "versions": [version(package) for package in ("tensorflow", "keras")],
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    return f"seed_{seed}_{digest.hexdigest()[:16]}"


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of one training: an npz file without Python objects.

    A file is replaced only by a complete one, and each process writes under a name of its own
    first. An interrupted or a concurrent write leaves an intact file.

    Attributes:
        folder: Folder of the checkpoints of all trainings; made by the first save.
        name: Name of the training; see `name_of_training`.
    """

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.name}.npz"

    def load(self) -> dict[str, np.ndarray] | None:
        """Return the saved arrays, or None if there is no checkpoint.

        Raises:
            ValueError: If the file is damaged or belongs to another training.
        """
        if not self.path.exists():
            return None
        try:
            with self.path.open("rb") as file:
                arrays = read_npz(file)
            owner = arrays.pop("training", None)
            if owner != self.name:
                raise ValueError(f"found the checkpoint of {owner}, expected that of {self.name}")
        except ValueError as error:
            raise self.refusal(error) from error
        return arrays

    def refusal(self, error: ValueError) -> ValueError:
        """Return an error in the content as one that names the file."""
        return ValueError(f"{self.path}: {error}; delete it to start the training again")

    def save(self, arrays: dict[str, np.ndarray]) -> None:
        """Save arrays in place of those of an earlier save."""
        with unfinished_folder(self.folder) as folder:
            unfinished = folder / self.path.name
            with unfinished.open("wb") as file:
                np.savez(file, training=np.array(self.name), **arrays)  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, self.path)

    def remove(self) -> None:
        """Delete the checkpoint, if there is one."""
        self.path.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Delete the checkpoints of trainings that nobody has continued for `ABANDONED_DAYS`."""
    for path in folder.glob("seed_*.npz"):
        if time.time() - path.stat().st_mtime > ABANDONED_DAYS * 24 * 3600:
            path.unlink(missing_ok=True)


@dataclass
class Progress:
    """The progress of a training.

    Attributes:
        iterations: Iterations done.
        seconds: Wall time they took, recording included.
        recording_seconds: The part of it spent on evaluating validation and test images.
        history: Recorded iterations, in pieces.
    """

    iterations: int = 0
    seconds: float = 0.0
    recording_seconds: float = 0.0
    history: list[pd.DataFrame] = field(default_factory=list)

    def to_arrays(self, variables: list[Any]) -> dict[str, np.ndarray]:
        """Return this and the values of Keras variables as plain arrays."""
        history = pd.concat(self.history, ignore_index=True)
        return (
            {
                "iterations": np.array(self.iterations),
                "seconds": np.array([self.seconds, self.recording_seconds]),
            }
            | {f"history {name}": history[name].to_numpy() for name in history}
            | {f"variable {i}": np.asarray(value) for i, value in enumerate(variables)}
        )

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], variables: list[Any]) -> "Progress":
        """Invert `to_arrays`: return the progress, and set the variables to their values.

        Raises:
            ValueError: If an array is missing or has another shape.
        """
        values = [f"variable {i}" for i in range(len(variables))]
        for name in ("iterations", "seconds", "history iteration", *values):
            if name not in arrays:
                raise mismatch("arrays", ", ".join(arrays) or "none", f"'{name}' among them")
        for variable, name in zip(variables, values, strict=True):
            variable.assign(arrays[name])
        columns = {
            name.removeprefix("history "): array
            for name, array in arrays.items()
            if name.startswith("history ")
        }
        seconds, recording_seconds = arrays["seconds"].tolist()
        return cls(int(arrays["iterations"]), seconds, recording_seconds, [pd.DataFrame(columns)])


def resume(checkpoint: Checkpoint | None, variables: list[Any]) -> Progress:
    """Return the progress in a checkpoint and restore the variables; no progress without one.

    Raises:
        ValueError: If the checkpoint is damaged, belongs to another training or is incomplete.
    """
    if checkpoint is None or (arrays := checkpoint.load()) is None:
        return Progress()
    try:
        progress = Progress.from_arrays(arrays, variables)
    except ValueError as error:
        raise checkpoint.refusal(error) from error
    logger.info("    resuming from the checkpoint of iteration %d", progress.iterations)
    return progress

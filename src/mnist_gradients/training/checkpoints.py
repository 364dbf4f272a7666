"""What a training has recorded so far, and how it goes on after it was cut off."""

import hashlib
import json
import logging
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import pandas as pd

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.training.parameters import FnnParameters

logger = logging.getLogger(__name__)

# On the training of one network; its view has changed the images, which count themselves.
WITHOUT_EFFECT = {"checkpoint_seconds", "networks", "views"}


class Checkpoints(Protocol):
    """Where checkpoints are kept; see `mnist_gradients.datasets.checkpoints`."""

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """Return the arrays of a checkpoint, or None."""

    def save(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        """Keep arrays under a name."""

    def remove(self, name: str) -> None:
        """Forget a checkpoint."""

    def names(self) -> list[str]:
        """Return the names of all checkpoints."""


@dataclass
class Progress:
    """How far a training has come.

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
        """Return what `to_arrays` was given, and set the variables to their values."""
        for i, variable in enumerate(variables):
            variable.assign(arrays[f"variable {i}"])
        columns = {
            name.removeprefix("history "): array
            for name, array in arrays.items()
            if name.startswith("history ")
        }
        seconds, recording_seconds = arrays["seconds"].tolist()
        return cls(int(arrays["iterations"]), seconds, recording_seconds, [pd.DataFrame(columns)])


def name_of_training(
    parameters: FnnParameters, seed: int, sets: tuple[LabelledImages | None, ...]
) -> str:
    """Return a name that differs whenever anything differs that decides how a training goes.

    These are the parameters, the seed, the images, and the versions of TensorFlow and Keras.
    """
    said = {
        "parameters": parameters.model_dump(mode="json", exclude=WITHOUT_EFFECT),
        "seed": seed,
        "versions": [version(package) for package in ("tensorflow", "keras")],
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for images in sets:
        for array in () if images is None else (images.images, images.labels):
            digest.update(str(array.shape).encode())
            digest.update(array.tobytes())
    return f"seed_{seed}_{digest.hexdigest()[:16]}"


def resume(checkpoints: Checkpoints | None, name: str, variables: list[Any]) -> Progress:
    """Return the progress of the checkpoint of that name; none at all if there is no such one."""
    if checkpoints is None:
        return Progress()
    arrays = checkpoints.load(name)
    if arrays is not None:
        progress = Progress.from_arrays(arrays, variables)
        logger.info("    going on from the checkpoint of iteration %d", progress.iterations)
        return progress
    if others := [other for other in checkpoints.names() if other != name]:
        logger.info(
            "    starting afresh: the checkpoints in %s (%s) are of other parameters, seeds or "
            "data, and stay there for those",
            checkpoints,
            ", ".join(others),
        )
    return Progress()

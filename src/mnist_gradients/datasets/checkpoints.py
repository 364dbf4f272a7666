"""Kedro dataset for the checkpoints of a long computation."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from kedro.io import AbstractDataset, DatasetError

from mnist_gradients.datasets.npz import read_npz, write_npz


class Checkpoints:
    """Named sets of arrays in a folder, one file each.

    A file is replaced only when its successor is complete, so that whoever is killed half-way
    finds the earlier one.

    Args:
        folder: Local folder; made when it is first needed, and removed when it is empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """Return the arrays of a checkpoint; None if there is none of that name.

        Raises:
            DatasetError: If the file is damaged.
        """
        path = self._path(name)
        if not path.exists():
            return None
        try:
            with path.open("rb") as file:
                return read_npz(file)
        except ValueError as error:
            raise DatasetError(f"{path}: {error}; delete it to start afresh") from error

    def save(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a checkpoint, in place of an earlier one of that name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._path(name).with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            write_npz(arrays, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, self._path(name))

    def remove(self, name: str) -> None:
        """Remove a checkpoint, if it is there."""
        self._path(name).unlink(missing_ok=True)
        if self._folder.exists() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def names(self) -> list[str]:
        """Return the names of all checkpoints."""
        return sorted(path.stem for path in self._folder.glob("*.npz"))

    def __str__(self) -> str:
        return str(self._folder)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.npz"


class CheckpointsDataset(AbstractDataset[NoReturn, Checkpoints]):
    """Hands a node the folder of its checkpoints; the node itself saves and removes them.

    Kedro saves what a node returns when it ends; a checkpoint is for a node that does not get so
    far.

    Args:
        filepath: A local folder.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.

    Example in YAML::

        fnn.checkpoints:
          type: mnist_gradients.datasets.CheckpointsDataset
          filepath: data/06_models/fnn_checkpoints

    Example in Python::

        >>> checkpoints = CheckpointsDataset(filepath="checkpoints").load()
        >>> checkpoints.save("a", {"iteration": np.array(3)})
        >>> checkpoints.load("a")
        {'iteration': array(3)}
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Checkpoints:
        """Return the folder, whether it is there already or not."""
        return Checkpoints(self._filepath)

    def save(self, data: NoReturn) -> None:  # noqa: ARG002 - as every dataset's
        """Refuse: checkpoints are saved by the node that makes them.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._filepath}: expected to be loaded only, as a node's input")

    def _exists(self) -> bool:
        return True  # an empty folder of checkpoints is as good as any

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

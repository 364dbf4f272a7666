"""Kedro dataset for the linear models of one task."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from kedro.io import Version
from kedro_datasets._typing import TablePreview

from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.core.npz import read_npz, write_npz
from mnist_gradients.datasets.file import MOST_BYTES, FileDataset

_FIELDS = [field.name for field in fields(LinearModel)]


class LinearModelsDataset(FileDataset[dict[str, LinearModel]]):
    """Loads and saves linear models by name as one npz file; equal models give equal bytes.

    The arrays are named ``<model>/<attribute>``, as in ``gradient_descent/weights``.

    Args:
        filepath: Path of the file, local or with any protocol that fsspec knows.
        most_bytes: Limit of the content, decompressed; beyond it nothing is read.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.

    Example in YAML::

        logistic_regression.binary.models:
          type: mnist_gradients.datasets.LinearModelsDataset
          filepath: data/06_models/logistic_regression/binary.npz

    Example in Python::

        >>> dataset = LinearModelsDataset(filepath="models.npz")
        >>> model = LinearModel(np.zeros((784, 1)), np.zeros(1), np.array([0, 1]), l2=0.1)
        >>> dataset.save({"gradient_descent": model})
        >>> list(dataset.load())
        ['gradient_descent']
    """

    def __init__(
        self,
        *,
        filepath: str,
        most_bytes: int = MOST_BYTES,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            filepath=filepath, version=version, metadata=metadata, most_bytes=most_bytes
        )

    def load(self) -> dict[str, LinearModel]:
        """Read the models, in the order in which they were saved.

        Raises:
            DatasetError: If the file is missing or does not hold linear models.
        """
        with self._reading() as file:
            attributes: dict[str, dict[str, Any]] = defaultdict(dict)
            arrays = read_npz(file, most_bytes=self._most_bytes, check_names=_check_names)
            for key, array in arrays.items():
                name, _, attribute = key.rpartition("/")
                attributes[name][attribute] = array if array.ndim else array.item()
            return {name: LinearModel(**found) for name, found in attributes.items()}

    def save(self, data: dict[str, LinearModel]) -> None:
        """Write the models."""
        arrays = {
            f"{name}/{attribute}": np.asarray(value)
            for name, model in data.items()
            for attribute, value in asdict(model).items()
        }
        with self._writing() as file:
            write_npz(arrays, file)

    def preview(self) -> TablePreview:
        """Return one row for each model: its name and sizes."""
        rows = [
            [
                name,
                model.weights.shape[0],
                len(model.classes),
                model.weights.size + model.intercept.size,
                model.l2,
            ]
            for name, model in self.load().items()
        ]
        columns = ["model", "features", "classes", "parameters", "l2"]
        return TablePreview({"index": list(range(len(rows))), "columns": columns, "data": rows})


def _check_names(keys: Sequence[str]) -> None:
    """Check that each model has its attributes and no others."""
    found: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        name, _, attribute = key.rpartition("/")
        found[name].append(attribute)
    for name, attributes in found.items():
        if set(attributes) != set(_FIELDS):
            raise ValueError(
                f"found {sorted(attributes)} of model {name!r}, expected {sorted(_FIELDS)}"
            )

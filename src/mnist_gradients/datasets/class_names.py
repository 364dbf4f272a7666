"""Kedro dataset for the names of classes."""

import json
from typing import Any

from kedro.io import DatasetError, Version
from kedro_datasets._typing import JSONPreview

from mnist_gradients.datasets.file import FileDataset


class ClassNamesDataset(FileDataset[list[str]]):
    """Loads and saves names of classes as a text file: line k is the name of class k - 1.

    A file that does not exist holds no names, because few raw data sets have one.

    Args:
        filepath: Path of the file, local or with any protocol that fsspec knows.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads the layer from it.

    Example in YAML::

        class_names:
          type: mnist_gradients.datasets.ClassNamesDataset
          filepath: data/05_model_input/classes.txt

    Example in Python::

        >>> dataset = ClassNamesDataset(filepath="classes.txt")
        >>> dataset.load()
        []
        >>> dataset.save(["cat", "dog"])
        >>> dataset.load()
        ['cat', 'dog']
    """

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, version=version, metadata=metadata)

    def load(self) -> list[str]:
        """Read the names; without a file there are none.

        Raises:
            DatasetError: If the file has changed since it was saved.
        """
        if not self._fs.exists(self._path_to_load()):  # a damaged file is an error
            return []
        with self._reading() as file:
            lines = file.read().decode("utf-8-sig").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def save(self, data: list[str]) -> None:
        """Write the names.

        Raises:
            DatasetError: If a name is empty or has more than one line.
        """
        if any(name.strip().splitlines() != [name] for name in data):
            raise DatasetError(f"{self._filepath}: found {data}, expected names of one line")
        with self._writing() as file:
            file.write("".join(f"{name}\n" for name in data).encode("utf-8"))

    def preview(self) -> JSONPreview:
        """Show the names by class."""
        return JSONPreview(json.dumps(dict(enumerate(self.load()))))

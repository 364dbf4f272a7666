"""Kedro dataset for a local folder, so that paths stand in the catalog alone."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError
from kedro.io.core import get_protocol_and_path


class FolderDataset(AbstractDataset[NoReturn, Path]):
    """Loads the path of a local folder, whether the folder exists or not, and no content.

    Args:
        filepath: Path of the folder.
        metadata: Anything; Kedro ignores it, kedro-viz reads the layer from it.

    Raises:
        ValueError: If the path is not local.

    Example in YAML::

        download.folder:
          type: mnist_gradients.datasets.FolderDataset
          filepath: data/01_raw

    Example in Python::

        >>> FolderDataset(filepath="data/01_raw").load()
        PosixPath('data/01_raw')
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        protocol, path = get_protocol_and_path(filepath)
        if protocol != "file":
            raise ValueError(f"filepath: found {filepath}, expected a local folder")
        self._filepath = Path(path)
        self.metadata = metadata

    def load(self) -> Path:
        """Return the path."""
        return self._filepath

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse to save.

        Raises:
            DatasetError: Always.
        """
        kind = type(data).__name__
        raise DatasetError(f"{self._filepath}: found {kind} to save, expected a folder to be read")

    def _exists(self) -> bool:
        return self._filepath.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}

"""Kedro dataset for the times at which files were written."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError
from kedro.io.core import get_protocol_and_path
from kedro_datasets._typing import JSONPreview


class FileTimesDataset(AbstractDataset[NoReturn, dict[str, float]]):
    """Loads the time at which each of some local files was last written.

    Args:
        path: Folder of the files.
        files: Names, and for each a path relative to the folder.
        metadata: Anything; Kedro ignores it, kedro-viz reads the layer from it.

    Raises:
        ValueError: If the folder is not local.

    Example in YAML::

        reporting.file_times:
          type: mnist_gradients.datasets.FileTimesDataset
          path: data
          files: {fnn.model: 06_models/fnn.keras}

    Example in Python::

        >>> FileTimesDataset(path="data", files={"fnn.model": "06_models/none.keras"}).load()
        {}
    """

    def __init__(
        self, *, path: str, files: dict[str, str], metadata: dict[str, Any] | None = None
    ) -> None:
        protocol, folder = get_protocol_and_path(path)
        if protocol != "file":
            raise ValueError(f"path: found {path}, expected a local folder")
        self._path, self._files = Path(folder), files
        self.metadata = metadata

    def load(self) -> dict[str, float]:
        """Return name and time (in seconds since 1970) of the files that exist."""
        files = {name: self._path / file for name, file in self._files.items()}
        return {name: file.stat().st_mtime for name, file in files.items() if file.exists()}

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse to save.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._path}: found {data!r} to save, expected files to be looked at")

    def preview(self) -> JSONPreview:
        """Show the times in UTC."""
        times = {name: str(datetime.fromtimestamp(t, UTC)) for name, t in self.load().items()}
        return JSONPreview(json.dumps(times))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "files": self._files}

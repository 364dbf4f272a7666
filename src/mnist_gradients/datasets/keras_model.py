"""Kedro dataset for Keras models; TensorFlow is imported when a model is loaded."""

import io
import json
import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from kedro.io import Version
from kedro_datasets._typing import TablePreview

from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.datasets.file import FileDataset
from mnist_gradients.maths.checking import mismatch

MOST_BYTES = 2**30
MOST_BYTES_OF_TEXT = 2**24  # of all files inside that are not the weights
WEIGHTS = "model.weights.h5"


class KerasModelDataset(FileDataset[Any]):
    """Loads and saves a Keras model as a ``.keras`` file, in safe mode: no code inside it runs.

    Args:
        filepath: Path of the file, ending in ``.keras``, local or with a protocol of fsspec.
        most_bytes: Limit of the weights, decompressed; beyond it nothing is loaded.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.

    Raises:
        ValueError: If the path does not end in ``.keras``.

    Example in YAML::

        fnn.model:
          type: mnist_gradients.datasets.KerasModelDataset
          filepath: data/06_models/fnn.keras

    Example in Python::

        >>> dataset = KerasModelDataset(filepath="fnn.keras")
        >>> dataset.save(keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)]))
        >>> dataset.load().count_params()
        7850
    """

    def __init__(
        self,
        *,
        filepath: str,
        most_bytes: int = MOST_BYTES,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        # Kedro's PartitionedDataset makes one without a path when it describes itself.
        if filepath and not str(filepath).endswith(".keras"):
            raise ValueError(f"filepath: found {filepath}, expected a name that ends in .keras")
        super().__init__(
            filepath=filepath, version=version, metadata=metadata, most_bytes=most_bytes
        )

    def load(self) -> Any:
        """Read the model, compiled as it was saved.

        Raises:
            DatasetError: If the file is missing, too large, or Keras cannot load it in safe mode.
        """
        with self._reading() as file, TemporaryDirectory() as folder:
            _check_sizes(file, self._most_bytes)
            file.seek(0)
            local = Path(folder) / "model.keras"
            with local.open("wb") as copy:
                shutil.copyfileobj(file, copy)
            return _load_safely(local)

    def save(self, data: Any) -> None:
        """Write the model."""
        with self._writing() as file, TemporaryDirectory(dir=Path(file.name).parent) as folder:
            local = Path(folder) / "model.keras"
            data.save(local)
            with local.open("rb") as copy:
                shutil.copyfileobj(copy, file)

    def preview(self) -> TablePreview:
        """Return one row for each layer, read from the file's configuration without Keras."""
        with self._reading() as file, zipfile.ZipFile(file) as archive:
            _check_sizes(file, self._most_bytes)
            layers = json.loads(archive.read("config.json"))["config"]["layers"]
        rows = [
            [layer["config"]["name"], layer["class_name"], layer["config"].get("units")]
            for layer in layers
        ]
        columns = ["layer", "type", "units"]
        return TablePreview({"index": list(range(len(rows))), "columns": columns, "data": rows})


def _check_sizes(file: BinaryIO, most_bytes: int) -> None:
    """Check what a `.keras` file holds by its directories, before anything is decompressed.

    Raises:
        ValueError: If it is no such file, or would take more memory than it may.
    """
    import h5py

    try:
        with zipfile.ZipFile(file) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            weights = sizes.pop(WEIGHTS, 0)
            _check_size("configuration", sum(sizes.values()), MOST_BYTES_OF_TEXT)
            _check_size("weights", weights, most_bytes)
            if weights:
                with h5py.File(io.BytesIO(archive.read(WEIGHTS)), "r") as stored:
                    arrays: list[int] = []
                    stored.visititems(lambda _, item: arrays.append(getattr(item, "nbytes", 0)))
                _check_size("weights", sum(arrays), most_bytes)
    except (zipfile.BadZipFile, OSError) as error:
        raise _unreadable(error) from error


def _check_size(name: str, found: int, most: int) -> None:
    if found > most:
        raise mismatch(name, f"{found:,} bytes", f"at most {most:,}")


def _unreadable(error: Exception) -> ValueError:
    reason = str(error).strip().partition("\n")[0]
    return ValueError(
        f"found a file that Keras cannot load in safe mode ({reason}), "
        "expected a model saved as .keras"
    )


def _load_safely(path: Path) -> Any:
    import_tensorflow()
    import keras

    try:
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # Keras and its zip and HDF5 readers fail in many ways
        raise _unreadable(error) from error

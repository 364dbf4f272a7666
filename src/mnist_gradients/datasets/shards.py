"""Kedro dataset for rows and labels in many files, read as dask arrays when they are used."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from kedro.io import AbstractDataset, DatasetError
from kedro.io.core import get_protocol_and_path
from numpy.typing import NDArray

from mnist_gradients.datasets.idx_format import read_header, write_idx
from mnist_gradients.maths.checking import check_choice, mismatch

Shard = tuple[NDArray[Any], NDArray[Any]]
Recipe = Mapping[str, Any]
Tasks = tuple[Recipe, Mapping[int, Callable[[], Shard]]]

RECIPE = "recipe.json"


class ShardsDataset(AbstractDataset[Tasks, tuple[Any, Any]]):
    """Loads a folder of shards as two dask arrays, and saves shards that are missing.

    Shard 3 is ``labels_00003.npy``, (n,), and ``rows_00003.npy``, (n, ...), or the same in IDX
    format. Loading reads the headers only; rows are memory-mapped on the machine that uses them,
    which must see the folder.

    Saving takes a recipe, plain data that determine the content of the shards, and a function
    without arguments for each shard, by its number. It calls those whose shard is missing or
    damaged, one after another. An interrupted run keeps the shards that are complete. The folder
    holds shards of one recipe only.

    Args:
        path: Local folder.
        file_format: "npy", or "idx" for the format of the MNIST files, not compressed.
        metadata: Anything; Kedro ignores it, kedro-viz reads the layer from it.

    Example in YAML::

        augmented_digits:
          type: mnist_gradients.datasets.ShardsDataset
          path: data/05_model_input/augmented_digits

    Example in Python::

        >>> dataset = ShardsDataset(path="shards")
        >>> tasks = {i: lambda: (np.ones((4, 2)), np.arange(4)) for i in range(3)}
        >>> dataset.save(({"pixel": 1}, tasks))
        >>> X, y = dataset.load()
        >>> X.shape, int(y.sum().compute())
        ((12, 2), 18)
    """

    def __init__(
        self, *, path: str, file_format: str = "npy", metadata: dict[str, Any] | None = None
    ) -> None:
        check_choice("file_format", file_format, ("npy", "idx"))
        protocol, local = get_protocol_and_path(path)
        if protocol != "file":
            raise mismatch("path", path, "a local folder")
        self._path = Path(local)
        self._file_format = file_format
        self.metadata = metadata

    def load(self) -> tuple[Any, Any]:
        """Return rows and labels, chunk by shard.

        Raises:
            DatasetError: If a shard is missing, damaged or unlike the others, or without dask.
        """
        try:
            import dask.array as da
            from dask.delayed import delayed
        except ImportError:
            raise ImportError(
                "dask: found no such package, expected the extra `dask` installed"
            ) from None

        def joined(name: str) -> Any:
            paths = [self._file(name, i) for i in range(n_shards)]
            heads = [_mapped(path) for path in paths]
            for path, head in zip(paths, heads, strict=True):
                if (head.dtype, head.shape[1:]) != (heads[0].dtype, heads[0].shape[1:]):
                    found = f"{head.dtype} of shape {head.shape}"
                    raise DatasetError(f"{path}: found {found}, expected rows as in shard 0")
            chunks = [
                da.from_delayed(delayed(_mapped)(path), head.shape, head.dtype)
                for path, head in zip(paths, heads, strict=True)
            ]
            return da.concatenate(chunks)

        n_shards = len(list(self._path.glob(f"rows_*.{self._file_format}")))
        if n_shards == 0:
            raise DatasetError(
                f"{self._path}: found no shards, expected {self._file('rows', 0).name}"
            )
        X, y = joined("rows"), joined("labels")
        if X.chunks[0] != y.chunks[0]:
            raise DatasetError(f"{self._path}: found shards of other lengths for rows than labels")
        return X, y

    def save(self, data: Tasks) -> None:
        """Compute and save the shards that are missing or damaged.

        Raises:
            DatasetError: If the folder holds shards of another recipe.
        """
        recipe, tasks = data
        self._path.mkdir(parents=True, exist_ok=True)
        self._check_recipe(json.dumps(recipe, sort_keys=True))
        for i, task in tasks.items():
            if not self._is_complete(i):
                rows, labels = task()
                _write(self._file("labels", i), labels)
                _write(self._file("rows", i), rows)  # last: with it, the shard is complete

    def _check_recipe(self, recipe: str) -> None:
        path = self._path / RECIPE
        found = path.read_text(encoding="utf-8") if path.exists() else "none"
        if self._exists() and found != recipe:
            raise DatasetError(
                f"{path}: found {found}, expected {recipe}; delete the folder to write other shards"
            )
        path.write_text(recipe, encoding="utf-8")

    def _is_complete(self, i: int) -> bool:
        try:
            return len(_mapped(self._file("rows", i))) == len(_mapped(self._file("labels", i)))
        except DatasetError:
            return False

    def _file(self, name: str, i: int) -> Path:
        return self._path / f"{name}_{i:05d}.{self._file_format}"

    def _exists(self) -> bool:
        return self._file("rows", 0).exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "file_format": self._file_format}


def _mapped(path: Path) -> NDArray[Any]:
    """A memory-mapped array.

    Raises:
        DatasetError: If the file is missing or no complete array.
    """
    try:
        if path.suffix == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with path.open("rb") as file:
            header, dtype, shape = read_header(file)
        array = np.memmap(path, dtype, "r", len(header), shape)
        return array.astype(dtype.newbyteorder("="), copy=False)  # bytes stay in the file
    except FileNotFoundError:
        raise DatasetError(f"{path}: found no file, expected a shard") from None
    except (ValueError, OSError, EOFError) as error:
        found = str(error).removeprefix("found ").partition(", expected")[0]
        raise DatasetError(f"{path}: found {found}, expected a complete shard") from None


def _write(path: Path, array: NDArray[Any]) -> None:
    """Write an array beside its place, and move it there when it is complete."""
    partial = path.with_name(f".{path.name}")
    with partial.open("wb") as file:
        if path.suffix == ".npy":
            np.save(file, array, allow_pickle=False)
        else:
            write_idx(array, file)
    partial.replace(path)

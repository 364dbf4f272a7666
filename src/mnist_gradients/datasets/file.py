"""Base classes of datasets that are one file, read and written whole through fsspec."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem
from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro.io.core import get_filepath_str, get_protocol_and_path

_T = TypeVar("_T")


class AtomicWriting:
    """Mixin of datasets that are one file: replaces it only when its successor is complete.

    A failure or the end of the process half-way leaves the earlier file as it was.
    """

    _fs: fsspec.AbstractFileSystem
    _protocol: str

    @contextmanager
    def _writing(self: Any) -> Iterator[BinaryIO]:
        """Open a file that becomes the saved one if the block ends without an error."""
        path = get_filepath_str(self._get_save_path(), self._protocol)
        try:
            with _replacing(self._fs, path) as file:
                yield file
        except ValueError as error:
            raise DatasetError(f"{path}: {error}") from error
        self._invalidate_cache()


class FileDataset(AtomicWriting, AbstractVersionedDataset[_T, _T]):
    """A dataset that is one file: finds it, opens it, and names it in every error message.

    A file that is missing or has the wrong content, and data that the format cannot hold, give a
    ``DatasetError`` of one line that begins with the path.

    A subclass defines ``load`` and ``save`` itself (Kedro wraps inherited ones twice, and then
    takes two time stamps for one version) on top of ``_reading`` and ``_writing``.

    Args:
        filepath: Path of the file, local or with any protocol that fsspec knows.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.
    """

    def __init__(
        self, *, filepath: str, version: Version | None, metadata: dict[str, Any] | None
    ) -> None:
        self._protocol, path = get_protocol_and_path(filepath, version)
        self._fs = fsspec.filesystem(self._protocol)
        self.metadata = metadata
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=self._fs.exists,
            glob_function=self._fs.glob,
        )

    @contextmanager
    def _reading(self) -> Iterator[BinaryIO]:
        """Open the file to load; ValueError inside the block becomes an error about the file."""
        path = self._path_to_load()
        try:
            with self._fs.open(path, "rb") as file:
                yield file
        except FileNotFoundError as error:
            raise DatasetError(f"{path}: found no such file") from error
        except ValueError as error:
            raise DatasetError(f"{path}: {error}") from error

    def _path_to_load(self) -> str:
        return self._as_string(self._get_load_path())

    def _as_string(self, path: PurePosixPath) -> str:
        return get_filepath_str(path, self._protocol)

    def _exists(self) -> bool:
        return self._fs.exists(self._path_to_load())

    def _release(self) -> None:
        super()._release()
        self._invalidate_cache()

    def _invalidate_cache(self) -> None:
        self._fs.invalidate_cache(self._as_string(self._filepath))

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": self._filepath,
            "protocol": self._protocol,
            "version": self._version,
        }


@contextmanager
def _replacing(fs: fsspec.AbstractFileSystem, path: str) -> Iterator[BinaryIO]:
    """Open a new file that becomes ``path`` when the block ends without an error.

    A local file is written in a folder beside ``path`` and then renamed, in one step; any other
    is uploaded when it is complete.
    """
    folder = None
    if isinstance(fs, LocalFileSystem):
        folder = Path(path).parent
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as unfinished_folder:
        unfinished = Path(unfinished_folder) / "file"
        with unfinished.open("wb") as file:
            yield file
        if folder is None:
            fs.put_file(str(unfinished), path)
        else:
            os.replace(unfinished, path)

"""What the datasets of this package share: one file, read and written whole through fsspec."""

import os
import uuid
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, BinaryIO, TypeVar

import fsspec
from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro.io.core import get_filepath_str, get_protocol_and_path

_T = TypeVar("_T")


class FileDataset(AbstractVersionedDataset[_T, _T]):
    """A dataset that is one file; a subclass says how to decode and encode it.

    Loading turns every failure into a ``DatasetError`` of one line that begins with the path.
    Saving to a local disk replaces the file in one step, so that a failure half-way leaves the
    earlier file as it was.

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

    @abstractmethod
    def _decode(self, file: BinaryIO) -> _T:
        """Read the data from ``file``; raise ValueError, in one line, if that is impossible."""

    @abstractmethod
    def _encode(self, data: _T, file: BinaryIO) -> None:
        """Write ``data`` to ``file``; raise ValueError, in one line, if that is impossible."""

    def load(self) -> _T:
        """Read the file.

        Raises:
            DatasetError: If there is no such file or it does not hold what it should.
        """
        path = self._path_to_load()
        try:
            with self._fs.open(path, "rb") as file:
                return self._decode(file)
        except FileNotFoundError as error:
            raise DatasetError(f"{path}: found no such file") from error
        except Exception as error:  # a corrupt file can fail in any way inside a library
            raise DatasetError(f"{path}: {error}") from error

    def save(self, data: _T) -> None:
        """Write the file, its folders too.

        Raises:
            DatasetError: If ``data`` cannot be written in this format.
        """
        path = get_filepath_str(self._get_save_path(), self._protocol)
        try:
            with _replacing(self._fs, path) as file:
                self._encode(data, file)
        except ValueError as error:
            raise DatasetError(f"{path}: {error}") from error
        self._release()

    def _path_to_load(self) -> str:
        return get_filepath_str(self._get_load_path(), self._protocol)

    def _exists(self) -> bool:
        return self._fs.exists(self._path_to_load())

    def _release(self) -> None:
        super()._release()
        self._fs.invalidate_cache(get_filepath_str(self._filepath, self._protocol))

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": self._filepath,
            "protocol": self._protocol,
            "version": self._version,
        }


@contextmanager
def _replacing(fs: fsspec.AbstractFileSystem, path: str) -> Iterator[BinaryIO]:
    """Open ``path`` for writing such that nobody ever sees it half-written.

    On a local disk the bytes go to a file beside it, which then takes its name. Object stores
    make an upload visible only when it is complete.
    """
    fs.makedirs(fs._parent(path), exist_ok=True)
    if "file" not in fs.protocol:
        with fs.open(path, "wb") as file:
            yield file
        return
    unfinished = f"{path}.{uuid.uuid4().hex}.part"
    try:
        with fs.open(unfinished, "wb") as file:
            yield file
        os.replace(unfinished, path)
    except BaseException:
        if os.path.exists(unfinished):
            os.remove(unfinished)
        raise

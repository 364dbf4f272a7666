"""Base classes of datasets that are one file, read and written whole through fsspec.

Beside each file stands its SHA-256, as `sha256sum` writes it: `.history.csv.sha256` beside
`history.csv`. A damaged or edited file, or one from another run, is noticed when it is loaded. A
file without a checksum is loaded as it is.
"""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem
from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro.io.core import get_filepath_str, get_protocol_and_path

from mnist_gradients.core.files import unfinished_folder

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

MOST_BYTES = 4 * 2**30
"""Default limit of the size of a file, and of its content if that is compressed."""


class IntactFile:
    """Mixin of datasets that are one file: loads it only as it was saved, and replaces it whole.

    A failure or the end of the process half-way leaves the earlier file as it was. An error is one
    line that begins with the path.
    """

    _fs: fsspec.AbstractFileSystem
    _protocol: str
    _most_bytes: int = MOST_BYTES

    @contextmanager
    def _reading(self: Any) -> Iterator[BinaryIO]:
        """Open the file to load; an error inside the block becomes one about the file."""
        path = self._path_to_load()
        if not self._fs.exists(path):
            raise DatasetError(f"{path}: found no such file")
        with naming(path, "read"), self._fs.open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size > self._most_bytes:
                raise ValueError(f"found {size:,} bytes, expected at most {self._most_bytes:,}")
            saved = self._saved_sha256(path)
            if saved is not None and saved != (found := _sha256(file)):
                raise ValueError(
                    f"found content with SHA-256 {found:.12}..., expected {saved:.12}... as it was "
                    f"saved; make it anew, or delete {PurePosixPath(_checksum_of(path)).name} "
                    "beside it to accept it"
                )
            file.seek(0)
            yield file

    @contextmanager
    def _writing(self: Any) -> Iterator[BinaryIO]:
        """Open a file that becomes the saved one if the block ends without an error."""
        path = self._as_string(self._get_save_path())
        with naming(path, "written"), _replacing(self._fs, path) as file:
            yield file
        self._invalidate_cache()

    def _exists(self: Any) -> bool:
        """Return whether the file is there as it was saved."""
        path = self._path_to_load()
        if not self._fs.exists(path):
            return False
        saved = self._saved_sha256(path)
        if saved is None:
            return True
        with self._fs.open(path, "rb") as file:
            is_intact = _sha256(file) == saved
        if not is_intact:
            logger.warning("%s: found other content than was saved, taken as missing", path)
        return is_intact

    def _saved_sha256(self, path: str) -> str | None:
        """Return the SHA-256 beside a file; None if there is none."""
        checksum = _checksum_of(path)
        if not self._fs.exists(checksum):
            return None
        line = self._fs.cat_file(checksum).decode("ascii", errors="replace")
        return line.partition(" ")[0]

    def _path_to_load(self: Any) -> str:
        return self._as_string(self._get_load_path())

    def _as_string(self, path: PurePosixPath) -> str:
        return get_filepath_str(path, self._protocol)


class FileDataset(IntactFile, AbstractVersionedDataset[_T, _T]):
    """A dataset that is one file: finds it, opens it, and names it in every error message.

    A file that is missing or has the wrong content, and data that the format cannot hold, give a
    ``DatasetError``.

    A subclass defines ``load`` and ``save`` itself (Kedro wraps inherited ones twice, and then
    takes two time stamps for one version) on top of ``_reading`` and ``_writing``.

    Args:
        filepath: Path of the file, local or with any protocol that fsspec knows.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.
        most_bytes: Limit of the size of the file, and of its content if that is compressed.
    """

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None,
        metadata: dict[str, Any] | None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._protocol, path = get_protocol_and_path(filepath, version)
        self._fs = fsspec.filesystem(self._protocol)
        self.metadata = metadata
        self._most_bytes = most_bytes
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=self._fs.exists,
            glob_function=self._fs.glob,
        )

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
def naming(path: str, done: str) -> Iterator[None]:
    """Turn an error into a DatasetError of one line that begins with the path.

    Args:
        path: Path of a file that is read or written in the block.
        done: "read" or "written".
    """
    try:
        yield
    except (DatasetError, FileNotFoundError, NotADirectoryError):  # Kedro explains these
        raise
    except ValueError as error:
        raise DatasetError(f"{path}: {error}") from error
    except Exception as error:  # readers and disks fail in many ways
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise DatasetError(
            f"{path}: found an error ({reason}), expected a file that can be {done}"
        ) from error


@contextmanager
def _replacing(fs: fsspec.AbstractFileSystem, path: str) -> Iterator[BinaryIO]:
    """Open a new file that becomes ``path`` when the block ends without an error.

    A local file and its checksum are written in a folder beside ``path`` and then renamed; others
    are uploaded when they are complete. In between the file has no checksum, never a wrong one.
    """
    is_local = isinstance(fs, LocalFileSystem)
    put = os.replace if is_local else fs.put_file
    checksum = _checksum_of(path)
    with unfinished_folder(Path(path).parent if is_local else None) as folder:
        unfinished, unfinished_checksum = folder / "file", folder / "checksum"
        with unfinished.open("wb") as file:
            yield file
        with unfinished.open("rb") as file:
            line = f"{_sha256(file)}  {PurePosixPath(path).name}\n"
        unfinished_checksum.write_text(line, encoding="utf-8")
        if fs.exists(checksum):
            fs.rm_file(checksum)
        put(str(unfinished), path)
        put(str(unfinished_checksum), checksum)


def _checksum_of(path: str) -> str:
    """Return the path of a file's checksum."""
    name = PurePosixPath(path).name
    return str(PurePosixPath(path).with_name(f".{name}.sha256"))


def _sha256(file: Any) -> str:
    """Return the SHA-256 of a file from its beginning."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()

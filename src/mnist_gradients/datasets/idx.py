"""Kedro dataset for IDX files, the format of MNIST and its relatives."""

import gzip
import hashlib
import re
from typing import Any

import numpy as np
from kedro.io import DatasetError, Version
from kedro_datasets._typing import ImagePreview

from mnist_gradients.datasets.file import MOST_BYTES, FileDataset
from mnist_gradients.datasets.idx_format import read_idx, write_idx
from mnist_gradients.datasets.previews import count_bars, image_sheet

_CHECKSUMS = "SHA256SUMS"
# `digits  name` of sha256sum, also with one space or " *", or `SHA256 (name) = digits` of BSD
_CHECKSUM_LINE = re.compile(
    r"(?P<digits>[0-9a-f]{64})\s[ *]?(?P<name>.+)"
    r"|SHA256 \((?P<bsd_name>.+)\) = (?P<bsd_digits>[0-9a-f]{64})",
    re.IGNORECASE,
)


class IdxDataset(FileDataset[np.ndarray]):
    """Loads and saves a NumPy array as an IDX file of any type and dimension.

    On load, gzip is recognised by its first bytes. A missing file is read under a name that other
    publishers give it: with or without ``.gz``, ``train-images.idx3-ubyte`` for
    ``train-images-idx3-ubyte``, or inside a folder of its own name. If a file ``SHA256SUMS`` lies
    beside it, the file must have the SHA-256 of its name, and the decompressed content that of its
    name without ``.gz``. On save, the file is gzipped if its name ends in ``.gz``; equal arrays
    give equal bytes.

    Args:
        filepath: Path of the file, local or with any protocol that fsspec knows.
        most_bytes: Limit of the content, decompressed; beyond it nothing is read.
        version: Load and save version, given by Kedro if the catalog entry is ``versioned``.
        metadata: Anything; Kedro ignores it, kedro-viz reads layer and preview arguments from it.

    Example in YAML::

        raw_train_images:
          type: mnist_gradients.datasets.IdxDataset
          filepath: data/01_raw/mnist/train-images-idx3-ubyte.gz

    Example in Python::

        >>> dataset = IdxDataset(filepath="digits-idx3-ubyte.gz")
        >>> dataset.save(np.zeros((5, 28, 28), dtype=np.uint8))
        >>> dataset.load().shape
        (5, 28, 28)
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

    def load(self) -> np.ndarray:
        """Read the array.

        Raises:
            DatasetError: If the file is missing, is not exactly one IDX array, or has another
                SHA-256 than it should.
        """
        folder, slash, name = self._path_to_load().rpartition("/")
        with self._reading() as file:
            expected = self._checksums(f"{folder}{slash}{_CHECKSUMS}")
            if name.endswith(".gz") and name in expected:
                stored = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
                _compare("a file", stored.hexdigest(), expected[name])
                file.seek(0)
            digest = hashlib.sha256()
            array = read_idx(file, digest.update, self._most_bytes)
            _compare("content", digest.hexdigest(), expected.get(name.removesuffix(".gz")))
            return array

    def save(self, data: np.ndarray) -> None:
        """Write the array.

        Raises:
            DatasetError: If the format has no such type.
        """
        with self._writing() as file:
            if not self._filepath.name.endswith(".gz"):
                write_idx(data, file)
                return
            # no name and no time in the gzip header: equal arrays give equal bytes
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as zipped:
                write_idx(data, zipped)

    def preview(self, n_images: int = 50) -> ImagePreview:
        """Draw the first images, or how often each label appears.

        Raises:
            DatasetError: If the file holds neither uint8 images (N, height, width) nor labels (N,).
        """
        array = self.load()
        if array.ndim == 3 and array.dtype == np.uint8:
            return image_sheet(array[:n_images])
        if array.ndim == 1 and array.dtype == np.uint8:
            return count_bars(array)
        raise DatasetError(
            f"{self._path_to_load()}: found {array.dtype} of shape {array.shape}, "
            "expected uint8 images (N, height, width) or labels (N,) for a preview"
        )

    def _path_to_load(self) -> str:
        """Return the path, or the first of its other names that is a file.

        Raises:
            DatasetError: If none is there.
        """
        path = super()._path_to_load()
        folder, slash, name = path.rpartition("/")
        plain = name.removesuffix(".gz")
        suffixes = (".gz", "") if name.endswith(".gz") else ("", ".gz")
        stems = [plain, plain.replace("-idx", ".idx")]
        names = [f"{stem}{suffix}" for stem in stems for suffix in suffixes]
        for candidate in [*names, *(f"{stem}/{name}" for stem in stems for name in names)]:
            found = f"{folder}{slash}{candidate}"
            if self._fs.isfile(found):
                return found
        other = path.removesuffix(".gz") if path.endswith(".gz") else f"{path}.gz"
        raise DatasetError(f"{path}: found neither this file nor {other}, expected one of them")

    def _exists(self) -> bool:
        try:
            self._path_to_load()
        except DatasetError:
            return False
        return True

    def _checksums(self, path: str) -> dict[str, str]:
        """Return the SHA-256 of each name in a list of checksums, if there is one."""
        if not self._fs.exists(path):
            return {}
        text = self._fs.read_text(path, encoding="utf-8-sig", errors="replace")
        checksums = {}
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            match = _CHECKSUM_LINE.fullmatch(line.strip())
            if match is None:
                raise DatasetError(
                    f"{path}: found {line!r} in line {number}, "
                    "expected 64 hexadecimal digits, two spaces and a file name"
                )
            name = match["name"] or match["bsd_name"]
            digits = match["digits"] or match["bsd_digits"]
            checksums[name.removeprefix("./")] = digits.lower()
        return checksums


def _compare(what: str, found: str, expected: str | None) -> None:
    """Raise ValueError if there is a checksum and it is another one."""
    if expected not in (None, found):
        raise ValueError(
            f"found {what} with SHA-256 {found}, expected {expected} by {_CHECKSUMS} beside it"
        )

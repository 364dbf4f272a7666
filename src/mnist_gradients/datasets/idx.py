"""Kedro dataset for IDX files, the format of MNIST and its relatives."""

import gzip
import hashlib
import re
from typing import Any

import numpy as np
from kedro.io import DatasetError, Version
from kedro_datasets._typing import ImagePreview

from mnist_gradients.datasets.file import FileDataset
from mnist_gradients.datasets.idx_format import read_idx, write_idx
from mnist_gradients.datasets.previews import count_bars, image_sheet

_CHECKSUMS = "SHA256SUMS"
# as sha256sum writes it: two spaces, or a space and an asterisk
_CHECKSUM_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


class IdxDataset(FileDataset[np.ndarray]):
    """Loads and saves a NumPy array as an IDX file of any type and dimension.

    On load, gzip is recognised by its first bytes, and if ``x.gz`` is missing but ``x`` is there
    (or the other way round), that file is read. If a file ``SHA256SUMS`` lies beside it and lists
    its name without ``.gz``, the decompressed content must have that SHA-256. On save, the file
    is gzipped if its name ends in ``.gz``; equal arrays give equal bytes.

    Args:
        filepath: Path of the file, local or with any protocol that fsspec knows.
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
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, version=version, metadata=metadata)

    def load(self) -> np.ndarray:
        """Read the array.

        Raises:
            DatasetError: If the file is missing, is not exactly one IDX array, or has another
                SHA-256 than it should.
        """
        with self._reading() as file:
            expected = self._expected_sha256()
            digest = hashlib.sha256()
            array = read_idx(file, digest.update)
            if expected is not None and digest.hexdigest() != expected:
                raise ValueError(
                    f"found content with SHA-256 {digest.hexdigest()}, "
                    f"expected {expected} by {_CHECKSUMS} beside it"
                )
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
        """Return the path, or the same name with or without ``.gz`` if only that file exists.

        Raises:
            DatasetError: If neither is there.
        """
        path = super()._path_to_load()
        other = path.removesuffix(".gz") if path.endswith(".gz") else f"{path}.gz"
        for candidate in (path, other):
            if self._fs.exists(candidate):
                return candidate
        raise DatasetError(f"{path}: found neither this file nor {other}, expected one of them")

    def _exists(self) -> bool:
        try:
            self._path_to_load()
        except DatasetError:
            return False
        return True

    def _expected_sha256(self) -> str | None:
        path = self._get_load_path()
        checksums = self._as_string(path.with_name(_CHECKSUMS))
        if not self._fs.exists(checksums):
            return None
        text = self._fs.read_text(checksums, encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            match = _CHECKSUM_LINE.fullmatch(line)
            if match is None:
                raise DatasetError(
                    f"{checksums}: found {line!r} in line {number}, "
                    "expected 64 hexadecimal digits, two spaces and a file name"
                )
            if match[2] == path.name.removesuffix(".gz"):
                return match[1].lower()
        return None

"""Kedro dataset for a folder of images."""

import base64
import io
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import fsspec
from fsspec.implementations.local import LocalFileSystem
from kedro.io import AbstractDataset, DatasetError
from kedro.io.core import get_protocol_and_path
from kedro_datasets._typing import ImagePreview

from mnist_gradients.maths.checking import mismatch

MOST_BYTES = 2**30


class ImageFolderDataset(AbstractDataset[NoReturn, dict[str, Callable[[], bytes]]]):
    """Loads the files of a folder as functions by name, in the order of the names.

    A function reads its file when it is called, as those of Kedro's PartitionedDataset do, so that
    thousands of files are never in memory together. It raises OSError if the file cannot be opened,
    and ValueError, before it opens anything, if that is a named pipe, a device or above 1 GiB.

    Hidden files, whose name begins with a dot, and folders inside are left out.

    Args:
        filepath: Path of the folder, local or with any protocol that fsspec knows.
        metadata: Anything; Kedro ignores it, kedro-viz reads the layer from it.

    Example in YAML::

        own_digits:
          type: mnist_gradients.datasets.ImageFolderDataset
          filepath: data/01_raw/own_digits

    Example in Python::

        >>> list(ImageFolderDataset(filepath="photos").load())
        ['one.png', 'two.jpg']
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        protocol, path = get_protocol_and_path(filepath)
        self._fs = fsspec.filesystem(protocol)
        self._filepath = PurePosixPath(path)
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], bytes]]:
        """List the files.

        Raises:
            DatasetError: If there is no such folder, or no file in it.
        """
        if not self._exists():
            raise DatasetError(f"{self._filepath}: found no such folder, expected one of images")
        paths = {PurePosixPath(path).name: path for path in self._fs.ls(self._path, detail=False)}
        contents: dict[str, Callable[[], bytes]] = {
            name: partial(self._read, path)
            for name, path in sorted(paths.items())
            if not (name.startswith(".") or self._fs.isdir(path))
        }
        if not contents:
            raise DatasetError(f"{self._filepath}: found no file, expected a folder of images")
        return contents

    def save(self, data: NoReturn) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse to write."""
        raise DatasetError(f"{self._filepath}: found data to save, expected none: it is read only")

    def preview(self, n_images: int = 12) -> ImagePreview:
        """Draw the first images that can be read side by side."""
        from PIL import Image

        side = 160
        cards = []
        for read in list(self.load().values())[:n_images]:
            try:
                with Image.open(io.BytesIO(read())) as image:
                    card = image.convert("RGBA")
            except Exception:  # noqa: S112 - the pipeline reports files that hold no image
                continue
            card.thumbnail((side, side))
            cards.append(card)
        sheet = Image.new("RGBA", (max(1, len(cards)) * side, side), "white")
        for index, card in enumerate(cards):
            sheet.alpha_composite(card, (index * side, 0))
        buffer = io.BytesIO()
        sheet.convert("RGB").save(buffer, format="png")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode("ascii"))

    @property
    def _path(self) -> str:
        return str(self._filepath)

    def _read(self, path: str) -> bytes:
        if isinstance(self._fs, LocalFileSystem):
            status = Path(path).stat()
            if not stat.S_ISREG(status.st_mode):
                raise mismatch("file", "a named pipe or a device", "a regular file")
        size = self._fs.size(path)
        if size is not None and size > MOST_BYTES:
            raise mismatch("file", f"{size:,} bytes", f"at most {MOST_BYTES:,}")
        return bytes(self._fs.cat_file(path))

    def _exists(self) -> bool:
        return self._fs.isdir(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}

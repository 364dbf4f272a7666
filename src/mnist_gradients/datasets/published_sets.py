"""Kedro dataset for labelled images in the files in which others publish them."""

import gzip
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from kedro.io import AbstractDataset, DatasetError
from kedro.io.core import get_protocol_and_path

from mnist_gradients.core.npz import read_npz
from mnist_gradients.datasets.file import MOST_BYTES, naming
from mnist_gradients.datasets.idx import IdxDataset
from mnist_gradients.maths.checking import mismatch

Arrays = tuple[np.ndarray, np.ndarray]
"""Images (N, height, width) and labels (N,) of any type."""

Sets = dict[str, Arrays]
"""``train`` and, if published, ``test``."""

_LABELS = ("label", "labels", "class", "target", "y")
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of red, green and blue
_PARTS = {"train", "training", "test", "testing"}
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_ARRAYS = {  # names of images and labels in an npz archive
    "train": (("x_train", "y_train"), ("train_images", "train_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
    "": (("images", "labels"), ("x", "y"), ("data", "target")),
}


class PublishedSetsDataset(AbstractDataset[NoReturn, Sets]):
    """Loads a set of labelled images from the files in which it was published.

    - IDX files, under MNIST's or EMNIST's names, also with dots and in folders of their own;
    - CSV files with a row per image: a column of labels, the others pixels of a square image;
      without a header the labels come first;
    - npz archives with ``x_train``, ``y_train``, ``x_test``, ``y_test`` and similar names;
    - pictures in a folder per class, also below folders ``train`` and ``test``.

    Colours become grey: their luminance.

    Files and folders with ``test`` or ``t10k`` in their names are the test set.

    Args:
        filepath: A local folder, file, or the beginning of the names of several files.
        most_bytes: Limit of the content of a file, decompressed, and of all pictures together.
        metadata: Anything; Kedro ignores it, kedro-viz reads the layer from it.

    Example in YAML::

        import_data.source:
          type: mnist_gradients.datasets.PublishedSetsDataset
          filepath: /downloads/gzip/emnist-letters
    """

    def __init__(
        self,
        *,
        filepath: str,
        most_bytes: int = MOST_BYTES,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        protocol, path = get_protocol_and_path(filepath)
        if protocol != "file":
            raise mismatch("filepath", filepath, "a local path")
        self._filepath = Path(path)
        self._most_bytes = most_bytes
        self.metadata = metadata

    def load(self) -> Sets:
        """Read the training images and, if there are any, the test images.

        Raises:
            DatasetError: If there are no such files, or their content has another form.
        """
        with naming(str(self._filepath), "read"):
            return self._read()

    def save(self, data: NoReturn) -> NoReturn:  # noqa: ARG002 - Kedro's signature
        """Refuse to save.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._filepath}: found data to save, expected none: it is read only")

    def _read(self) -> Sets:
        files, most = _files(self._filepath), self._most_bytes
        if arrays := [path for path in files if re.search(r"(images|labels).idx\d", path.name)]:
            return _by_part(arrays, lambda paths: _read_idx(paths, most))
        if archives := [path for path in files if path.suffix == ".npz"]:
            return _read_archive(_only(archives), most)
        if tables := [path for path in files if re.search(r"\.csv(\.gz)?$", path.name)]:
            return _by_part(tables, lambda paths: _read_csv(_only(paths), most))
        if pictures := [path for path in files if path.suffix.lower() in _PICTURES]:
            folder = self._filepath

            def upper_folders(path: Path) -> str:
                return str(path.relative_to(folder).parent.parent)

            return _by_part(pictures, lambda paths: _read_pictures(paths, most), upper_folders)
        raise ValueError(f"found {len(files)} files, expected IDX, CSV or npz files, or pictures")

    def _exists(self) -> bool:
        return bool(_files(self._filepath))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


def _files(path: Path) -> list[Path]:
    """Return the files of a folder and its folders, or those whose names begin with the path."""
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [*path.rglob("*")]
    else:
        found = [file for file in path.parent.glob("*") if file.name.startswith(path.name)]
    files = [file for file in found if file.is_file() and not file.name.startswith(".")]
    return sorted(files, key=lambda file: (len(file.parts), file))


def _by_part(
    paths: Iterable[Path],
    read: Callable[[Sequence[Path]], Arrays],
    where: Callable[[Path], str] = lambda path: path.name,
) -> Sets:
    """Read the training and the test files, told apart by a part of their path."""
    parts: dict[str, list[Path]] = {"train": [], "test": []}
    for path in paths:
        is_test = re.search("test|t10k", where(path), re.IGNORECASE)
        parts["test" if is_test else "train"].append(path)
    if not parts["train"]:  # a single file that is named test
        parts = {"train": parts["test"]}
    return {part: read(files) for part, files in parts.items() if files}


def _only(paths: Sequence[Path]) -> Path:
    """Return the file of a part; the same file under two names counts once.

    Raises:
        ValueError: If there are several.
    """
    names = {path.name.replace(".idx", "-idx").removesuffix(".gz") for path in paths}
    if len(names) != 1:
        found = ", ".join(sorted(names)) or "no file"
        raise ValueError(
            f"found {found}, expected one file; the path may be the beginning of its name"
        )
    return paths[0]


def _read_idx(paths: Sequence[Path], most_bytes: int) -> Arrays:
    images, labels = (
        IdxDataset(
            filepath=str(_only([path for path in paths if kind in path.name])),
            most_bytes=most_bytes,
        ).load()
        for kind in ("images", "labels")
    )
    return images, labels


def _read_archive(path: Path, most_bytes: int) -> Sets:
    with path.open("rb") as file:
        found = read_npz(file, most_bytes=most_bytes, check_names=_pairs)
    arrays = {name.lower(): array for name, array in found.items()}
    return {
        part: (_as_images(arrays[images]), arrays[labels].reshape(-1))
        for part, (images, labels) in _pairs(list(found)).items()
    }


def _pairs(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the names of images and labels in an archive, in small letters, by part.

    Raises:
        ValueError: If there are none for training.
    """
    lower = {name.lower() for name in names}
    pairs = {
        part or "train": pair
        for part, choices in _ARRAYS.items()
        for pair in choices
        if lower.issuperset(pair)
    }
    if "train" not in pairs:
        raise mismatch("arrays", ", ".join(names), "x_train, y_train, x_test, y_test")
    return pairs


class _Limited(io.RawIOBase):
    """A file that refuses to go on beyond a number of bytes."""

    def __init__(self, file: Any, most_bytes: int) -> None:
        self._file, self._most = file, most_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n_bytes = self._file.readinto(buffer)
        if self._file.tell() > self._most:
            raise mismatch("content", "more bytes", f"at most {self._most:,}")
        return n_bytes


def _read_csv(path: Path, most_bytes: int) -> Arrays:
    import pandas as pd

    def read(**options: Any) -> pd.DataFrame:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            limited = io.BufferedReader(_Limited(file, most_bytes))
            return pd.read_csv(limited, header=None, **options)

    first = read(nrows=1, dtype=str).iloc[0].str.strip()
    is_named = first.str.lower().isin(_LABELS)
    has_header = is_named.any() or pd.to_numeric(first, errors="coerce").isna().sum() > 1
    if has_header and not is_named.any():
        raise mismatch(path.name, "no column of labels", f"one named {', '.join(_LABELS)}")
    column = int(is_named.argmax()) if has_header else 0
    table = read(skiprows=int(has_header))
    labels = table[column].to_numpy()
    table = table.drop(columns=column)
    if len(table.select_dtypes("number").columns) < len(table.columns):
        raise mismatch(path.name, "text among the pixels", "numbers")
    return _as_images(table.to_numpy()), labels


def _as_images(pixels: np.ndarray) -> np.ndarray:
    """Return images (N, height, width) from images with one or three channels or square rows."""
    if pixels.ndim == 4 and pixels.shape[-1] == 1:
        return pixels[..., 0]
    if pixels.ndim == 4 and pixels.shape[-1] == 3:
        grey = pixels @ _LUMINANCE
        return np.rint(grey) if np.issubdtype(pixels.dtype, np.integer) else grey
    if pixels.ndim != 2:
        return pixels
    side = math.isqrt(pixels.shape[1])
    if not side or side**2 != pixels.shape[1]:
        raise mismatch("pixels", f"{pixels.shape[1]} of an image", "a square number")
    return pixels.reshape(-1, side, side)


def _read_pictures(paths: Sequence[Path], most_bytes: int) -> Arrays:
    from PIL import Image

    labels = [path.parent.name for path in paths]
    if parts := _PARTS & {label.lower() for label in labels}:
        raise mismatch("folders", f"pictures in {', '.join(sorted(parts))}", "a folder per class")
    images: list[np.ndarray] = []
    for path in paths:
        try:
            with Image.open(path) as picture:
                shape = picture.size[::-1]
                _check_shape(path, shape, images[0].shape if images else shape)
                n_bytes = len(paths) * math.prod(shape)
                if n_bytes > most_bytes:
                    raise mismatch("pictures", f"{n_bytes:,} bytes", f"at most {most_bytes:,}")
                images.append(np.asarray(picture.convert("L")))
        except ValueError:
            raise
        except Exception as error:  # Pillow fails in many ways on a broken file
            raise mismatch(path.name, "no whole picture", "one") from error
    return np.stack(images), np.array(labels)


def _check_shape(path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if shape != expected:
        raise mismatch(str(path), f"shape {shape}", f"{expected} of the others")

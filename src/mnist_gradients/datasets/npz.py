"""NumPy's npz archives, read and written without ever pickling."""

from collections.abc import Mapping
from typing import BinaryIO

import numpy as np


def read_npz(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read every array of an npz archive.

    Raises:
        ValueError: If it is no intact npz archive or holds Python objects.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # zipfile, zlib and NumPy fail in a dozen ways on a corrupt archive
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"found an unreadable file ({reason}), expected an npz archive of plain arrays"
        ) from error


def write_npz(
    arrays: Mapping[str, np.ndarray], file: BinaryIO, *, compressed: bool = False
) -> None:
    """Write named arrays as an npz archive; equal arrays give equal bytes."""
    save = np.savez_compressed if compressed else np.savez
    save(file, **arrays)  # type: ignore[arg-type]  # the names are not those of its options

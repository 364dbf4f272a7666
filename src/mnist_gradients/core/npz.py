"""NumPy's npz archives, read and written without ever pickling."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np


def read_npz(
    file: BinaryIO,
    *,
    most_bytes: int = 4 * 2**30,
    check_names: Callable[[Sequence[str]], object] = lambda _: None,
) -> dict[str, np.ndarray]:
    """Read every array of an npz archive.

    Args:
        file: Seekable binary file.
        most_bytes: Limit of all arrays together, by the directory of the archive.
        check_names: Raises ValueError if the names of the arrays are not right; nothing has been
            read by then.

    Raises:
        ValueError: If it is no intact npz archive, holds Python objects, or is too large.
    """
    with _explained():
        archive = np.load(file, allow_pickle=False)
        names, sizes = archive.files, [entry.file_size for entry in archive.zip.infolist()]
    check_names(names)
    if sum(sizes) > most_bytes:
        raise ValueError(f"found {sum(sizes):,} bytes of arrays, expected at most {most_bytes:,}")
    with _explained(), archive:
        return {name: archive[name] for name in names}


@contextmanager
def _explained() -> Iterator[None]:
    """Turn any error into a ValueError about the archive."""
    try:
        yield
    except Exception as error:  # zipfile, zlib and NumPy fail in a dozen ways on a corrupt archive
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(
            f"found an unreadable file ({reason}), expected an npz archive of plain arrays"
        ) from error


def write_npz(
    arrays: Mapping[str, np.ndarray], file: BinaryIO, *, compressed: bool = False
) -> None:
    """Write named arrays as an npz archive; equal arrays give equal bytes."""
    save = np.savez_compressed if compressed else np.savez
    save(file, **arrays)  # type: ignore[arg-type]  # the names are not those of its options

"""Give back the memory of a mapped file as soon as its rows have been read.

Pages of a mapped file stay in a process's memory once they have been touched. The operating system
takes them back when memory runs short, but until then the process grows with its data. Whoever
reads the rows block by block can do without every block but the present one.
"""

from __future__ import annotations

import mmap

import numpy as np
from numpy.typing import NDArray

GATHERED_ROWS = 32  # each may lie on a page of its own, and the kernel maps those around it as well


def release(X: NDArray[np.generic]) -> None:
    """Give back the memory that a view of a mapped file takes; nothing on any other array.

    The contents stay in the file, and whoever reads the rows again finds them there. A map that
    keeps its changes to itself (mode "c") is left alone: its changes would be lost.

    Args:
        X: Rows, (N, d), C-contiguous.
    """
    file = _mapping(X)
    if file is None or not hasattr(file, "madvise") or X.nbytes == 0:
        return
    start = X.ctypes.data - np.frombuffer(file, np.uint8).ctypes.data
    first_page = start - start % mmap.PAGESIZE
    file.madvise(mmap.MADV_DONTNEED, first_page, start + X.nbytes - first_page)


def gather(X: NDArray[np.generic], rows: NDArray[np.integer]) -> NDArray[np.generic]:
    """Copy rows, given by their indices (n,), out of X (N, d), mapped or not."""
    if _mapping(X) is None:
        return X[rows]
    copies = np.empty((len(rows), X.shape[1]), X.dtype)
    for first in range(0, len(rows), GATHERED_ROWS):
        some = slice(first, first + GATHERED_ROWS)
        copies[some] = X[rows[some]]
        release(X)
    return copies


def _mapping(X: NDArray[np.generic]) -> mmap.mmap | None:
    """The mapped file that an array is a view of; None if its memory is not a file's alone."""
    owner: object = X
    while isinstance(owner, np.ndarray):
        if isinstance(owner, np.memmap) and owner.mode == "c":
            return None
        owner = owner.base
    return owner if isinstance(owner, mmap.mmap) else None

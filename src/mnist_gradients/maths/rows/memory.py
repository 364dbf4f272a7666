"""New memory for large arrays that are filled once and read a few times."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike, NDArray


def new_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """An array of zeros in pages of the usual size.

    NumPy asks Linux for huge pages where an array takes 4 MB or more. On a virtual machine, the
    first use of a huge page can cost four times as much as that of usual pages of the same size,
    more than a solver's copy of a few thousand rows gains by them.

    Args:
        shape: Shape of the array.
        dtype: Type of its entries.
    """
    dtype = np.dtype(dtype)
    memory = bytearray(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(memory, dtype=dtype).reshape(shape)

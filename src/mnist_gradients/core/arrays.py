"""One check of an array's type and shape, worded alike wherever the package makes it."""

import numpy as np


def check_array(name: str, array: object, dtype: type, dimensions: int) -> None:
    """Check that ``array`` is a non-empty array of that type and number of dimensions.

    Args:
        name: What to call the array in the message.
        array: The array to check.
        dtype: Its type, such as ``np.uint8``, or a family of types, such as ``np.integer``.
        dimensions: Its number of dimensions.

    Raises:
        ValueError: If it is not; the message begins with ``name``.
    """
    expected = f"expected a non-empty {dimensions}-dimensional {dtype.__name__} array"
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name}: found {type(array).__name__}, {expected}")
    if not np.issubdtype(array.dtype, dtype) or array.ndim != dimensions or array.size == 0:
        raise ValueError(f"{name}: found {array.dtype} of shape {array.shape}, {expected}")

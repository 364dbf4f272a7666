"""Error messages in one form, ``name: found X, expected Y``, and the checks that raise them."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray


def mismatch(name: str, found: object, expected: str) -> ValueError:
    """Return the error ``name: found X, expected Y``, for the caller to raise."""
    return ValueError(f"{name}: found {found}, expected {expected}")


def check_number(name: str, value: object, *, zero: bool = False, infinity: bool = False) -> None:
    """Check that a value is a positive number.

    Args:
        name: Name of the parameter in the error message.
        value: The value.
        zero: Whether zero is allowed.
        infinity: Whether infinity is allowed.

    Raises:
        ValueError: If it is not.
    """
    number = float(value) if isinstance(value, Real) else np.nan
    in_range = number > 0 or (zero and number == 0)
    if not in_range or (np.isinf(number) and not infinity):
        kind = "number" if infinity else "finite number"
        raise mismatch(name, repr(value), f"a {kind} {'of at least' if zero else 'above'} 0")


def check_count(name: str, value: object, *, least: int = 1) -> None:
    """Check that a value is an integer of at least ``least``.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, bool) or not (isinstance(value, Integral) and int(value) >= least):
        raise mismatch(name, repr(value), f"an integer of at least {least}")


def check_flag(name: str, value: object) -> None:
    """Check that a value is True or False.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise mismatch(name, repr(value), "True or False")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Check that a value is one of some names.

    Raises:
        ValueError: If it is not.
    """
    names = list(choices)
    if value not in names:
        raise mismatch(name, repr(value), f"one of {', '.join(names)}")


def check_array(name: str, array: object, dtype: type, dimensions: int) -> None:
    """Check that a value is a non-empty array of a type and a number of dimensions.

    Args:
        name: Name of the array in the error message.
        array: The value.
        dtype: A type, such as ``np.uint8``, or a family of types, such as ``np.integer``.
        dimensions: Number of dimensions.

    Raises:
        ValueError: If it is not.
    """
    expected = f"a non-empty {dimensions}-dimensional {dtype.__name__} array"
    if not isinstance(array, np.ndarray):
        raise mismatch(name, type(array).__name__, expected)
    if not np.issubdtype(array.dtype, dtype) or array.ndim != dimensions or array.size == 0:
        raise mismatch(name, f"{array.dtype} of shape {array.shape}", expected)


def check_shape(name: str, array: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    """Check the shape of an array.

    Raises:
        ValueError: If it is another.
    """
    if array.shape != shape:
        raise mismatch(name, f"shape {array.shape}", f"{shape}")

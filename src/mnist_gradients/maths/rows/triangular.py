"""Cholesky factors and triangular systems in float32, solved while other threads go on.

SciPy's wrappers of LAPACK and BLAS hold Python's lock as long as the routine runs, so that threads
would take turns. The routines themselves, which SciPy offers to compiled code
(`scipy.linalg.cython_lapack`, `cython_blas`), are called by ctypes here, which lets go of the lock.

LAPACK stores columns one after another: what is the lower triangular L to NumPy is the upper
triangular L^T to LAPACK.
"""

from __future__ import annotations

import ctypes
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_blas, cython_lapack

Matrix = NDArray[np.float32]


def cholesky(H: Matrix) -> Matrix:
    """Lower triangular L with L L^T = H, in the place of the symmetric H (n, n).

    What lies above the diagonal stays as it was; :func:`solve_lower` does not look at it.

    Raises:
        LinAlgError: If H is not positive definite.
    """
    _check(H, len(H))
    n, info = ctypes.c_int(len(H)), ctypes.c_int()
    _spotrf(b"U", n, H.ctypes.data, n, info)
    if info.value != 0:
        raise np.linalg.LinAlgError(f"found a matrix not positive definite at row {info.value}")
    return H


def solve_lower(L: Matrix, v: NDArray[np.float32], *, transposed: bool = False) -> Matrix:
    """L^{-1} v, or L^{-T} v, for a lower triangular L (n, n) and v (n,)."""
    _check(L, len(v))
    x = np.array(v, dtype=np.float32, order="C")
    n, one = ctypes.c_int(len(x)), ctypes.c_int(1)
    _strsv(b"U", b"N" if transposed else b"T", b"N", n, L.ctypes.data, n, x.ctypes.data, one)
    return x


def _check(matrix: Matrix, n: int) -> None:
    """Refuse what a compiled routine would misread."""
    if matrix.dtype != np.float32 or matrix.shape != (n, n) or not matrix.flags.c_contiguous:
        raise ValueError(
            f"matrix is {matrix.dtype} of shape {matrix.shape}, expected float32 of shape "
            f"({n}, {n}), one row after another"
        )


def _routine(module: ModuleType, name: str, *arguments: Any) -> Any:
    """Return a compiled routine of SciPy as a function that ctypes can call."""
    capsule = module.__pyx_capi__[name]
    name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
        ("PyCapsule_GetName", ctypes.pythonapi)
    )
    address_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    signature = name_of(capsule)
    if b", int *" not in signature:  # a build of SciPy with integers of another size
        raise ImportError(f"scipy: {name} is {signature!r}, expected arguments of type int *")
    return ctypes.CFUNCTYPE(None, *arguments)(address_of(capsule, signature))


_Character, _Address = ctypes.c_char_p, ctypes.c_void_p
_Integer = ctypes.POINTER(ctypes.c_int)
_spotrf = _routine(cython_lapack, "spotrf", _Character, _Integer, _Address, _Integer, _Integer)
_strsv = _routine(
    *(cython_blas, "strsv", _Character, _Character, _Character),
    *(_Integer, _Address, _Integer, _Address, _Integer),
)

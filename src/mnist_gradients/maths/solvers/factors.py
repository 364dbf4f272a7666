"""Factors M of a symmetric matrix H, with M^T M close to its inverse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import get_lapack_funcs

from mnist_gradients.maths.checking import mismatch
from mnist_gradients.maths.linear_objective import Floats, Vector


def inverse_root(H: Vector, multiply: Callable[[Vector], Vector]) -> Vector:
    """M with M^T M close to the inverse of H, which may be singular to within rounding.

    H is scaled to a diagonal of ones. Where its eigenvalues are below the rounding of its entries,
    it is projected on their eigenvectors by products with the rows, which are accurate even if
    features differ by little more than rounding. Directions without curvature, which other rows may
    have, get the least that others have.

    Args:
        H: Symmetric, with no negative eigenvalue beyond rounding, (n, n), in float64.
        multiply: H times a vector by products with the rows, not with the entries of H.
    """
    diagonal = np.diag(H)
    root = np.sqrt(np.where(diagonal > 0, diagonal, 1))
    eigenvalues, Q = np.linalg.eigh(H / root / root[:, None])
    rounding = len(H) * np.finfo(np.float64).eps
    flat = int(np.sum(eigenvalues <= 10 * rounding * eigenvalues[-1]))  # the first are the least
    if flat:
        images = [multiply(q / root) / root for q in Q[:, :flat].T]
        eigenvalues[:flat], rotation = np.linalg.eigh(Q[:, :flat].T @ np.column_stack(images))
        Q[:, :flat] = Q[:, :flat] @ rotation
    positive = eigenvalues > rounding**2 * eigenvalues[-1]
    least = eigenvalues[flat] if eigenvalues[-1] > 0 else 1.0
    inverse_roots = 1 / np.sqrt(np.where(positive, eigenvalues, least))
    return Q.T * inverse_roots[:, None] / root


def inverse_factor(H: Floats) -> tuple[Floats, float]:
    """Lower triangular M with M^T M close to the inverse of H.

    Args:
        H: Symmetric, with no negative eigenvalue beyond rounding, (n, n); it is overwritten.

    Returns:
        M, (n, n), and the smallest pivot: what part of a diagonal entry no other row explains.

    Raises:
        ValueError: If H is not finite.
    """
    n = len(H)
    if n == 0:
        return H, 1.0
    (trtri,) = get_lapack_funcs(("trtri",), (H,))
    U, root = scaled_cholesky(H)
    smallest = float(np.diag(U).min()) ** 2
    inverse, _ = trtri(U, lower=False, overwrite_c=True)  # H = U^T U, so M = U^-T
    inverse /= root[:, None]
    return inverse.T, smallest


def scaled_cholesky(H: Floats) -> tuple[Floats, Floats]:
    """Upper triangular U with U^T U close to H scaled to a diagonal of ones.

    H may be singular to within rounding: its diagonal is raised until it has a Cholesky factor.

    Args:
        H: Symmetric, with no negative eigenvalue beyond rounding, (n, n), n > 0; it is overwritten.

    Returns:
        U, (n, n), and the roots of the diagonal of H, 1 where it is zero, (n,).

    Raises:
        ValueError: If H is not finite.
    """
    (potrf,) = get_lapack_funcs(("potrf",), (H,))
    diagonal = np.diag(H).copy()
    if not np.isfinite(diagonal).all():  # no other entry of products of rows is larger
        raise mismatch("X", "values whose squares are not finite", "finite numbers")
    root = np.sqrt(np.where(diagonal > 0, diagonal, 1), dtype=H.dtype)
    H /= root
    H /= root[:, None]
    jitter = len(H) * np.finfo(H.dtype).eps
    info = 1
    while info != 0:
        np.fill_diagonal(H, 1 + jitter)
        # LAPACK stores columns one after another: the transposed copy is the symmetric H itself.
        U, info = potrf(H.T, lower=False, overwrite_a=False)
        jitter *= 100
    return U, root

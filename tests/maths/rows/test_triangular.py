"""Factors and solutions: exact by their definition, and refused where memory would be misread."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_gradients.maths.rows.triangular import cholesky, solve_lower


def lower_triangular(n, seed):
    generator = np.random.default_rng(seed)
    L = np.tril(generator.normal(size=(n, n)) / n)
    L[np.diag_indices(n)] = generator.uniform(1, 2, n)
    return L.astype(np.float32)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 99))
def test_cholesky_finds_the_factor_that_a_matrix_was_made_from(n, seed):
    L = lower_triangular(n, seed)
    np.testing.assert_allclose(np.tril(cholesky(L @ L.T)), L, atol=2e-6)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 99))
def test_solutions_times_the_matrix_give_the_right_hand_side_back(n, seed):
    L = lower_triangular(n, seed)
    v = np.random.default_rng(seed).normal(size=n).astype(np.float32)
    before = L.copy(), v.copy()
    np.testing.assert_allclose(L @ solve_lower(L, v), v, atol=5e-6)
    np.testing.assert_allclose(L.T @ solve_lower(L, v, transposed=True), v, atol=5e-6)
    np.testing.assert_array_equal(L, before[0])
    np.testing.assert_array_equal(v, before[1])


def test_what_lies_above_the_diagonal_does_not_count():
    L = lower_triangular(5, 0)
    v = np.ones(5, np.float32)
    full = np.where(np.tri(5, dtype=bool), L, np.float32(np.nan))
    for transposed in (False, True):
        np.testing.assert_array_equal(
            solve_lower(full, v, transposed=transposed), solve_lower(L, v, transposed=transposed)
        )


def test_a_column_of_a_matrix_is_read_as_it_is():
    L, columns = lower_triangular(4, 1), np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_array_equal(
        solve_lower(L, columns[:, 1]), solve_lower(L, columns[:, 1].copy())
    )


def test_a_matrix_that_is_not_positive_definite_is_refused():
    H = np.diag(np.array([1, 2, -1, 3], np.float32))
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite at row 3"):
        cholesky(H)


@pytest.mark.parametrize(
    ("matrix", "found"),
    [
        (np.eye(3), r"float64 of shape \(3, 3\)"),
        (np.eye(3, 4, dtype=np.float32), r"float32 of shape \(3, 4\)"),
        (np.eye(6, dtype=np.float32)[::2, ::2], r"float32 of shape \(3, 3\)"),
    ],
)
def test_memory_that_would_be_misread_is_refused(matrix, found):
    with pytest.raises(ValueError, match=found):
        cholesky(matrix)
    with pytest.raises(ValueError, match=found):
        solve_lower(matrix, np.ones(3, np.float32))

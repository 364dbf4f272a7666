"""Products of tall blocks, by tiles, padded and sparse, are the products."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from mnist_gradients.maths.rows import products


@given(st.integers(1, 200), st.integers(1, 5), st.integers(1, 4), st.integers(1, 400))
def test_products_by_tiles_are_the_products(n_rows, d, K, small):
    generator = np.random.default_rng(n_rows)
    X = generator.normal(size=(n_rows, d))
    W, R = generator.normal(size=(d, K)), generator.normal(size=(n_rows, K))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "SMALL_PRODUCT", small)
        patch.setattr(products, "LEAST_ROWS", 1)
        patch.setattr(products, "multiplies_small_operands_in_place", lambda: True)
        np.testing.assert_allclose(products.product(X, W), X @ W, atol=1e-12)
        np.testing.assert_allclose(products.transposed_product(X, R), X.T @ R, atol=1e-12)


@pytest.mark.parametrize(
    ("d", "K", "rows"),
    [
        (784, 10, 96),  # softmax on MNIST: cut
        (784, 1, 200),  # a single column: no need
        (8, 10, 200),  # small anyway
        (10_000, 10, 200),  # tiles of eight rows would not pay
    ],
)
def test_tiles_suit_the_shapes(monkeypatch, d, K, rows):
    monkeypatch.setattr(products, "multiplies_small_operands_in_place", lambda: True)
    assert products.rows_per_tile(200, d, K) == rows


class Library:
    """A BLAS library of some architecture, as threadpoolctl describes it."""

    def __init__(self, info):
        self.info = lambda: info


@pytest.mark.parametrize(("architecture", "tiled"), [("SkylakeX", True), ("Haswell", False)])
def test_tiles_are_used_on_avx512_only(monkeypatch, architecture, tiled):
    libraries = [Library({"architecture": kind}) for kind in ("Haswell", architecture)]
    libraries.append(Library({}))
    monkeypatch.setattr(products, "blas_libraries", lambda: libraries)
    products.multiplies_small_operands_in_place.cache_clear()
    assert (products.rows_per_tile(200, 784, 10) < 200) == tiled
    products.multiplies_small_operands_in_place.cache_clear()


def test_types_are_kept():
    X, W = np.ones((3, 2), np.float32), np.ones((2, 4), np.float32)
    assert products.product(X, W).dtype == np.float32
    assert products.transposed_product(X, np.ones((3, 4), np.float32)).dtype == np.float32


@pytest.mark.parametrize("K", [1, 2, 3, 4, 10])
def test_padding_does_not_change_the_products(monkeypatch, K):
    monkeypatch.setattr(products, "multiplies_small_operands_in_place", lambda: False)
    generator = np.random.default_rng(K)
    X, W, R = (generator.normal(size=shape) for shape in ((50, 7), (7, K), (50, K)))
    assert products.product(X, W).shape == (50, K)
    np.testing.assert_allclose(products.product(X, W), X @ W, atol=1e-12)
    np.testing.assert_allclose(products.transposed_product(X, R), X.T @ R, atol=1e-12)


def test_sparse_blocks_give_dense_products():
    generator = np.random.default_rng(0)
    X = np.where(generator.random((50, 7)) < 0.7, 0, generator.normal(size=(50, 7)))
    W, R = generator.normal(size=(7, 3)), generator.normal(size=(50, 3))
    np.testing.assert_allclose(products.product(csr_array(X), W), X @ W, atol=1e-12)
    np.testing.assert_allclose(products.transposed_product(csr_array(X), R), X.T @ R, atol=1e-12)

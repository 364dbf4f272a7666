import numpy as np
import pytest
import scipy.sparse

from mnist_gradients.maths.rows.labelled_rows import ArrayRows


def test_blocks_of_sparse_rows_share_their_memory():
    X = scipy.sparse.random_array(
        (70_000, 60), density=0.1, format="csr", rng=np.random.default_rng(0)
    )
    y = np.arange(70_000) % 3
    blocks = []

    def term(rows, labels, _):
        blocks.append((rows, labels))
        return (rows.sum(axis=0),)

    (total,) = ArrayRows(X, y).sum(term, term_entries=60, threads=1)
    assert len(blocks) > 1
    assert all(np.shares_memory(rows.data, X.data) for rows, _ in blocks)
    np.testing.assert_array_equal(scipy.sparse.vstack([r for r, _ in blocks]).data, X.data)
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in blocks]), y)
    np.testing.assert_allclose(total, X.sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_of_all_rows_are_joined_in_their_order(weighted):
    X = np.arange(70_000.0)[:, None]
    y = np.arange(70_000) % 3
    weights = np.random.default_rng(0).uniform(size=70_000) if weighted else None
    sizes = []

    def term(rows, labels, s):
        sizes.append(len(rows))
        return rows[:, 0], np.stack([labels, labels if s is None else s], axis=1)

    first, second = ArrayRows(X, y, weights).each(term, term_entries=1, threads=2)
    assert len(sizes) > 1
    np.testing.assert_array_equal(first, X[:, 0])
    np.testing.assert_array_equal(second[:, 0], y)
    np.testing.assert_array_equal(second[:, 1], y if weights is None else weights)


@pytest.mark.parametrize("n_memory", [2, 3, 5])
def test_taken_rows_may_overwrite_memory_that_is_large_enough(n_memory):
    X, memory = np.arange(12.0).reshape(6, 2), np.full((n_memory, 2), -1.0)
    rows = ArrayRows(X, np.arange(6)).take(np.array([1, 2, 5]), None, memory)
    np.testing.assert_array_equal(rows.X, X[[1, 2, 5]])
    assert rows.y.tolist() == [1, 2, 5]
    assert np.shares_memory(rows.X, memory) == (n_memory >= 3)
    assert (memory[3:] == -1).all()
    np.testing.assert_array_equal(X, np.arange(12.0).reshape(6, 2))


def test_a_block_of_sparse_rows_is_made_once():
    y = np.zeros(30, dtype=int)
    rows = ArrayRows(scipy.sparse.random_array((30, 8), density=0.5, format="csr", rng=0), y)
    first = rows.block(slice(5, 20))
    assert rows.block(slice(5, 20)) is first
    assert rows.block(slice(5, 21)) is not first
    np.testing.assert_array_equal(first.toarray(), rows.X.toarray()[5:20])

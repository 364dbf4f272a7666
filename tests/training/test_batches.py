import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mnist_gradients.training.batches import draw_batches, stack


@given(n_images=st.integers(1, 40), batch_size=st.integers(1, 10), seed=st.integers(0, 99))
def test_every_epoch_is_a_permutation(parameters, n_images, batch_size, seed):
    batch_size = min(batch_size, n_images)
    per_epoch = n_images // batch_size
    batches = draw_batches(n_images, parameters(batch_size=batch_size), seed)
    for _ in range(3):
        epoch = list(itertools.islice(batches, per_epoch))
        rows = np.concatenate([batch.rows for batch in epoch])
        assert len(np.unique(rows)) == len(rows) == per_epoch * batch_size
        assert rows.min() >= 0
        assert rows.max() < n_images
        for batch in epoch:
            assert batch.rows.dtype == np.int32
            assert batch.rows.shape == (batch_size,)
            assert [len(array) for array in batch.augmentations.arrays()] == [batch_size] * 3


def drawn(parameters, seed, first=0, count=7):
    chosen = parameters(augmentation={"translation": 2, "rotation": 5})
    return stack(draw_batches(90, chosen, seed, first), count)


def test_seed_determines_the_batches(parameters):
    for one, same, other in zip(*(drawn(parameters, seed) for seed in (0, 0, 1)), strict=True):
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()


def test_epochs_differ_in_order(parameters):
    rows = drawn(parameters, 0, count=6)[0].reshape(2, 90)
    assert (rows[0] != rows[1]).any()


def test_batches_from_a_later_iteration_are_those_of_the_whole_run(parameters):
    whole = drawn(parameters, 0, count=12)
    for first in (0, 2, 3, 7, 11):  # an epoch holds three
        rest = drawn(parameters, 0, first, 12 - first)
        for all_rows, end in zip(whole, rest, strict=True):
            np.testing.assert_array_equal(all_rows[first:], end)

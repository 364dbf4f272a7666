"""Samples of rows: every class, and no bias."""

import numpy as np
import pytest

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers.sampling import sample


def objective_with(counts, weights=None):
    """Rows that hold their own numbers, labels in a random order."""
    y = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    X = np.arange(len(y), dtype=np.float64)[:, None]
    kind = LogisticObjective if len(counts) == 2 else SoftmaxObjective
    return kind(X, y, 0.1, weights=weights)


@pytest.mark.parametrize(
    ("counts", "n", "drawn"),
    [
        ([5_000, 5_000], 1_000, None),  # an even sample
        ([6_000, 4_000], 1_000, None),
        ([9_000, 1_000], 1_000, [900, 250]),  # half an even part
        ([90_000, 10_000], 8_000, [7_200, 1_000]),
        ([9_990, 10], 1_000, [999, 10]),  # all that there are
        ([5_000, 4_500, 500], 600, [300, 270, 100]),
    ],
)
def test_a_sample_holds_enough_of_each_class(counts, n, drawn):
    rows = sample(objective_with(counts), n, np.random.default_rng(0)).rows
    if drawn is None:
        assert rows.shape == (n, 1)
        assert rows.weights is None
        np.testing.assert_allclose(rows.class_counts / n, np.array(counts) / sum(counts), atol=0.05)
    else:
        assert rows.class_counts.tolist() == drawn
        np.testing.assert_allclose(rows.class_weights, counts)  # no class counts for more
    assert (np.diff(rows.X[:, 0]) >= 0).all()  # in order


def test_the_objective_on_samples_is_that_on_all_rows_on_average():
    counts = [1_900, 100]
    weights = np.random.default_rng(2).uniform(0.5, 2, sum(counts))
    objective = objective_with(counts, weights)
    objective.rows.X[:] = np.sin(objective.rows.X)
    w = np.array([1.0, -2.0])
    generator = np.random.default_rng(0)
    losses = [sample(objective, 200, generator)(w)[0] for _ in range(400)]
    assert np.mean(losses) == pytest.approx(objective(w)[0], abs=4 * np.std(losses) / 20)
    assert np.std(losses) < 0.1


def test_few_rows_are_all_in_the_sample():
    objective = objective_with([30, 20])
    assert sample(objective, 50, np.random.default_rng(0)) is objective

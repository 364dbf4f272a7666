"""Samples of rows: every class, and no bias."""

import numpy as np
import pytest
import scipy.sparse

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import preconditioned_lbfgs
from mnist_gradients.maths.solvers.sampling import (
    Candidates,
    candidate_rows,
    sample,
    sample_by_pull,
)


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


def drawn_by_residuals(objective, w, n, generator):
    return Candidates(objective, n, generator).informative(objective, w)


def overlapping(N, d, seed=0, scale=3.0):
    """Labels of three classes, most of which the rows tell with confidence."""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((N, d))
    logits = scale * X @ generator.standard_normal((d, 3)) + [2.0, 0.0, 0.0]
    return X, np.argmax(logits + generator.gumbel(size=logits.shape), axis=1)


@pytest.mark.parametrize(
    ("N", "d", "n", "expected"),
    [
        (60_000, 784, 4_320, 12_960),
        (60_000, 784, 7_920, 20_000),  # a third of all rows
        (25_919, 784, 4_320, 0),  # too few
        (10**6, 5_000, 16_000, 0),  # too long
        (10**6, 1_000, 10_000, 25_000),
    ],
)
def test_candidates_are_at_least_twice_as_many_as_are_chosen(N, d, n, expected):
    X = np.broadcast_to(np.float32(1), (N, d))
    objective = LogisticObjective(X, np.arange(N) % 2, 0.1)
    assert candidate_rows(objective, n) == expected


@pytest.mark.parametrize("sparse", [False, True])
def test_informative_rows_may_take_the_place_of_the_pilot_sample(sparse):
    X, y = overlapping(6_000, 4)
    objective = SoftmaxObjective(scipy.sparse.csr_matrix(X) if sparse else X, y, 1e-2)
    memory = None if sparse else np.empty((800, 4))
    candidates = Candidates(objective, 600, np.random.default_rng(0), memory)
    pilot = candidates.pilot.rows
    before = pilot.X.copy()
    few = candidates.informative(objective, np.zeros(objective.size))
    taken = few.rows.X.toarray() if sparse else few.rows.X
    order = {x: i for i, x in enumerate(X[:, 0])}
    chosen = [order[x] for x in taken[:, 0]]
    np.testing.assert_array_equal(taken, X[chosen])
    np.testing.assert_array_equal(few.rows.y, y[chosen])
    if not sparse:
        assert np.shares_memory(pilot.X, taken)
        assert (before != pilot.X).any()


@pytest.mark.parametrize("weighted", [False, True])
def test_an_informative_sample_gives_each_row_the_inverse_of_its_chance(weighted):
    X, y = overlapping(6_000, 4)
    s = np.random.default_rng(3).uniform(0.5, 2, len(y)) if weighted else None
    objective = SoftmaxObjective(X, y, 1e-2, weights=s)
    w = preconditioned_lbfgs(objective, tolerance=1e-2).weights
    generator = np.random.default_rng(0)
    seen, total, losses, numbers = np.zeros(6_000), np.zeros(6_000), [], []
    order = {x: i for i, x in enumerate(X[:, 0])}
    for _ in range(300):
        rows = (few := drawn_by_residuals(objective, w, 600, generator)).rows
        chosen = [order[x] for x in rows.X[:, 0]]
        np.testing.assert_array_equal(rows.y, y[chosen])
        numbers.append(len(chosen))
        losses.append(few(w)[0] * rows.total_weight)
        seen[chosen] += 1
        total[chosen] += rows.weights
    assert np.mean(numbers) == pytest.approx(600, rel=0.01)
    # 1,800 of 6,000 rows are candidates.
    expected = (objective(w)[0]) * objective.rows.total_weight * 1_800 / 6_000
    assert np.mean(losses) == pytest.approx(expected, abs=4 * np.std(losses) / np.sqrt(300))
    residuals = np.abs(objective.residuals(w, np.arange(6_000))).max(axis=1)
    sure, vain = seen[residuals > 0.8].mean(), seen[residuals < 0.01].mean()
    assert sure > 75  # of 300 samples, 90 have a row among the candidates
    assert vain < 15
    given = np.ones(6_000) if s is None else s
    weights = total[seen > 0] / seen[seen > 0]
    assert (weights / given[seen > 0]).min() == pytest.approx(1, rel=1e-6)
    assert weights.max() < 5 * 3 * 1.1 * given.mean()


def test_a_rare_class_has_its_part_of_an_informative():
    X, y = overlapping(60_000, 4)
    rare = np.random.default_rng(0).choice(60_000, 60, replace=False)
    y[rare] = 3
    objective = SoftmaxObjective(X, y, 1e-3)
    w = preconditioned_lbfgs(objective, tolerance=1e-2).weights
    few = drawn_by_residuals(objective, w, 4_000, np.random.default_rng(0))
    assert few.rows.class_counts[3] == 60
    assert few.rows.class_weights[3] == pytest.approx(60)
    assert few.rows.class_counts.min() == 60


def test_the_minimum_on_an_informative_sample_is_closer_to_that_on_all_rows():
    X, y = overlapping(30_000, 20, scale=2.0)
    objective = SoftmaxObjective(X, y, 1e-4)
    found = preconditioned_lbfgs(objective, tolerance=1e-9)
    generator = np.random.default_rng(0)

    def gap(few):
        w = preconditioned_lbfgs(few, tolerance=1e-6).weights
        return objective(w)[0] / found.objective - 1

    even = [gap(sample(objective, 1_500, generator)) for _ in range(8)]
    informative = [
        gap(drawn_by_residuals(objective, found.weights, 1_500, generator)) for _ in range(8)
    ]
    assert np.mean(informative) < 0.5 * np.mean(even)


def test_rows_without_residuals_are_drawn_evenly():
    X = np.repeat([[-1.0], [1.0]], 3_000, axis=0)
    objective = LogisticObjective(X, (X[:, 0] > 0).astype(int), 0.0, intercept="none")
    few = drawn_by_residuals(objective, np.array([1e4]), 600, np.random.default_rng(0))
    np.testing.assert_allclose(few.rows.weights, 3)
    assert few.rows.shape[0] == pytest.approx(600, abs=80)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_sample_by_pulls_gives_each_row_the_inverse_of_its_chance(weighted):
    generator = np.random.default_rng(0)
    N = 4_000
    s = generator.uniform(0.5, 2, N) if weighted else None
    objective = objective_with([3_900, 100], s)  # 100 rare rows: 50 of 200 are drawn evenly
    length, curvature = generator.exponential(size=N), np.zeros(N)
    length[:3] = np.inf, 1e30, 1e5
    curvature[3:10] = 2.0
    seen, total = np.zeros(N), np.zeros(N)
    for _ in range(300):
        pulls = [(length, 100), (curvature, 5)]
        rows = sample_by_pull(objective, 200, pulls, generator).rows
        chosen = rows.X[:, 0].astype(int)
        assert (np.diff(chosen) > 0).all()
        np.testing.assert_array_equal(rows.y, objective.rows.y[chosen])
        seen[chosen] += 1
        total[chosen] += rows.weights
    given = np.ones(N) if s is None else s
    assert (seen[:3] == 300).all()
    np.testing.assert_allclose(total[:3], 300 * given[:3], rtol=1e-9)  # certain, hence weight 1
    rare = objective.rows.y == 1
    assert seen[rare][5:].mean() == pytest.approx(300 * 0.5, rel=0.05)
    assert seen[3:10].mean() > 300 * 0.95 * 5 / 7
    assert seen[10:][~rare[10:]].mean() < 300 * 0.1
    weights = total[seen > 0] / seen[seen > 0] / given[seen > 0]
    np.testing.assert_allclose(weights[seen[seen > 0] == 300], 1)
    assert np.mean(total / given) / 300 == pytest.approx(1, rel=0.01)
    assert (weights * seen[seen > 0]).mean() == pytest.approx(300 * N / (seen > 0).sum(), rel=0.01)


def test_a_sample_without_pulls_is_an_even_one():
    rows = sample_by_pull(
        objective_with([3_000, 3_000]), 600, [(np.zeros(6_000), 300)], np.random.default_rng(0)
    ).rows
    assert rows.shape == (600, 1)
    np.testing.assert_allclose(rows.weights, 10)

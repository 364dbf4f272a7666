"""The default solver: as close to the minimum as it says, on easy and on hard problems."""

import gc
import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import confirmation, local_objective, search
from mnist_gradients.maths.solvers.coordinates import Coordinates
from mnist_gradients.maths.solvers.descent import gradient_descent
from mnist_gradients.maths.solvers.lbfgs import InverseHessian, lbfgs, lbfgs_iterates
from mnist_gradients.maths.solvers.local_objective import plain_start, warm_start
from mnist_gradients.maths.solvers.preconditioned_lbfgs import preconditioned_lbfgs
from mnist_gradients.maths.solvers.sampling import stretches
from mnist_gradients.maths.solvers.search import ROUND
from mnist_gradients.maths.solvers.suboptimality import estimate_suboptimality
from mnist_gradients.maths.solvers.working_problem import WorkingProblem

RAW = Path(__file__).parents[3] / "data" / "01_raw" / "mnist"


def objective_for(X, y, l2, **options):
    return (LogisticObjective if y.max() == 1 else SoftmaxObjective)(X, y, l2, **options)


def minimum(X, y, l2):
    """Objective, in float64, at the minimum that scikit-learn's Newton method finds."""
    X = X / 255.0 if X.dtype == np.uint8 else X.astype(np.float64)
    model = LogisticRegression(
        C=1 / (len(y) * l2), solver="newton-cholesky", tol=1e-9, max_iter=200
    )
    with threadpool_limits(1):  # threads that wait for each other cost more than they give
        model.fit(X, y)
    objective = objective_for(X, y, l2)
    return objective(objective.pack(model.coef_.T, model.intercept_))[0]


def gap(solution, X, y, l2, best):
    exact = objective_for(X, y, l2, compute_dtype=np.float64)
    return exact(solution.weights)[0] / best - 1


@pytest.fixture(scope="module")
def full_mnist():
    """All training images, uint8 (60000, 784), and their labels."""
    with gzip.open(RAW / "train-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16)
    with gzip.open(RAW / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images.reshape(-1, 784), labels


@pytest.fixture(scope="module")
def mnist(full_mnist):
    """The same images, every four by four pixels averaged to one: uint8 (60000, 49)."""
    images, labels = full_mnist
    means = images.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4))
    return means.astype(np.uint8).reshape(-1, 49), labels


@pytest.fixture(scope="module")
def digits():
    """scikit-learn's digits, every two by two pixels averaged to one: float64 (1797, 16)."""
    X, y = load_digits(return_X_y=True)
    return X.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16) / 16, y


def gaussian(N, d, condition=1.0, seed=0):
    """Gaussian rows whose covariance has the given condition number, and noisy labels."""
    generator = np.random.default_rng(seed)
    Q = np.linalg.qr(generator.normal(size=(d, d)))[0]
    X = generator.normal(size=(N, d)) @ (Q * np.geomspace(1, condition**-0.5, d)) @ Q.T
    return X, (X @ generator.normal(size=d) + 0.3 * generator.normal(size=N) > 0).astype(int)


def separable(N, d):
    X, y = gaussian(N, d)
    y = (X[:, 0] > 0).astype(int)
    X[:, 0] += np.sign(X[:, 0])
    return X, y


@pytest.mark.parametrize("l2", [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
@pytest.mark.parametrize("task", ["digits", "digits_odd", "mnist_odd"])
def test_the_true_gap_is_at_most_the_tolerance(request, task, l2):
    X, y = request.getfixturevalue(task.removesuffix("_odd"))
    X, y = X[:20_000], y[:20_000] % 2 if task.endswith("_odd") else y
    best = minimum(X, y, l2)
    objective = objective_for(X.astype(np.float32) / 255 if X.dtype == np.uint8 else X, y, l2)
    for tolerance in [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7]:
        solution = preconditioned_lbfgs(objective, tolerance=tolerance)
        assert solution.converged
        assert solution.message == f"relative gap at most {tolerance:g}"
        assert gap(solution, X, y, l2, best) <= tolerance


def five_classes():
    """Classes that a few columns tell apart, on scales from 1 to 1/1000."""
    generator = np.random.default_rng(1)
    X = generator.normal(size=(2000, 20)) * np.geomspace(1, 1e-3, 20)
    logits = X @ generator.normal(size=(20, 5)) + 0.01 * generator.gumbel(size=(2000, 5))
    return X, logits.argmax(axis=1)


@pytest.mark.parametrize(
    ("data", "l2", "tolerance"),
    [
        (load_digits(return_X_y=True), 1e-3, 1e-2),
        (load_digits(return_X_y=True), 1e-4, 1e-4),
        (load_digits(return_X_y=True), 1e-5, 1e-3),
        (five_classes(), 1e-4, 1e-5),
        (five_classes(), 1e-5, 1e-3),
    ],
)
def test_gap_includes_directions_common_to_several_classes(data, l2, tolerance):
    """The factors, class by class, see a smaller gap here than there is."""
    solution = preconditioned_lbfgs(SoftmaxObjective(*data, l2), tolerance=tolerance)
    assert solution.converged
    assert gap(solution, *data, l2, minimum(*data, l2)) <= tolerance


@pytest.mark.parametrize(("l2", "best"), [(1e-3, 0.33461097843), (1e-4, 0.25924829501)])
def test_ten_classes_of_mnist_need_few_passes(full_mnist, l2, best):
    """The minima are those of Newton's method with conjugate gradients, in float64, to 1e-12."""
    X, y = full_mnist
    solution = preconditioned_lbfgs(SoftmaxObjective(X, y, l2), tolerance=1e-4)
    assert gap(solution, X, y, l2, best) <= 1e-4
    assert solution.iterations <= 16


@pytest.mark.parametrize(("K", "least", "most"), [(2, 2, 8), (10, 9, 16)])
def test_the_start_for_two_classes_takes_fewer_iterations(full_mnist, monkeypatch, K, least, most):
    """The step after it goes to the minimum on rows that are drawn anew."""
    X, y = full_mnist
    iterates, iterations = [], []

    def recorded(*arguments, **options):
        for iterate in lbfgs_iterates(*arguments, **options):
            iterates.append(iterate)
            yield iterate

    def start(*arguments, **options):
        result = warm_start(*arguments, **options)
        iterations.append(iterates[-1].iteration)
        return result

    monkeypatch.setattr(local_objective, "lbfgs_iterates", recorded)
    monkeypatch.setattr(search, "warm_start", start)
    assert preconditioned_lbfgs(objective_for(X, y % K, 1e-4)).converged
    assert len(iterations) == 2
    assert least <= max(iterations) <= most


def test_few_rows_confirm_an_estimate_that_is_too_large(mnist, monkeypatch):
    X, y = mnist[0], mnist[1] % 2
    objective, best = LogisticObjective(X, y, 1e-5), minimum(X, y, 1e-5)
    tolerances = np.geomspace(1e-2, 1e-6, 17)
    early = [preconditioned_lbfgs(objective, tolerance=tolerance) for tolerance in tolerances]
    for solution, tolerance in zip(early, tolerances, strict=True):
        assert gap(solution, X, y, 1e-5, best) <= tolerance
    monkeypatch.setattr(confirmation, "EARLY", 1.0)
    late = [preconditioned_lbfgs(objective, tolerance=tolerance) for tolerance in tolerances]
    saved = [b.iterations - a.iterations for a, b in zip(early, late, strict=True)]
    assert min(saved) >= 0
    assert sum(saved) >= 2


@pytest.mark.parametrize("l2", [1e-8, 1e-9])
def test_a_feature_of_a_few_rows_is_not_left_to_a_sample(l2):
    """It separates 19 of 60,000 rows, far from zero; a sample holds some, for many others."""
    generator = np.random.default_rng(82)
    N, d = 60_000, 30
    factors = generator.standard_normal((N, 7)) @ generator.standard_normal((7, d)) / np.sqrt(7)
    y = (factors[:, 0] + generator.logistic(size=N) > 0).astype(int)
    X = np.clip(factors - generator.uniform(-1, 1, d), 0, 1)
    X[:, -1] = 0
    few = generator.choice(np.flatnonzero(y == 0), 19, replace=False)
    X[few, -1] = generator.uniform(0.01, 1, 19)
    X = 255 * X.astype(np.float32)
    solution = preconditioned_lbfgs(LogisticObjective(X, y, l2), tolerance=1e-5)
    assert solution.converged
    assert gap(solution, X, y, l2, minimum(X, y, l2)) <= 1e-5


@pytest.mark.parametrize("K", [2, 10])
def test_a_sample_is_enough_where_many_of_its_rows_tell(mnist, monkeypatch, K):
    X, y = mnist
    counts = []

    def counted(objective, *arguments, **options):
        counts.append(objective.rows.shape[0])
        return estimate_suboptimality(objective, *arguments, **options)

    monkeypatch.setattr(confirmation, "estimate_suboptimality", counted)
    assert preconditioned_lbfgs(objective_for(X, y % K, 1e-3)).converged
    assert counts
    assert max(counts) < 20_000


HARD = {
    "condition 1e6": (*gaussian(3000, 30, 1e6), 1e-4),
    "condition 1e6, next to no penalty": (*gaussian(3000, 30, 1e6), 1e-7),
    "condition 1e12": (*gaussian(3000, 30, 1e12), 1e-7),
    "separable": (*separable(1000, 10), 1e-3),
    "separable, next to no penalty": (*separable(1000, 10), 1e-6),
    "a hundred rows": (*gaussian(100, 10, 100.0), 1e-4),
    "more columns than rows": (*gaussian(30, 60), 1e-3),
    "two columns": (*gaussian(2000, 2), 1e-3),
    "one column": (*gaussian(50, 1), 1e-2),
    "unscaled": (1e3 * gaussian(500, 5)[0], gaussian(500, 5)[1], 1e-3),
    "tiny": (1e-4 * gaussian(500, 5)[0], gaussian(500, 5)[1], 1e-6),
    "a constant and a repeated column": (
        np.column_stack([gaussian(500, 3)[0]] * 2 + [np.zeros(500), np.ones(500)]),
        gaussian(500, 3)[1],
        1e-5,
    ),
    "one positive in a thousand": (gaussian(5000, 5)[0], (np.arange(5000) % 1000 == 7) * 1, 1e-4),
}


@pytest.mark.parametrize("problem", HARD)
def test_hard_problems_end_at_the_independent_minimum(problem):
    X, y, l2 = HARD[problem]
    best = minimum(X, y, l2)
    for tolerance in [1e-4, 1e-8]:
        solution = preconditioned_lbfgs(LogisticObjective(X, y, l2), tolerance=tolerance)
        assert solution.converged
        assert -1e-9 <= gap(solution, X, y, l2, best) <= tolerance


@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
def test_every_kind_of_intercept(digits, intercept):
    X, y = digits
    objective = SoftmaxObjective(X, y, 1e-3, intercept=intercept)
    slow = lbfgs(objective, tolerance=1e-7)
    fast = preconditioned_lbfgs(objective, tolerance=1e-10)
    assert slow.converged
    assert fast.objective == pytest.approx(slow.objective, rel=2e-10)
    assert fast.gradient_norm == pytest.approx(np.linalg.norm(objective(fast.weights)[1]))


def test_fewer_sweeps_than_plain_lbfgs(mnist):
    X, y = mnist
    objective = LogisticObjective(X, y % 2, 1e-4)
    fast = preconditioned_lbfgs(objective, tolerance=1e-6)
    slow = lbfgs(objective, tolerance=fast.gradient_norm)
    assert 5 * fast.iterations < slow.iterations


@pytest.mark.parametrize("K", [2, 10])
def test_one_thread_and_two_give_the_same_bits(mnist, K):
    X, y = mnist
    X, y = X[:20_000], y[:20_000] % K
    one, two = (
        preconditioned_lbfgs(objective_for(X, y, 1e-3, threads=threads)) for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.weights, two.weights)


def test_a_memory_map_gives_the_same_bits_and_no_more_memory_with_more_rows(mnist, tmp_path):
    X, y = mnist
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    peaks = []
    for N in (40_000, 60_000):
        tracemalloc.start()
        solution = preconditioned_lbfgs(SoftmaxObjective(mapped[:N], y[:N], 1e-3, threads=1))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    in_memory = preconditioned_lbfgs(SoftmaxObjective(X, y, 1e-3, threads=1))
    np.testing.assert_array_equal(solution.weights, in_memory.weights)
    assert peaks[1] < 1.02 * peaks[0]


@pytest.mark.parametrize(("N", "d", "K"), [(3_000, 60, 2), (3_000, 60, 4), (500, 900, 2)])
def test_the_memory_of_a_fit_is_free_at_its_end(N, d, K):
    """What refers to itself would be found by Python later, with the copies that it holds."""
    X, y = gaussian(N, d)
    objective = objective_for(X, y if K == 2 else np.arange(N) % K, 1e-3)
    gc.collect()
    gc.disable()
    try:
        assert preconditioned_lbfgs(objective, tolerance=1e-9).converged
        kinds = (WorkingProblem, Coordinates, InverseHessian)
        left = [each for each in gc.get_objects() if type(each) in kinds]
    finally:
        gc.enable()
    assert not left


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tolerance_of_zero_ends_at_the_rounding_of_float64(digits, dtype):
    X, y = digits
    X = X.astype(dtype)
    solution = preconditioned_lbfgs(SoftmaxObjective(X, y, 1e-4), tolerance=0)
    assert solution.iterations < 150
    assert gap(solution, X.astype(np.float64), y, 1e-4, solution.objective) < 1e-12
    if solution.converged:
        assert solution.message == "objective within rounding of its minimum"
    else:
        assert solution.message.startswith("rounding in float64 allows no relative gap below")


@pytest.mark.parametrize("objective_class", [LogisticObjective, SoftmaxObjective])
def test_without_a_penalty_separable_data_ends_too(objective_class):
    X, y = separable(300, 4)
    solution = preconditioned_lbfgs(objective_class(X, y, 0.0))
    assert solution.objective < 1e-12
    assert solution.iterations < 150


def test_an_exhausted_budget_is_said(digits):
    X, y = digits
    solution = preconditioned_lbfgs(SoftmaxObjective(X, y, 1e-6), max_iterations=3)
    assert (solution.iterations, solution.converged) == (3, False)
    assert solution.message.startswith("iteration limit reached at a relative gap of")


def test_the_callback_is_called_once_per_iteration_and_coordinates_are_renewed(digits):
    X, y = digits
    seen = []
    objective = SoftmaxObjective(X, y, 1e-6)
    solution = preconditioned_lbfgs(
        objective, tolerance=1e-8, callback=lambda *arguments: seen.append(arguments)
    )
    assert solution.iterations > ROUND
    assert [row[0] for row in seen] == list(range(solution.iterations + 1))
    assert seen[-1][1:] == (solution.objective, solution.gradient_norm)
    assert np.all(np.diff([row[1] for row in seen]) < 0)


def around_means(N, d, K, seed):
    """Rows around the mean of their class, and their labels."""
    generator, y = np.random.default_rng(seed), np.arange(N) % K
    return generator.normal(size=(K, d))[y] + 2 * generator.normal(size=(N, d)), y


@pytest.mark.parametrize(
    ("N", "d", "K", "l2", "expected"),
    [
        (3_000, 150, 60, 1e-4, ["shared"]),  # nearly there after a round: no factors for the rest
        (3_000, 100, 40, 1e-3, ["shared"]),
        (3_000, 100, 40, 1e-4, ["shared", "classes"]),  # far from there: the curvature has changed
        (20_000, 60, 12, 1e-4, ["shared", "classes"]),
    ],
)
def test_factors_of_every_class_are_made_where_they_pay(monkeypatch, N, d, K, l2, expected):
    models, coordinates = [], search.curvature_coordinates

    def counted(few, w, columns, model, generator, **options):
        models.append(model)
        return coordinates(few, w, columns, model, generator, **options)

    monkeypatch.setattr(search, "curvature_coordinates", counted)
    for seed in range(3):
        models.clear()
        solution = preconditioned_lbfgs(SoftmaxObjective(*around_means(N, d, K, seed), l2))
        assert solution.converged
        assert models == expected
        assert expected == ["shared"] or solution.iterations < ROUND


def test_polishing_ends_where_rounding_does_and_counts_as_converged(digits):
    X, y = digits
    objective = SoftmaxObjective(X, y, 1e-4)
    plain = preconditioned_lbfgs(objective, tolerance=1e-3)
    assert 1e-9 < plain.relative_gap <= 1e-3
    fine = preconditioned_lbfgs(objective, tolerance=1e-3, polish_tolerance=1e-9)
    assert fine.converged
    assert fine.relative_gap <= 1e-9
    assert fine.objective < plain.objective
    finest = preconditioned_lbfgs(objective, tolerance=1e-3, polish_tolerance=0.0)
    assert finest.converged
    assert finest.objective <= fine.objective
    few = preconditioned_lbfgs(
        objective, tolerance=1e-3, polish_tolerance=0.0, max_iterations=plain.iterations + 1
    )
    assert few.converged
    assert few.objective < plain.objective
    assert few.relative_gap < plain.relative_gap


def test_a_start_is_used_and_left_unchanged(digits):
    X, y = digits
    objective = SoftmaxObjective(X, y, 1e-3)
    start = preconditioned_lbfgs(objective, tolerance=1e-6).weights
    copy = start.copy()
    solution = preconditioned_lbfgs(objective, start, tolerance=1e-4)
    assert solution.iterations == 0
    np.testing.assert_allclose(solution.weights, start, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(start, copy)
    with pytest.raises(ValueError, match=r"start: found shape \(3,\), expected \(170,\)"):
        preconditioned_lbfgs(objective, np.zeros(3))


@pytest.mark.parametrize("K", [2, 3])
def test_a_rare_class_sets_the_intercept_at_the_start(K):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20_000, 3))
    y = rng.integers(0, K - 1, 20_000)
    y[rng.choice(20_000, 20, replace=False)] = K - 1
    X[y == K - 1] += 0.5
    objective = objective_for(X, y, 1e-5)
    start = plain_start(objective)
    W, b = objective.unpack(start)
    gradient = objective.unpack(objective(start)[1])[1]
    assert not W.any()
    assert np.abs(gradient).max() < 1e-4 < np.abs(b).max()
    assert preconditioned_lbfgs(objective, tolerance=1e-4).iterations <= 10
    even = objective_for(X, np.arange(20_000) % K, 1e-5)
    assert not plain_start(even).any()


@pytest.mark.parametrize("solver", [preconditioned_lbfgs, lbfgs])
def test_data_that_is_not_a_number_is_refused(solver):
    X, y = gaussian(50, 3)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="objective: found nan at the first iterate"):
        solver(LogisticObjective(X, y, 0.1))


def test_a_sample_takes_one_row_from_each_stretch():
    generator = np.random.default_rng(0)
    rows = stretches(1000, 100, generator)
    np.testing.assert_array_equal(rows // 10, np.arange(100))


def test_textbook_descent_agrees_where_it_can_be_run_to_the_end():
    X, y = gaussian(200, 3)
    objective = LogisticObjective(X, y, 1e-1)
    slow = gradient_descent(objective, tolerance=1e-9)
    fast = preconditioned_lbfgs(objective, tolerance=1e-13)
    np.testing.assert_allclose(fast.weights, slow.weights, atol=1e-6)

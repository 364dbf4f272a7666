"""When `fit` does not warn, the objective is within `tol` of an independent float64 minimum."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from scipy.special import expit, log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from mnist_gradients.estimators import GradientLogisticRegression
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import preconditioned_lbfgs

ROUNDING = 1e-14  # nats, some fifty times the rounding of a loss of 1


def centred_and_scaled(X, fit_intercept):
    """Rows in float64 with means zero and mean squares one, the means and the scales."""
    X = np.asarray(X.toarray() if scipy.sparse.issparse(X) else X, dtype=np.float64)
    mean = X.mean(axis=0) if fit_intercept else np.zeros(X.shape[1])
    scale = np.sqrt(np.mean((X - mean) ** 2, axis=0))
    scale[scale == 0] = 1
    return (X - mean) / scale, mean, scale


def objective(Z, y, s, penalty, V):
    """Weighted mean loss plus the penalty; the last row of V is the intercept."""
    T, rows = Z @ V[:-1] + V[-1], np.arange(len(y))
    if V.shape[1] == 1:
        loss = np.logaddexp(0, np.where(y == 1, -1, 1) * T[:, 0])
    else:
        others = T - T[rows, y][:, None]
        others[rows, y] = -np.inf
        loss = np.logaddexp(0, np.logaddexp.reduce(others, axis=1))
    return s @ loss / s.sum() + np.sum(penalty[:, None] * V[:-1] ** 2) / 2


def derivatives(Z, y, s, penalty, V):
    """Gradient, (d + 1, K), and Hessian, ((d + 1) K, (d + 1) K), in full."""
    K, s = V.shape[1], s / s.sum()
    T = Z @ V
    if K == 1:
        P = expit(T)
        R, C = P - y[:, None], (P * (1 - P))[:, :, None]
    else:
        P = np.exp(log_softmax(T, axis=1))
        R, C = P - np.eye(K)[y], P[:, :, None] * (np.eye(K) - P[:, None, :])
    H = np.zeros((Z.shape[1], K, Z.shape[1], K))
    for k in range(K):
        for m in range(K):
            H[:, k, :, m] = (Z * (s * C[:, k, m])[:, None]).T @ Z
        H[:, k, :, k] += np.diag(penalty)
    return (Z * s[:, None]).T @ R + penalty[:, None] * V, H.reshape(Z.shape[1] * K, -1)


def newton(Z, y, s, penalty, V, fit_intercept):
    """The least objective that Newton's method with exact Hessians finds from V."""
    A = np.column_stack([Z, np.full(len(Z), float(fit_intercept))])
    value = objective(Z, y, s, penalty, V)
    for _ in range(60):
        G, H = derivatives(A, y, s, np.append(penalty, 0), V)
        root = np.sqrt(np.where(np.diag(H) > 0, np.diag(H), 1))
        step = np.linalg.lstsq(H / root / root[:, None], G.ravel() / root, rcond=1e-15)[0] / root
        decrement, step, length = G.ravel() @ step, step.reshape(V.shape), 1.0
        if not decrement > 1e-20 * value:
            break
        while objective(Z, y, s, penalty, V - length * step) > value and length > 1e-8:
            length /= 2
        lower = objective(Z, y, s, penalty, V - length * step)
        if lower >= value:
            break
        V, value = V - length * step, lower
    return value


def objective_and_minimum(model, X, y, sample_weight=None):
    """The objective per unit of weight at the fitted parameters, and the least that is found."""
    Z, mean, scale = centred_and_scaled(X, model.fit_intercept)
    s = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    numbers = np.searchsorted(model.classes_, y)
    penalty = (0 if model.penalty is None else 1 / (s.sum() * model.C)) / scale**2
    W = model.coef_.T.astype(np.float64)
    wide = np.longdouble  # the intercept and the means times the weights may cancel
    intercept = model.intercept_.astype(wide) + mean.astype(wide) @ W.astype(wide)
    V = np.vstack([W * scale[:, None], intercept.astype(np.float64)])
    data = Z, numbers, s, penalty
    minima = (newton(*data, start, model.fit_intercept) for start in (np.zeros_like(V), V))
    return objective(*data, V), min(minima)


def assert_no_silent_gap(X, y, *, sample_weight=None, tol=1e-6, may_warn=False, **parameters):
    """Fit, and compare the objective with the minimum; without a warning unless `may_warn`."""
    model = GradientLogisticRegression(tol=tol, **parameters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, sample_weight=sample_weight)
    assert {w.category for w in caught} <= {ConvergenceWarning}
    assert may_warn or not caught, caught[0].message
    ours, least = objective_and_minimum(model, X, y, sample_weight)
    if not caught:
        assert ours - least <= max(tol * least, ROUNDING)
    return model


def problem(seed=0, N=200, d=4, K=2, noise=1.0):
    """Gaussian rows and the labels of a noisy linear model."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(N, d))
    logits = X @ generator.normal(size=(d, K)) + noise * generator.gumbel(size=(N, K))
    y = logits.argmax(axis=1)
    return X, np.unique(y, return_inverse=True)[1]


TWO_AND_THREE = pytest.mark.parametrize("K", [2, 3])
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def test_the_minimum_is_that_of_another_library():
    for K in (2, 3):
        X, y = problem(K=K)
        model = LogisticRegression(tol=1e-10, solver="newton-cholesky").fit(X, y)
        model.penalty = "l2"
        ours, least = objective_and_minimum(model, X, y)
        assert abs(ours / least - 1) < 1e-12
        model.coef_[0, 0] += 0.01
        ours, least = objective_and_minimum(model, X, y)
        assert 1e-7 < ours / least - 1 < 1e-3


@TWO_AND_THREE
@FLOATS
@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6, 1e-9])
def test_every_tolerance(K, dtype, tol):
    X, y = problem(N=3000, d=12, K=K)
    may_warn = tol < 1e-8
    model = assert_no_silent_gap(X.astype(dtype), y, tol=tol, C=0.1, may_warn=may_warn)
    assert model.relative_gap_ <= tol


@TWO_AND_THREE
@FLOATS
@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("offset", [1e3, 1e5, 1e8])
def test_features_with_an_offset(K, dtype, C, offset):
    X, y = problem(K=K, d=8)
    assert_no_silent_gap((X + offset).astype(dtype), y, C=C, may_warn=dtype == np.float32)


@TWO_AND_THREE
def test_years_pressures_and_timestamps(K):
    generator = np.random.default_rng(1)
    X, y = problem(K=K, N=300, d=3)
    X = X * [8, 800, 1e6] + [2005, 101_325, 1.7e9]
    X[:, 0] = np.round(X[:, 0])
    X = np.column_stack([X, generator.normal(size=300)])
    for C in (1.0, np.inf):
        assert_no_silent_gap(X, y, C=C)


@TWO_AND_THREE
@FLOATS
@pytest.mark.parametrize("scale", [1e-22, 1e-8, 1e8, 1e20])
def test_features_of_any_size(K, dtype, scale):
    X, y = problem(K=K)
    for C in (1.0, np.inf):
        assert_no_silent_gap((X * scale).astype(dtype), y, C=C)


@TWO_AND_THREE
@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_features_whose_squares_overflow_are_refused(K, form):
    X, y = problem(K=K)
    X[:, 1] *= 1e200
    with pytest.raises(ValueError, match="X: found values whose squares are not finite"):
        GradientLogisticRegression().fit(form(X), y)


@TWO_AND_THREE
def test_features_of_different_sizes(K):
    X, y = problem(K=K, d=5)
    X = X * [1e-8, 1e-4, 1, 1e4, 1e8]
    for C in (1e-6, 1.0, 1e6, np.inf):
        assert_no_silent_gap(X, y, C=C)


@TWO_AND_THREE
@pytest.mark.parametrize("column", ["constant", "zero", "duplicated", "tiny", "nearly collinear"])
def test_awkward_columns(K, column):
    X, y = problem(K=K)
    noise = np.random.default_rng(2).normal(size=len(X))
    X[:, 1] = {
        "constant": np.full(len(X), 3.3),
        "zero": np.zeros(len(X)),
        "duplicated": X[:, 0],
        "tiny": X[:, 1] * 1e-22,
        "nearly collinear": X[:, 0] + 1e-6 * noise,
    }[column]
    for C in (1.0, np.inf):
        for fit_intercept in (True, False):
            assert_no_silent_gap(X, y, C=C, fit_intercept=fit_intercept)


@pytest.mark.parametrize("difference", [1e-9, 1e-8, 1e-7, 1e-6])
@pytest.mark.parametrize(("K", "N", "d"), [(2, 17_000, 4), (3, 3000, 80), (10, 1000, 30)])
def test_columns_equal_to_within_rounding_without_a_penalty(K, N, d, difference):
    """The minimum is that of the same model with the scaled difference as a column."""
    X, y = problem(K=K, N=N, d=d, noise=3.0)
    generator = np.random.default_rng(6)
    X[:, 1] = X[:, 0] + difference * (generator.normal(size=N) + (y == 0))
    model = GradientLogisticRegression(C=np.inf)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(X, y)
    Z = X.copy()
    Z[:, 1] = (X[:, 1] - X[:, 0]) / difference
    W = model.coef_.T.copy()
    W[0], W[1] = W[0] + W[1], difference * W[1]
    data = Z, y, np.ones(N), np.zeros(d)
    exact = GradientLogisticRegression(C=np.inf, tol=1e-9).fit(Z, y)
    least = objective(*data, np.vstack([exact.coef_.T, exact.intercept_]))
    gap = objective(*data, np.vstack([W, model.intercept_])) / least - 1
    assert not caught
    assert gap <= 1e-6


@TWO_AND_THREE
@pytest.mark.parametrize("C", [1e-10, 1e-5, 1.0, 1e5, 1e10, 1e30, np.inf])
def test_every_strength_of_the_penalty(K, C):
    assert_no_silent_gap(*problem(K=K), C=C)


@TWO_AND_THREE
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_separable_data_without_a_penalty(K, scale):
    X, y = problem(K=K, N=60, noise=0.0)
    model = assert_no_silent_gap(X * scale, y, C=np.inf)
    assert model.score(X * scale, y) == 1


@pytest.mark.parametrize("K", [5, 20, 50])
def test_many_classes(K):
    assert_no_silent_gap(*problem(K=K, N=10 * K, d=3))


def test_a_thousand_classes():
    """The intercepts alone: the minimum is the entropy of the labels."""
    y = np.repeat(np.arange(1000), 3)[:2500]
    model = GradientLogisticRegression(C=np.inf).fit(np.zeros((2500, 1)), y)
    frequency = np.bincount(y) / 2500
    log_p = model.predict_log_proba(np.zeros((1, 1)))[0]
    entropy = -frequency @ np.log(frequency)
    assert entropy * (1 - 1e-12) <= -frequency @ log_p <= entropy * (1 + 1e-6)


@TWO_AND_THREE
def test_fewer_rows_than_features(K):
    assert_no_silent_gap(*problem(K=K, N=20, d=40), C=1.0)


def test_rare_positives():
    X, _ = problem(N=20_000, d=5)
    y = np.zeros(20_000, dtype=int)
    y[np.argsort(X[:, 0] + np.random.default_rng(3).gumbel(size=20_000))[-20:]] = 1
    for C in (1e-2, 1.0):
        assert_no_silent_gap(X, y, C=C)


@TWO_AND_THREE
@FLOATS
@pytest.mark.parametrize("offset", [0, 1e4])
def test_sparse_rows(K, dtype, offset):
    X, y = problem(K=K, N=400)
    X = np.where(np.abs(X) > 0.7, X + offset, 0)
    for C in (1.0, np.inf):
        assert_no_silent_gap(scipy.sparse.csr_array(X.astype(dtype)), y, C=C)


@TWO_AND_THREE
def test_weights_over_twelve_orders_of_magnitude(K):
    X, y = problem(K=K, N=400)
    weights = 10.0 ** np.random.default_rng(4).uniform(-12, 0, size=400)
    for C in (1e-3, 1.0):
        assert_no_silent_gap(X, y, sample_weight=weights, C=C)


@TWO_AND_THREE
@FLOATS
def test_heavy_tails(K, dtype):
    X, y = problem(K=K, N=400)
    X[7, 0] = 1e6
    X[:, 1] = np.random.default_rng(5).standard_cauchy(size=400)
    for C in (1e-3, 1.0):
        assert_no_silent_gap(X.astype(dtype), y, C=C)


@TWO_AND_THREE
def test_bytes(K):
    X, y = problem(K=K, N=400)
    X = np.clip(128 + 50 * X, 0, 255).astype(np.uint8)
    for C in (1e-4, 1.0):
        assert_no_silent_gap(X, y, C=C)


@pytest.mark.parametrize("seed", range(40))
def test_problems_at_random(seed):
    """Any combination of the above; a warning is allowed, a silent gap is not."""
    generator = np.random.default_rng(seed)
    N, d = generator.choice([12, 30, 100, 400]), generator.choice([1, 2, 4, 8])
    X, y = problem(seed, N, d, K=generator.choice([2, 3, 5]), noise=generator.choice([0, 0.3, 3]))
    y[:2] = [0, 1]
    if generator.random() < 0.4:
        X *= 10.0 ** generator.uniform(-8, 8, size=d)
    if generator.random() < 0.4:
        X += 10.0 ** generator.uniform(-3, 6, size=d)
    assert_no_silent_gap(
        X.astype(generator.choice(["f4", "f8"])),
        y,
        sample_weight=generator.integers(0, 4, size=N) + (np.arange(N) < 5),
        C=generator.choice([1e-8, 1e-3, 1.0, 1e4, np.inf]),
        fit_intercept=bool(generator.random() < 0.8),
        tol=10.0 ** generator.integers(-9, -1),
        may_warn=True,
    )


@pytest.mark.parametrize("K", [2, 5])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("length", [1, 1e6])
def test_wide_correlated_rows(K, fit_intercept, length):
    generator = np.random.default_rng(K)
    N, d = 80, 3_000
    X = generator.normal(size=(N, 10)) @ generator.normal(size=(10, d))
    X += 1e-3 * generator.normal(size=(N, d))
    y = np.argmax(X[:, :K] + generator.gumbel(size=(N, K)), axis=1)
    X[3] *= length
    X += 0 if fit_intercept else 1e3
    for C in (1e-4, 1.0, 1e4):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = GradientLogisticRegression(C=C, fit_intercept=fit_intercept).fit(X, y)
        ours, least = objective_and_least_in_span(model, X, y)
        assert ours - least <= max(1e-6 * least, ROUNDING)


def objective_and_least_in_span(model, X, y):
    """The same as `objective_and_minimum`, in coordinates of the span of the rows."""
    mean = X.mean(axis=0) if model.fit_intercept else np.zeros(X.shape[1])
    U, lengths, directions = np.linalg.svd(X - mean, full_matrices=False)
    s, penalty = np.ones(len(y)), np.full(X.shape[1], 1 / (len(y) * model.C))
    V = np.vstack([model.coef_.T, model.intercept_ + mean @ model.coef_.T])
    start = np.vstack([directions @ V[:-1], V[-1]])
    data = U * lengths, y, s, penalty[: len(lengths)]
    minima = (newton(*data, v, model.fit_intercept) for v in (np.zeros_like(start), start))
    return objective(X - mean, y, s, penalty, V), min(minima)


@TWO_AND_THREE
@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6])
def test_float64_rows_that_are_computed_in_float32_first(K, tol):
    X, y = problem(K=K, N=9_000, d=25)
    scales = np.geomspace(1e-8, 1e8, 25)
    for offset, C in ((0, 1e-3), (1e8, 1.0), (0, np.inf)):
        assert_no_silent_gap((X + offset) * scales, y, C=C, tol=tol)
    X[:, 1] = X[:, 0] * (1 + 1e-9 * X[:, 2])
    assert_no_silent_gap(X, y, C=1e8, tol=tol)


@TWO_AND_THREE
def test_float64_rows_beyond_the_range_of_float32(K):
    for seed in range(6):  # the sample has that row, or has it not
        X, y = problem(seed, K=K, N=9_000, d=25)
        X[77 + seed, 3] = 1e39
        assert_no_silent_gap(X, y, C=1e-3, random_state=seed)


def test_levels_without_a_positive_row_and_without_a_penalty():
    """Rows with much curvature have none of them, and all levels of a field add up to one."""
    for seed in (0, 2, 3):
        generator, N = np.random.default_rng(seed), 30_000
        blocks, logits = [], np.zeros(N)
        for levels in (30, 50):
            share = 1 / np.arange(1, levels + 1)
            level = generator.choice(levels, size=N, p=share / share.sum())
            logits += generator.normal(size=levels)[level]
            blocks.append(scipy.sparse.csr_array(np.eye(levels)[level]))
        X = scipy.sparse.hstack(blocks, format="csr")
        y = (logits + generator.logistic(size=N) > 4).astype(int)
        model = GradientLogisticRegression(C=np.inf)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(X, y)

        def objective(coef, X=X, y=y, intercept=model.intercept_):
            return np.logaddexp(0, (1 - 2 * y) * (X @ coef + intercept)).mean()

        never = X[y == 1].sum(axis=0) == 0
        lower = objective(model.coef_[0] - 20 * never)
        assert never.any()
        assert caught or objective(model.coef_[0]) <= (1 + 1e-6) * lower


def test_few_strong_factors_and_weak_noise():
    """Conjugate gradients see the factors first, and the decrement is in the noise."""
    for seed in (2, 3):
        generator = np.random.default_rng(seed)
        Z = generator.normal(size=(400, 5))
        X = Z @ generator.normal(size=(5, 700)) / np.sqrt(5)
        X += 0.01 * generator.normal(size=(400, 700))
        y = (Z[:, 0] + generator.logistic(size=400) > 0).astype(int)
        assert_no_silent_gap(X, y, C=250.0, tol=1e-2)


@pytest.mark.parametrize("length", [1e2, 1e4, 1e6])
def test_one_row_that_is_much_longer_than_the_others(length):
    for seed in range(5):
        generator = np.random.default_rng(seed)
        X = generator.normal(size=(150, 20)) + 100
        y = (X[:, 0] - 100 + generator.logistic(size=150) > 0).astype(int)
        X[9] *= length
        for C in (1e-3, 1.0, 1e3):
            assert_no_silent_gap(X, y, C=C, may_warn=True)


@pytest.mark.parametrize(
    ("K", "N", "d", "length", "seed", "C", "tol"),
    [
        (3, 300, 8, 1e4, 4, 0.1, 1e-2),
        (3, 300, 8, 1e4, 3, 1.0, 1e-4),
        (2, 12_000, 10, 1e4, 1, 1e-3, 1e-2),  # more rows than a sample holds
        (2, 12_000, 10, 1e4, 3, 1.0, 1e-4),
        (2, 12_000, 10, 1e6, 3, 1e3, 1e-2),
    ],
)
def test_a_long_row_of_three_classes_or_outside_the_sample(K, N, d, length, seed, C, tol):
    X, y = problem(seed, N=N, d=d, K=K, noise=1.0 if K == 3 else 3.0)
    X[9] *= length
    kind = LogisticObjective if K == 2 else SoftmaxObjective
    precise = kind(X, y, 1 / (N * C))
    solution = preconditioned_lbfgs(precise.computed_in(np.float32), tolerance=tol)
    least = preconditioned_lbfgs(precise, tolerance=1e-10).objective
    assert solution.converged
    assert precise(solution.weights)[0] / least - 1 <= tol


def test_an_intercept_that_float32_would_round_is_kept_in_float64():
    for seed in range(40):
        generator = np.random.default_rng(seed)
        X = (generator.normal(size=(300, 3)) + np.array([1e5, 0, 3e4])).astype(np.float32)
        y = (X[:, 1] + (X[:, 0] - 1e5) + generator.logistic(size=300) > 0).astype(int)
        assert_no_silent_gap(X, y)


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_wide_rows_of_very_different_lengths(offset):
    for seed in range(6):
        generator = np.random.default_rng(seed)
        X = generator.normal(size=(60, 400)) + offset
        X *= np.exp(2 * generator.normal(size=(60, 1)))
        model = GradientLogisticRegression(C=10.0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, np.arange(60) % 3)
        ours, least = objective_and_least_in_span(model, X, np.arange(60) % 3)
        assert caught or ours - least <= max(1e-6 * least, ROUNDING)
        assert not caught or offset

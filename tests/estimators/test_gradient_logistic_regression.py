"""The linear classifier: scikit-learn's optimum, its tools, labels of any type, errors."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from mnist_gradients.estimators import GradientLogisticRegression
from mnist_gradients.maths.solvers import SOLVERS

CLASSES = {"binary": 2, "multinomial": 10}
BOTH_TASKS = pytest.mark.parametrize("task", CLASSES)


@pytest.fixture(scope="module")
def digits():
    """1797 digits of 8 x 8 pixels in [0, 1] and their labels."""
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def labels_of(task, y):
    return y % CLASSES[task]


def parameters(estimator):
    """Weights and intercepts, less the common shift that changes no probability."""
    stacked = np.column_stack([estimator.coef_, estimator.intercept_])
    return stacked if len(stacked) == 1 else stacked - stacked.mean(axis=0)


def scikit_learn_objective(estimator, X, y, C):
    """C sum_i loss_i + 1/2 ||W||^2, from the probabilities alone."""
    observed = np.searchsorted(estimator.classes_, y)
    log_p = estimator.predict_log_proba(X)[np.arange(len(y)), observed]
    return -C * log_p.sum() + np.sum(estimator.coef_.astype(np.float64) ** 2) / 2


@BOTH_TASKS
@pytest.mark.parametrize("C", [0.01, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_meets_the_optimum_of_scikit_learn(digits, task, C, fit_intercept):
    X, y = digits[0], labels_of(task, digits[1])
    ours = GradientLogisticRegression(C=C, fit_intercept=fit_intercept, tol=1e-10).fit(X, y)
    theirs = LogisticRegression(
        C=C, fit_intercept=fit_intercept, solver="newton-cg", tol=1e-8, max_iter=1_000
    ).fit(X, y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape
    np.testing.assert_allclose(parameters(ours), parameters(theirs), atol=1e-3, rtol=0)
    best = scikit_learn_objective(theirs, X, y, C)
    assert abs(scikit_learn_objective(ours, X, y, C) - best) < 1e-6 * best
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_a_stronger_penalty_gives_smaller_weights(digits):
    X, y = digits[0], digits[1] % 2
    strong, weak = (GradientLogisticRegression(C=C).fit(X, y) for C in (0.01, 1.0))
    assert np.linalg.norm(strong.coef_) < 0.5 * np.linalg.norm(weak.coef_)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_finds_the_same_optimum(digits, solver):
    X, y = digits[0][:200], digits[1][:200] % 3
    reference = LogisticRegression(C=0.01, tol=1e-9, max_iter=1_000).fit(X, y)
    ours = GradientLogisticRegression(C=0.01, solver=solver, max_iter=20_000).fit(X, y)
    np.testing.assert_allclose(parameters(ours), parameters(reference), atol=1e-4, rtol=0)


@BOTH_TASKS
def test_probabilities_decisions_and_predictions_agree(digits, task):
    X, y = digits[0], labels_of(task, digits[1])
    model = GradientLogisticRegression(C=0.01).fit(X, y)
    Z = model.decision_function(X)
    P = model.predict_proba(X)
    np.testing.assert_allclose(Z, np.squeeze(X @ model.coef_.T + model.intercept_), atol=1e-12)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), P)
    np.testing.assert_array_equal(model.predict(X), model.classes_[P.argmax(axis=1)])
    if task == "binary":
        assert Z.shape == (len(X),)
        np.testing.assert_allclose(P[:, 1], 1 / (1 + np.exp(-Z)))


def test_log_probabilities_stay_finite_where_probabilities_vanish():
    model = GradientLogisticRegression().fit([[0.0], [1.0]], [0, 1])
    assert model.predict_proba([[1e6]])[0, 0] == 0
    assert np.isfinite(model.predict_log_proba([[1e6]])).all()


@pytest.mark.parametrize(
    "names",
    [np.array(["even", "odd"]), np.array([-1, 1]), np.array([False, True]), np.array([2.0, 7.0])],
    ids=str,
)
def test_labels_of_any_type(digits, names):
    X, y = digits[0], digits[1] % 2
    named = GradientLogisticRegression(C=0.01).fit(X, names[y])
    numbered = GradientLogisticRegression(C=0.01).fit(X, y)
    np.testing.assert_array_equal(named.classes_, names)
    np.testing.assert_array_equal(named.predict(X), names[numbered.predict(X)])


@pytest.mark.parametrize(
    ("dtype", "of_coef", "rtol"),
    [
        (np.int32, np.float64, 1e-5),
        (np.float64, np.float64, 1e-5),
        (np.float32, np.float32, 1e-4),
        (np.uint8, np.float64, 1e-4),
    ],
)
def test_pixels_of_any_type_are_not_rescaled(digits, dtype, of_coef, rtol):
    X, y = digits[0][:1_500] * 16, digits[1][:1_500] % 2
    model = GradientLogisticRegression(C=1e-4).fit(X.astype(dtype), y)
    reference = GradientLogisticRegression(C=1e-4, tol=1e-12).fit(X, y)
    assert model.coef_.dtype == model.intercept_.dtype == of_coef
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=rtol, atol=1e-7)
    P = model.predict_proba(X.astype(dtype))
    np.testing.assert_allclose(P, reference.predict_proba(X), rtol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_and_probabilities_have_the_type_of_float_rows(digits, dtype):
    X, y = digits[0][:200].astype(dtype), digits[1][:200]
    model = GradientLogisticRegression().fit(X, y)
    assert model.decision_function(X).dtype == model.predict_proba(X).dtype == dtype


def test_weights_stay_in_float64_where_float32_would_move_the_logits():
    """With an offset of 1e6, a weight rounded to float32 moves a logit by a tenth."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(300, 2))
    y = (X[:, 0] + generator.logistic(size=300) > 0).astype(int)
    near, far = (GradientLogisticRegression().fit((X + c).astype("f4"), y) for c in (0, 1e6))
    assert near.coef_.dtype == np.float32
    assert far.coef_.dtype == far.intercept_.dtype == np.float64
    np.testing.assert_allclose(far.score((X + 1e6).astype("f4"), y), near.score(X, y), atol=0.02)


def test_fit_changes_neither_rows_nor_labels(digits):
    X, y = digits[0][:100].copy(), digits[1][:100].copy()
    GradientLogisticRegression().fit(X, y)
    np.testing.assert_array_equal(X, digits[0][:100])
    np.testing.assert_array_equal(y, digits[1][:100])


@BOTH_TASKS
def test_warm_start_continues_and_a_cold_one_does_not(digits, task):
    X, y = digits[0], labels_of(task, digits[1])
    warm = GradientLogisticRegression(C=0.01, warm_start=True).fit(X, y)
    cold = GradientLogisticRegression(C=0.01).fit(X, y)
    coef = warm.coef_
    assert warm.fit(X, y).n_iter_ == 0
    assert cold.fit(X, y).n_iter_ > 0
    np.testing.assert_allclose(warm.coef_, coef, atol=1e-12)
    np.testing.assert_allclose(cold.coef_, coef, atol=1e-12)


@BOTH_TASKS
def test_warm_starts_along_a_path_of_penalties_meet_the_cold_fits(digits, task):
    X, y = digits[0][:500], labels_of(task, digits[1][:500])
    warm = GradientLogisticRegression(warm_start=True, tol=1e-12)
    for C in (1e-3, 1e-2, 1e-1, 1.0):
        cold = GradientLogisticRegression(C=C, tol=1e-12).fit(X, y)
        warm.set_params(C=C).fit(X, y)
        np.testing.assert_allclose(parameters(warm), parameters(cold), atol=1e-5)


def test_a_warm_start_with_other_classes_or_features_begins_anew(digits):
    X, y = digits[0][:300], digits[1][:300]
    warm = GradientLogisticRegression(warm_start=True).fit(X, y)
    for rows, labels in ((X, y % 3), (X[:, 10:], y % 3), (X[:, 10:], y % 2)):
        fresh = GradientLogisticRegression().fit(rows, labels)
        warm.fit(rows, labels)
        np.testing.assert_array_equal(warm.coef_, fresh.coef_)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("max_iter", [0, 3])
def test_too_few_iterations_are_warned_about(digits, solver, max_iter):
    X, y = digits
    message = f"^{solver} did not reach tol = 1e-06 in {max_iter} iterations: iteration limit reach"
    with pytest.warns(ConvergenceWarning, match=message):
        model = GradientLogisticRegression(solver=solver, max_iter=max_iter).fit(X, y)
    assert model.n_iter_ == max_iter
    assert (np.abs(model.coef_).max() == 0) == (max_iter == 0)


def test_without_iterations_a_warm_start_keeps_the_last_fit(digits):
    X, y = digits
    model = GradientLogisticRegression(warm_start=True).fit(X, y)
    coef, intercept = model.coef_.copy(), model.intercept_.copy()
    model.set_params(max_iter=0).fit(X, y)
    np.testing.assert_allclose(model.coef_, coef, atol=1e-12)
    np.testing.assert_allclose(model.intercept_, intercept, atol=1e-12)


@pytest.mark.parametrize("tol", [None, 1e-3, 1e-9])
def test_the_gap_is_estimated_and_within_the_tolerance(digits, tol):
    X, y = digits[0].astype(np.float32), digits[1]
    model = GradientLogisticRegression(**({} if tol is None else {"tol": tol})).fit(X, y)
    best = GradientLogisticRegression(tol=1e-13).fit(digits[0], y)
    ours, least = (scikit_learn_objective(m, digits[0], y, 1.0) for m in (model, best))
    assert model.relative_gap_ <= (1e-6 if tol is None else tol)
    assert ours / least - 1 <= model.relative_gap_


def test_solvers_without_an_estimate_of_the_gap_say_so(digits):
    model = GradientLogisticRegression(solver="lbfgs", C=0.01).fit(digits[0], digits[1] % 2)
    assert np.isnan(model.relative_gap_)


@BOTH_TASKS
def test_grid_search_in_a_pipeline_scores_like_scikit_learn(digits, task):
    X, y = digits[0][:600] * 16, labels_of(task, digits[1][:600])
    searches = [
        GridSearchCV(
            Pipeline([("scale", MinMaxScaler()), ("classify", estimator)]),
            {"classify__C": [1e-4, 1e-2, 1.0]},
            cv=3,
        ).fit(X, y)
        for estimator in (
            GradientLogisticRegression(tol=1e-9),
            LogisticRegression(tol=1e-8, max_iter=500),
        )
    ]
    ours, theirs = (search.cv_results_["mean_test_score"] for search in searches)
    assert np.ptp(theirs) > 0.05
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert searches[0].best_params_ == searches[1].best_params_


@BOTH_TASKS
def test_cross_validation_scores_like_scikit_learn(digits, task):
    X, y = digits[0][:600], labels_of(task, digits[1][:600])
    ours, theirs = (
        cross_val_score(estimator, X, y, scoring="neg_log_loss", cv=3)
        for estimator in (
            GradientLogisticRegression(C=0.1, tol=1e-8),
            LogisticRegression(C=0.1, tol=1e-8, max_iter=500),
        )
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@BOTH_TASKS
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_can_be_calibrated(digits, task, method):
    X, y = digits[0], labels_of(task, digits[1])
    estimator = GradientLogisticRegression(C=0.01)
    calibrated = CalibratedClassifierCV(estimator, method=method, cv=2).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert calibrated.score(X, y) > 0.85


def test_clone_carries_the_parameters_and_not_the_fit(digits):
    X, y = digits[0][:100], digits[1][:100]
    fitted = GradientLogisticRegression(C=0.1, fit_intercept=False, tol=1e-3).fit(X, y)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(X)


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"C": -1.0}, r"^C: found -1\.0, expected a number above 0$"),
        ({"C": 0}, r"^C: found 0, expected a number above 0$"),
        ({"C": np.nan}, r"^C: found nan, expected a number above 0$"),
        ({"C": "1"}, r"^C: found '1', expected a number above 0$"),
        ({"solver": "saga"}, r"^solver: found 'saga', expected one of gradient_descent, .*lbfgs"),
        ({"tol": -1.0}, r"^tol: found -1\.0, expected a finite number of at least 0$"),
        ({"tol": np.inf}, r"^tol: found inf, expected a finite number of at least 0$"),
        ({"max_iter": -1}, r"^max_iter: found -1, expected an integer of at least 0$"),
        ({"max_iter": 1.5}, r"^max_iter: found 1\.5, expected an integer of at least 0$"),
        ({"verbose": -1}, r"^verbose: found -1, expected an integer of at least 0$"),
        ({"verbose": None}, r"^verbose: found None, expected an integer of at least 0$"),
        ({"fit_intercept": "False"}, r"^fit_intercept: found 'False', expected True or False$"),
        ({"warm_start": 1}, r"^warm_start: found 1, expected True or False$"),
        ({"n_jobs": 1.5}, r"^n_jobs: found 1\.5, expected None or an integer other than 0$"),
        ({"n_jobs": 0}, r"^n_jobs: found 0, expected None or an integer other than 0$"),
        ({"random_state": -1}, r"^random_state: found -1, expected None, an integer from 0 to "),
        ({"random_state": "a"}, r"^random_state: found 'a', expected None, an integer from 0 to "),
        (
            {"class_weight": dict.fromkeys(range(10), -1)},
            r"^class_weight: found -1 for the class 0, ",
        ),
        ({"class_weight": {3: np.nan}}, r"^class_weight: found nan for the class 3, expected fini"),
        ({"class_weight": {9: np.inf}}, r"^class_weight: found inf for the class 9, expected fini"),
        (
            {"class_weight": dict.fromkeys(range(10), 0)},
            r"^class_weight: found zero for every clas",
        ),
        ({"penalty": "l1"}, r"^penalty: found 'l1', expected 'l2' or None; use scikit-learn's"),
        ({"penalty": "elasticnet", "l1_ratio": 0.1}, r"^l1_ratio: found 0\.1, expected 0: the pen"),
        ({"penalty": "elasticnet", "l1_ratio": None}, r"^l1_ratio: found None, expected 0: the p"),
        ({"l1_ratio": 0.5}, r"^l1_ratio: found 0\.5, expected 0: the penalty is L2; "),
        ({"dual": True}, r"^dual: found True, expected False: the primal problem is solved$"),
        ({"intercept_scaling": 2}, r"^intercept_scaling: found 2, expected 1: the intercept is "),
    ],
    ids=str,
)
def test_bad_parameters_are_named(digits, parameter, message):
    with pytest.raises(ValueError, match=message):
        GradientLogisticRegression(**parameter).fit(*digits)


def test_no_penalty_is_allowed():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 1, 0, 1]
    model = GradientLogisticRegression(C=np.inf).fit(X, y)
    residual = model.predict_proba(X)[:, 1] - y
    np.testing.assert_allclose(X.T @ residual, 0, atol=1e-6)


@pytest.mark.parametrize("penalty", ["elasticnet", "deprecated"])
def test_an_elastic_net_without_an_l1_part_and_the_default_of_scikit_learn_are_l2(digits, penalty):
    X, y = digits[0][:200], digits[1][:200]
    plain, other = (GradientLogisticRegression(kind).fit(X, y) for kind in ("l2", penalty))
    np.testing.assert_array_equal(other.coef_, plain.coef_)


def test_parameters_of_scikit_learn_are_taken(digits):
    X, y = digits[0][:200], digits[1][:200]
    theirs = LogisticRegression(C=0.1, class_weight="balanced", tol=1e-8, max_iter=1_000)
    ours = GradientLogisticRegression(**theirs.get_params()).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.fit(X, y).coef_, atol=1e-5)


def test_a_tolerance_of_zero_ends_at_the_limit_of_rounding(digits):
    X, y = digits[0][:200], digits[1][:200]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GradientLogisticRegression(tol=0).fit(X, y)
    assert model.relative_gap_ < 1e-14


@pytest.mark.parametrize("K", [2, 4])
def test_small_wide_rows_of_different_scales_reach_tol_without_a_warning(K):
    """Where rounding allows no gap of 1e-12, at which small data would end."""
    for seed in range(5):
        generator = np.random.default_rng(seed)
        for N, d, rows in (
            (200, 400, generator.normal(size=(200, 400)) * np.logspace(-1, 2, 400)),
            (30, 60, generator.normal(size=(30, 60)) * np.logspace(-3, 3, 60)),
            (100, 300, generator.poisson(np.exp(generator.normal(3, 2, size=300)), (100, 300))),
        ):
            X, y = rows.astype(np.float64), np.arange(N) % K
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                model = GradientLogisticRegression().fit(X, y)
            assert model.relative_gap_ <= 1e-6
            assert model.n_iter_ < 100
            assert model.coef_.shape[1] == d


@pytest.mark.parametrize("N", [100, 20_000])
def test_a_row_of_no_weight_may_hold_anything(N):
    X = np.random.default_rng(0).normal(size=(N, 20))
    y, weights = np.arange(N) % 2, np.ones(N)
    X[7, 3], weights[7] = np.nan, 0
    others = np.arange(N) != 7
    model = GradientLogisticRegression().fit(X, y, weights)
    alone = GradientLogisticRegression().fit(X[others], y[others])
    np.testing.assert_array_equal(model.coef_, alone.coef_)


def test_a_strength_without_a_penalty_is_warned_about():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 1, 0, 1]
    free = GradientLogisticRegression(C=np.inf).fit(X, y)
    with pytest.warns(UserWarning, match="^Setting penalty=None will ignore the C parameter$"):
        model = GradientLogisticRegression(None, C=0.1).fit(X, y)
    np.testing.assert_array_equal(model.coef_, free.coef_)


def test_one_class_is_refused(digits):
    with pytest.raises(ValueError, match=r"^y: found one class, 3, expected at least two classes$"):
        GradientLogisticRegression().fit(digits[0], np.full(len(digits[0]), 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_few_rows_of_great_length_give_no_warning_of_numpy(dtype):
    for seed in range(8):
        generator = np.random.default_rng(seed)
        X = generator.standard_normal((30_000, 20)).astype(dtype)
        y = (X[:, 0] + generator.logistic(size=30_000) > 0).astype(int)
        X[generator.choice(30_000, 4, replace=False), 3] = 1e22
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("error", RuntimeWarning)
            model = GradientLogisticRegression(tol=1e-4, random_state=seed).fit(X, y)
        assert log_loss(y, model.predict_proba(X)) <= np.log(2) * (1 + 1e-6)


@pytest.mark.parametrize("K", [2, 3])
def test_features_that_few_rows_have_cost_no_iterations(K):
    """As in images, where a pixel at the rim is black in nearly all of them."""
    for seed in range(3):
        generator = np.random.default_rng(seed)
        N, d = 30_000, 60
        X = 255 * (generator.random((N, d)) < 0.5) * generator.random((N, d), dtype=np.float32)
        for j in range(20, d):
            X[:, j] = 0
            some = generator.choice(N, generator.integers(2, 30), replace=False)
            X[some, j] = generator.uniform(1, 255)
        logits = 3 * (X / 255 - 0.25) @ generator.standard_normal((d, K))
        y = np.argmax(logits + generator.gumbel(size=logits.shape), axis=1)
        model = GradientLogisticRegression(max_iter=80, random_state=0).fit(X, y)
        best = GradientLogisticRegression(tol=1e-10, max_iter=4_000).fit(X.astype(float), y)
        least = scikit_learn_objective(best, X, y, 1.0)
        assert scikit_learn_objective(model, X, y, 1.0) <= (1 + 1e-6) * least


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_far_into_a_hard_problem_the_rows_that_curve_set_the_coordinates():
    generator = np.random.default_rng(0)
    X = generator.standard_normal((30_000, 100)).astype(np.float32)
    logits = X @ generator.standard_normal(100) / 10
    y = (logits + 0.003 * generator.standard_normal(30_000) > 0).astype(int)  # almost separable
    model = GradientLogisticRegression(C=1e4, max_iter=60, random_state=0).fit(X, y)
    best = GradientLogisticRegression(C=1e4, tol=1e-10, max_iter=4_000).fit(X.astype(float), y)
    least = scikit_learn_objective(best, X, y, 1e4)
    assert scikit_learn_objective(model, X, y, 1e4) <= (1 + 1e-6) * least


@pytest.mark.parametrize(("N", "K"), [(2_000, 2), (4_000, 2), (2_000, 3)])
def test_factors_are_taken_after_all_where_many_passes_were_in_vain(N, K):
    """Rows of which a factor costs more than some passes, and of which L-BFGS takes thousands."""
    generator = np.random.default_rng(0)
    d = 600
    strokes = generator.standard_normal((N, 60)) / np.arange(1, 61)
    strokes = strokes @ generator.standard_normal((60, d))
    strokes /= strokes.std(axis=0)
    X = 255 * np.clip(strokes - generator.uniform(-1, 3, d), 0, 1)  # pixels, some nearly black
    logits = strokes @ generator.standard_normal((d, K))
    y = np.argmax(3 * logits / logits.std() + generator.gumbel(size=(N, K)), axis=1)
    model = GradientLogisticRegression(random_state=0).fit(X, y)
    best = GradientLogisticRegression(tol=1e-10, max_iter=4_000).fit(X, y)
    least = scikit_learn_objective(best, X, y, 1.0)
    assert scikit_learn_objective(model, X, y, 1.0) <= (1 + 1e-6) * least


@pytest.mark.parametrize("seed", [27, 121, 5007])
def test_a_long_row_in_a_sample_hides_no_gap(seed):
    generator = np.random.default_rng(seed)
    N, d = int(generator.choice([26_000, 50_000])), int(generator.choice([5, 20, 60]))
    X, n_long = generator.standard_normal((N, d)), int(generator.choice([1, 5, 30, 200]))
    X[generator.choice(N, n_long, replace=False)] *= 10 ** generator.uniform(1.5, 4)
    logits = X @ generator.standard_normal(d) * generator.choice([0.3, 1, 3]) / np.sqrt(d)
    y = (logits + generator.logistic(size=N) > generator.choice([0, 2])).astype(int)
    some = generator.choice(N, n_long)
    y[some] = generator.integers(0, 2, len(some))
    C = 1 / (N * 10 ** generator.uniform(-7, -3))
    tol = 10 ** generator.uniform(-5, -3)
    best = GradientLogisticRegression(C=C, tol=1e-10, max_iter=4_000).fit(X, y)
    least = scikit_learn_objective(best, X, y, C)
    for k in range(12):
        model = GradientLogisticRegression(C=C, tol=tol, random_state=k).fit(X, y)
        assert scikit_learn_objective(model, X, y, C) <= (1 + tol) * least

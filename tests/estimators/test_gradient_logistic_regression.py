"""The linear classifier: scikit-learn's optimum, its tools, labels of any type, errors."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
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
    return -C * log_p.sum() + np.sum(estimator.coef_**2) / 2


@BOTH_TASKS
@pytest.mark.parametrize("C", [0.01, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_meets_the_optimum_of_scikit_learn(digits, task, C, fit_intercept):
    X, y = digits[0], labels_of(task, digits[1])
    ours = GradientLogisticRegression(C=C, fit_intercept=fit_intercept).fit(X, y)
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


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_pixels_of_any_type_are_computed_in_float64_and_not_rescaled(digits, dtype):
    X, y = digits[0] * 16, digits[1] % 2
    model = GradientLogisticRegression(C=1e-4).fit(X.astype(dtype), y)
    reference = GradientLogisticRegression(C=1e-4).fit(X, y)
    assert model.coef_.dtype == np.float64
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X.astype(dtype)), reference.predict_proba(X))


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
    assert warm.fit(X, y).n_iter_ == 0
    assert cold.fit(X, y).n_iter_ > 0


@pytest.mark.parametrize("solver", SOLVERS)
def test_too_few_iterations_are_warned_about(digits, solver):
    X, y = digits
    message = f"^{solver} did not reach tol = 1e-09 in 3 iterations: iteration limit reached"
    with pytest.warns(ConvergenceWarning, match=message):
        model = GradientLogisticRegression(solver=solver, max_iter=3).fit(X, y)
    assert model.n_iter_ == 3


@BOTH_TASKS
def test_grid_search_in_a_pipeline_scores_like_scikit_learn(digits, task):
    X, y = digits[0][:600] * 16, labels_of(task, digits[1][:600])
    searches = [
        GridSearchCV(
            Pipeline([("scale", MinMaxScaler()), ("classify", estimator)]),
            {"classify__C": [1e-4, 1e-2, 1.0]},
            cv=3,
        ).fit(X, y)
        for estimator in (GradientLogisticRegression(), LogisticRegression(tol=1e-8, max_iter=500))
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
            GradientLogisticRegression(C=0.1),
            LogisticRegression(C=0.1, tol=1e-8, max_iter=500),
        )
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


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
        ({"tol": 0.0}, r"^tol: found 0\.0, expected a finite number above 0$"),
        ({"tol": np.inf}, r"^tol: found inf, expected a finite number above 0$"),
        ({"max_iter": 0}, r"^max_iter: found 0, expected an integer of at least 1$"),
        ({"max_iter": 1.5}, r"^max_iter: found 1\.5, expected an integer of at least 1$"),
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


def test_one_class_is_refused(digits):
    with pytest.raises(ValueError, match=r"^y holds one class, .*3.*, expected at least two$"):
        GradientLogisticRegression().fit(digits[0], np.full(len(digits[0]), 3))


def test_sparse_rows_are_refused_with_a_way_out(digits):
    with pytest.raises(TypeError, match=r"Sparse data was passed .*toarray"):
        GradientLogisticRegression().fit(csr_array(digits[0]), digits[1])

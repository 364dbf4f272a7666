"""scikit-learn's own tests of LogisticRegression, run on the linear classifier.

The tests are those of the installed scikit-learn: their module is loaded with an adapter in the
place of ``LogisticRegression``. Tests that do not concern a model with an L2 penalty or none are
listed with the reason, and every test must be either run or listed.
"""

import importlib.util
from types import ModuleType

import pytest
import sklearn.linear_model

from mnist_gradients.estimators import GradientLogisticRegression

NAME = "sklearn.linear_model.tests.test_logistic"

CV = "tests LogisticRegressionCV, a class that has no counterpart here: use GridSearchCV"
PRIVATE = "tests private functions of scikit-learn"
L1 = "needs an L1 or elastic-net penalty"
LIBLINEAR = "tests liblinear, whose intercept is penalised, or its messages"
ITERATIONS = "tests how many iterations one of scikit-learn's solvers takes"
MESSAGES = "expects scikit-learn's own wording; the messages here have tests of their own"
DEPRECATED = "tests a deprecation of scikit-learn's"
ARRAY_API = "needs arrays other than NumPy's"
DTYPE = "expects float64 from liblinear for float32 rows"
INEXACT = "compares with LogisticRegressionCV, whose liblinear stops before it is as close"
PRIVATE_METHOD = "calls a private method of scikit-learn's linear classifiers"
CALLBACKS = "tests callbacks, which only scikit-learn's lbfgs supports"

LEFT_OUT = {
    "test_LogisticRegressionCV_GridSearchCV_elastic_net": L1,
    "test_LogisticRegressionCV_elasticnet_attribute_shapes": CV,
    "test_LogisticRegressionCV_no_refit": CV,
    "test_LogisticRegression_elastic_net_objective": L1,
    "test_check_solver_option": MESSAGES,
    "test_consistency_path": PRIVATE,
    "test_dtype_match[solver=liblinear]": DTYPE,
    "test_elastic_net_coeffs": L1,
    "test_elastic_net_l1_l2_equivalence[penalty, l1_ratio=('l1', 1)]": L1,
    "test_elastic_net_versus_sgd": L1,
    "test_elastic_net_vs_l1_l2": L1,
    "test_elasticnet_l1_ratio_err_helpful[LR, arg=LogisticRegressionCV, l1_ratios]": CV,
    "test_get_default_scorer": CV,
    "test_l1_ratio_None_deprecated": DEPRECATED,
    "test_l1_ratio_non_elasticnet": L1,
    "test_large_sparse_matrix[solver=liblinear]": MESSAGES,
    "test_large_sparse_matrix[solver=sag]": MESSAGES,
    "test_large_sparse_matrix[solver=saga]": MESSAGES,
    "test_liblinear_dual_random_state": LIBLINEAR,
    "test_liblinear_multiclass_raises": LIBLINEAR,
    "test_liblinear_not_stuck": L1,
    "test_liblinear_with_large_values": LIBLINEAR,
    "test_logistic_cv": INEXACT,
    "test_logistic_cv_mock_scorer": CV,
    "test_logistic_cv_multinomial_score": PRIVATE,
    "test_logistic_cv_refit_false_non_elasticnet": CV,
    "test_logistic_cv_sparse": CV,
    "test_logistic_regression_callback_fitted_estimator": CALLBACKS,
    "test_logistic_regression_callback_support": CALLBACKS,
    "test_logistic_regression_callback_support_warning": CALLBACKS,
    "test_logistic_regression_cv_refit[l1_ratio=1]": L1,
    "test_logistic_regression_path_coefs_multinomial": PRIVATE,
    "test_logistic_regression_path_convergence_fail": PRIVATE,
    "test_logistic_regression_path_init_coefs": PRIVATE,
    "test_logistic_regressioncv_class_weights": CV,
    "test_logistic_regression_sample_weights[problem=cv]": CV,
    "test_logisticregression_liblinear_sample_weight[params=l1_ratio=1, dual=False]": L1,
    "test_logisticregression_liblinear_sample_weight[params=l1_ratio=0, dual=True]": LIBLINEAR,
    "test_logisticregression_warns_with_n_jobs": DEPRECATED,
    "test_logisticregressioncv_warns_with_use_legacy_attributes": CV,
    "test_logreg_l1": L1,
    "test_logreg_predict_proba_multinomial": PRIVATE_METHOD,
    "test_lr_cv_scores_differ_when_sample_weight_is_requested": CV,
    "test_lr_cv_scores_without_enabling_metadata_routing": CV,
    "test_lr_penalty_l1ratio_incompatible": L1,
    "test_lr_scoring_warns": CV,
    "test_max_iter": MESSAGES,
    "test_multinomial_cv_iris": CV,
    "test_newton_cholesky_fallback_to_lbfgs": ITERATIONS,
    "test_passing_params_without_enabling_metadata_routing": CV,
    "test_penalty_deprecated": DEPRECATED,
    "test_saga_vs_liblinear[l1_ratio=1]": L1,
    "test_sample_and_class_weight_equivalence_liblinear": L1,
    "test_scores_attribute_layout_elasticnet": L1,
    "test_warm_start_newton_solver": ITERATIONS,
}


class Adapter(GradientLogisticRegression):
    """The linear classifier with scikit-learn's parameters, defaults and meaning of ``tol``."""

    def __init__(
        self,
        penalty="deprecated",
        *,
        C=1.0,
        l1_ratio=0.0,
        dual=False,
        tol=1e-4,
        fit_intercept=True,
        intercept_scaling=1,
        class_weight=None,
        random_state=None,
        solver="lbfgs",
        max_iter=100,
        verbose=0,
        warm_start=False,
        n_jobs=None,
    ):
        super().__init__(
            penalty,
            C=C,
            l1_ratio=l1_ratio,
            dual=dual,
            tol=tol,
            fit_intercept=fit_intercept,
            intercept_scaling=intercept_scaling,
            class_weight=class_weight,
            random_state=random_state,
            solver=solver,
            max_iter=max_iter,
            verbose=verbose,
            warm_start=warm_start,
            n_jobs=n_jobs,
        )

    def fit(self, X, y, sample_weight=None):
        """Fit as any solver of scikit-learn would: they all have the same minimum."""
        given = self.get_params()
        translated = {
            "solver": "preconditioned_lbfgs",
            # scikit-learn's is the size of the gradient; the gap goes with its square
            "tol": max(self.tol**2, 1e-16),
            "penalty": "l2" if self.penalty == "deprecated" else self.penalty,
        }
        self.set_params(**translated)
        try:
            return super().fit(X, y, sample_weight)
        finally:
            self.set_params(**given)


def load_tests() -> ModuleType:
    """scikit-learn's module of tests, loaded anew with the adapter in it."""
    spec = importlib.util.find_spec(NAME)
    module = importlib.util.module_from_spec(spec)
    theirs = sklearn.linear_model.LogisticRegression
    sklearn.linear_model.LogisticRegression = Adapter
    try:
        spec.loader.exec_module(module)
    finally:
        sklearn.linear_model.LogisticRegression = theirs
    return module


def reason_to_leave_out(name, arguments, value):
    """Why a parameter set of a test is left out; None if it is run."""
    if arguments.startswith("array_namespace") and value[0] != "numpy":
        return ARRAY_API
    return LEFT_OUT.get(f"{name}[{arguments}={label(value)}]")


def label(value):
    """A parameter set in the words of ``LEFT_OUT``."""
    if isinstance(value, dict):
        return ", ".join(f"{key}={value[key]}" for key in ("l1_ratio", "dual") if key in value)
    if isinstance(value, tuple) and isinstance(value[0], type):
        return ", ".join(label(entry) for entry in value)
    return getattr(value, "__name__", str(value))


def without_parameters_left_out(test):
    """The test less the parameter sets that are left out."""
    marks = []
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            arguments, values, *_ = mark.args
            if isinstance(arguments, list):
                arguments = ", ".join(arguments)
            kept = [v for v in values if not reason_to_leave_out(test.__name__, arguments, v)]
            mark = pytest.mark.parametrize(arguments, kept, **mark.kwargs).mark
        marks.append(mark)
    test.pytestmark = marks
    return test


MODULE = load_tests()
TESTS = {name: test for name, test in vars(MODULE).items() if name.startswith("test_")}
PARAMETERS = [
    (name, *mark.args[:2])
    for name, test in TESTS.items()
    for mark in getattr(test, "pytestmark", [])
    if mark.name == "parametrize"
]
PARAMETERS = [
    (name, ", ".join(arguments) if isinstance(arguments, list) else arguments, values)
    for name, arguments, values in PARAMETERS
]
pytestmark = MODULE.pytestmark
globals().update(
    # In the module's order, which all workers of pytest-xdist share
    {name: without_parameters_left_out(TESTS[name]) for name in TESTS if name not in LEFT_OUT}
)


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's tests use unless told otherwise."""
    return 42


def test_every_test_of_scikit_learn_is_run_or_listed():
    """A test that a new version brings is run; one that it drops must leave the list."""
    listed = {name.partition("[")[0] for name in LEFT_OUT}
    assert listed <= set(TESTS)
    whole = {name for name in LEFT_OUT if "[" not in name}
    assert {name for name in globals() if TESTS.get(name) is globals()[name]} == set(TESTS) - whole
    assert len(set(TESTS) - whole) >= 30


def test_every_parameter_set_in_the_list_exists():
    names = {
        f"{test}[{arguments}={label(value)}]"
        for test, arguments, values in PARAMETERS
        for value in values
    }
    assert {name for name in LEFT_OUT if "[" in name} <= names


@pytest.mark.parametrize("solver", MODULE.SOLVERS)
def test_the_adapter_fits_our_classifier(solver):
    model = Adapter(solver=solver, tol=1e-3).fit(MODULE.iris.data, MODULE.iris.target)
    assert isinstance(model, GradientLogisticRegression)
    assert (model.solver, model.tol, model.penalty) == (solver, 1e-3, "deprecated")
    assert model.relative_gap_ <= 1e-6


@pytest.fixture(autouse=True)
def _array_api(monkeypatch):
    """Without this variable scikit-learn skips its tests of array API input."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")

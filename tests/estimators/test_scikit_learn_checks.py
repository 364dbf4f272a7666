"""scikit-learn's own checks of estimators: all of them, none skipped, none expected to fail."""

from unittest import SkipTest

import numpy as np
import pytest
from sklearn.utils.estimator_checks import (
    check_classifiers_train,
    check_dont_overwrite_parameters,
    parametrize_with_checks,
)

from mnist_gradients.estimators import GradientLogisticRegression, GradientMLPClassifier


@pytest.fixture
def _array_api(monkeypatch):
    """Without this variable scikit-learn skips the check of array API input."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


# Some checks leave a network or a solver few iterations.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.usefixtures("_array_api")
@parametrize_with_checks(
    [
        GradientLogisticRegression(),
        GradientLogisticRegression(warm_start=True, n_jobs=2, random_state=3),
        GradientLogisticRegression(class_weight="balanced", tol=1e-3),
        GradientLogisticRegression(solver="lbfgs", max_iter=10_000),
        GradientMLPClassifier(),
        GradientMLPClassifier(
            hidden_layer_sizes=[20, 10],
            activation="tanh",
            solver="momentum",
            learning_rate_init=0.05,
            batch_size=30,
            max_iter=30,
        ),
    ]
)
def test_scikit_learn_check(estimator, check):
    try:
        check(estimator)
    except SkipTest as skip:
        pytest.fail(f"skipped: {skip}")


class Forgetful(GradientLogisticRegression):
    """Breaks the contract: its fit changes a parameter."""

    def fit(self, X, y):
        self.C = 2.0
        return super().fit(X, y)


class Constant(GradientMLPClassifier):
    """Breaks the contract: it learns nothing."""

    def predict(self, X):
        return np.full(len(self._rows(X)), self.classes_[0])


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Forgetful(), check_dont_overwrite_parameters),
        (Constant(), check_classifiers_train),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_the_checks_find_a_broken_estimator(broken, check):
    name = type(broken).__name__
    check(name, type(broken).__base__())
    with pytest.raises(AssertionError):
        check(name, broken)

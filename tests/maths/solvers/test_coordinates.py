"""The Hessian in the coordinates of the default solver."""

import numpy as np
import pytest
import scipy.sparse

from mnist_gradients.maths.linear_objective import INTERCEPTS
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.softmax_regression import SoftmaxObjective
from mnist_gradients.maths.solvers import coordinates, preconditioned_lbfgs
from mnist_gradients.maths.solvers.columns import describe_columns
from mnist_gradients.maths.solvers.coordinates import curvature_coordinates

KINDS = {"logistic": LogisticObjective, "softmax": SoftmaxObjective}


def problem(kind, l2, *, sparse=False, intercept="free"):
    """1,200 rows with features whose lengths go from 1 to 1e-3, and one of zeros."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((1_200, 12)) @ generator.standard_normal((12, 12))
    X *= np.append(np.geomspace(1, 1e-3, 11), 0)
    X = np.where(generator.random(X.shape) < 0.5, 0, X)
    y = np.argmax(X[:, :3] + generator.gumbel(size=(1_200, 3)), axis=1)
    y = y if kind == "softmax" else np.minimum(y, 1)
    rows = scipy.sparse.csr_array(X) if sparse else X
    return KINDS[kind](rows, y, l2, intercept=intercept)


def spectrum(objective, w, found):
    """Eigenvalues of A^T H A that belong to steps which the solver takes."""
    units = np.eye(objective.size)
    H = np.array([objective.hessian_vector(w, found.weights(u)) for u in units])
    eigenvalues = np.linalg.eigvalsh(np.array([found.gradient(row) for row in H]))
    dimensions = objective.size // objective.n_outputs  # of shifts common to all classes
    return eigenvalues[dimensions:] if objective.n_outputs > 1 else eigenvalues


@pytest.mark.parametrize("l2", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_hessian_is_near_the_identity_though_some_features_have_no_factor(
    kind, sparse, l2, monkeypatch
):
    objective = problem(kind, l2, sparse=sparse)
    w = preconditioned_lbfgs(objective).weights
    columns, generator = describe_columns(objective), np.random.default_rng(0)
    seen = []
    hessian = coordinates.ScaledFeatures.hessian

    def counted(self, *args):
        seen.append(len(self.penalties) - 1)
        return hessian(self, *args)

    monkeypatch.setattr(coordinates.ScaledFeatures, "hessian", counted)
    found = curvature_coordinates(objective, w, columns, "classes", generator)
    eigenvalues = spectrum(objective, w, found)
    least = {"logistic": 0.5, "softmax": 0.3}[kind]  # blocks of classes leave out what they share
    assert eigenvalues.min() > least
    assert eigenvalues.max() < 2.0
    assert set(seen) == {{1e-4: 7, 1e-2: 4, 1.0: 1}[l2]}


@pytest.mark.parametrize("intercept", INTERCEPTS)
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_penalty_every_feature_that_varies_has_a_factor(kind, intercept, monkeypatch):
    objective = problem(kind, 0.0, intercept=intercept)
    seen = []
    features = coordinates.ScaledFeatures

    def spied(*args, **options):
        seen.append(options.get("columns"))
        return features(*args, **options)

    monkeypatch.setattr(coordinates, "ScaledFeatures", spied)
    w, columns = np.zeros(objective.size), describe_columns(objective)
    found = curvature_coordinates(objective, w, columns, "classes", np.random.default_rng(0))
    np.testing.assert_array_equal(seen[-1], np.arange(11))
    assert np.isfinite(found.weights(np.ones(objective.size))).all()

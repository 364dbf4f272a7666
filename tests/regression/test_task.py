import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.regression.solvers import (
    ReferenceParameters,
    SolverParameters,
    fit,
    fit_reference,
)
from mnist_gradients.regression.task import (
    design_matrix,
    evaluate,
    make_model,
    make_objective,
    name_classes,
    targets,
)


def test_design_matrix_is_a_view_of_the_raw_pixels(digits):
    X = design_matrix(digits)
    assert X.shape == (300, 49)
    assert X.dtype == np.uint8
    assert np.shares_memory(X, digits.images)


def test_targets_of_the_binary_task_are_one_for_the_positive_classes(digits, task):
    y = targets(digits, task())
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, digits.labels % 2)


def test_targets_of_softmax_regression_are_the_labels(digits, task):
    np.testing.assert_array_equal(targets(digits, task(positive_classes=None)), digits.labels)


@pytest.mark.parametrize("positive_classes", [tuple(range(10)), (10, 11)])
def test_positive_classes_must_be_some_but_not_all_classes(digits, task, positive_classes):
    words = (
        f"parameter positive_classes: found {list(positive_classes)}, "
        "expected some but not all of the classes [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        targets(digits, task(positive_classes=positive_classes))


def test_names_of_the_classes_of_a_task(task):
    names = ["coat", "bag", "boot"]
    assert name_classes(names, task(positive_classes=None)) == names
    assert name_classes(names, task(positive_classes=(2, 0))) == ["bag", "coat boot"]


@pytest.mark.parametrize("positive_classes", [(1, 3, 5, 7, 9), (0,), None])
def test_weighted_classes_have_the_optimum_of_scikit_learn(digits, task, positive_classes):
    chosen = task(positive_classes=positive_classes, class_weights="balanced")
    solver = SolverParameters(max_iterations=500, tolerance=1e-14)
    model, history = fit("preconditioned_lbfgs", digits, 0.1, chosen, solver)
    reference = LogisticRegression(
        C=1 / (0.1 * len(digits)), class_weight="balanced", tol=1e-10, max_iter=1000
    ).fit(design_matrix(digits) / 255, targets(digits, chosen))
    columns = reference.coef_.T
    np.testing.assert_allclose(model.weights, columns, atol=2e-6 * np.abs(columns).max())
    options = {"solver": "lbfgs", "max_iterations": 1000, "tolerance": 1e-9}
    _, last = fit_reference(
        digits, 0.1, chosen, ReferenceParameters(**options, precision="float64")
    )
    assert last["objective"].item() == pytest.approx(history["objective"].iloc[-1], rel=1e-9)
    unweighted, _ = fit(
        "preconditioned_lbfgs", digits, 0.1, task(positive_classes=positive_classes), solver
    )
    assert np.abs(unweighted.weights - model.weights).max() > 1e-3


@pytest.mark.parametrize(("positive_classes", "n_classes"), [((1, 3, 5, 7, 9), 2), (None, 10)])
def test_objective_starts_at_the_logarithm_of_the_number_of_classes(
    digits, task, positive_classes, n_classes
):
    objective = make_objective(digits, 0.1, task(positive_classes=positive_classes))
    value, gradient = objective(np.zeros(objective.size))
    assert value == pytest.approx(np.log(n_classes), abs=1e-14)
    assert gradient.dtype == np.float64


@pytest.mark.parametrize("positive_classes", [(1, 3, 5, 7, 9), None])
@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
def test_loss_of_the_model_plus_penalty_is_the_objective(digits, task, positive_classes, intercept):
    chosen = task(positive_classes=positive_classes, intercept=intercept)
    objective = make_objective(digits, 0.3, chosen)
    w = np.random.default_rng(0).normal(scale=0.1, size=objective.size)
    model = make_model(objective, w)
    assert model.l2 == 0.3
    penalised = [model.weights] if intercept == "free" else [model.weights, model.intercept]
    penalty = 0.3 / 2 * sum(float((part**2).sum()) for part in penalised)
    loss = evaluate(model, digits, chosen)["loss"]
    assert loss + penalty == pytest.approx(objective(w)[0], rel=1e-12)


def test_evaluation_counts_the_wrong_predictions(digits, task):
    always_odd = LinearModel(np.zeros((49, 1)), np.array([1.0]), np.array([0, 1]), l2=0.0)
    fraction_of_even = np.mean(digits.labels % 2 == 0)
    assert evaluate(always_odd, digits, task())["error"] == pytest.approx(fraction_of_even)

import re

import numpy as np
import pytest

from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.pipelines.logistic_regression.task import (
    class_names,
    design_matrix,
    evaluate,
    make_model,
    make_objective,
    targets,
)


def test_design_matrix_is_a_view_of_the_raw_pixels(sets):
    X = design_matrix(sets[0])
    assert X.shape == (300, 49)
    assert X.dtype == np.uint8
    assert np.shares_memory(X, sets[0].images)


def test_targets_of_the_binary_task_are_one_for_the_positive_classes(sets, task):
    y = targets(sets[0], task())
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, sets[0].labels % 2)


def test_targets_of_softmax_regression_are_the_labels(sets, task):
    np.testing.assert_array_equal(targets(sets[0], task(positive_classes=None)), sets[0].labels)


@pytest.mark.parametrize(
    ("positive_classes", "amount"), [(tuple(range(10)), "all"), ((10, 11), "none")]
)
def test_positive_classes_that_leave_nothing_to_tell_apart_are_refused(
    sets, task, positive_classes, amount
):
    words = (
        f"parameter positive_classes: found {list(positive_classes)}, which holds {amount} "
        "of the classes [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; expected some of them, not all"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        targets(sets[0], task(positive_classes=positive_classes))


def test_class_names(sets, task):
    assert class_names(sets[0], task()) == ["0 2 4 6 8", "1 3 5 7 9"]
    assert class_names(sets[0], task(positive_classes=(9, 3))) == ["0 1 2 4 5 6 7 8", "3 9"]
    assert class_names(sets[0], task(positive_classes=None)) == [str(k) for k in range(10)]


@pytest.mark.parametrize(("positive_classes", "n_classes"), [((1, 3, 5, 7, 9), 2), (None, 10)])
def test_objective_starts_at_the_logarithm_of_the_number_of_classes(
    sets, task, positive_classes, n_classes
):
    objective = make_objective(sets[0], 0.1, task(positive_classes=positive_classes))
    value, gradient = objective(np.zeros(objective.size))
    assert value == pytest.approx(np.log(n_classes), abs=1e-14)
    assert gradient.dtype == np.float64


@pytest.mark.parametrize("positive_classes", [(1, 3, 5, 7, 9), None])
@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
def test_model_has_the_loss_that_the_objective_saw(sets, task, positive_classes, intercept):
    parameters = task(positive_classes=positive_classes, intercept=intercept)
    objective = make_objective(sets[0], 0.3, parameters)
    w = np.random.default_rng(0).normal(scale=0.1, size=objective.size)
    model = make_model(objective, w)
    assert model.l2 == 0.3
    penalised = [model.weights] if intercept == "free" else [model.weights, model.intercept]
    penalty = 0.3 / 2 * sum(float((part**2).sum()) for part in penalised)
    loss = evaluate(model, sets[0], parameters)["loss"]
    assert loss + penalty == pytest.approx(objective(w)[0], rel=1e-12)


def test_evaluation_counts_the_wrong_predictions(sets, task):
    always_odd = LinearModel(np.zeros((49, 1)), np.array([1.0]), np.array([0, 1]), l2=0.0)
    share_of_even = np.mean(sets[1].labels % 2 == 0)
    assert evaluate(always_odd, sets[1], task())["error"] == pytest.approx(share_of_even)

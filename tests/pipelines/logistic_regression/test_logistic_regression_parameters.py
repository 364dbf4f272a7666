import re

import pytest
from pydantic import ValidationError

from mnist_gradients.maths.solvers import SOLVERS

STOP = {"max_iterations": 10, "tolerance": 1e-6}


def test_step_size_is_left_to_the_solver_unless_given(task):
    solvers = {
        "gradient_descent": STOP,
        "accelerated_descent": STOP | {"step_size": 0.5},
    }
    found = task(solvers=solvers).solvers
    assert found["gradient_descent"].step_size is None
    assert found["accelerated_descent"].step_size == 0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"solvers": {"newton_raphson": STOP}},
            "solvers\n  Value error, found solver 'newton_raphson', "
            f"expected one of {', '.join(SOLVERS)}",
        ),
        (
            {"solvers": {"gradient_descent": STOP | {"step_size": -0.1}}},
            "solvers.gradient_descent.step_size\n  Input should be greater than 0",
        ),
        (
            {"solvers": {"gradient_descent": STOP | {"max_iterations": 0}}},
            "solvers.gradient_descent.max_iterations\n  Input should be greater than 0",
        ),
        (
            {"solvers": {"gradient_descent": STOP | {"stepsize": 0.1}}},
            "solvers.gradient_descent.stepsize\n  Extra inputs are not permitted",
        ),
        ({"solvers": {}}, "solvers\n  Dictionary should have at least 1 item"),
        ({"l2_values": ()}, "l2_values\n  Tuple should have at least 1 item"),
        ({"l2_values": (0.1, 0.0)}, "l2_values.1\n  Input should be greater than 0"),
        ({"l2_values": (float("inf"),)}, "l2_values.0\n  Input should be a finite number"),
        ({"intercept": "fixed"}, "intercept\n  Input should be 'free', 'penalised' or 'none'"),
        ({"positive_classes": ()}, "positive_classes\n  Tuple should have at least 1 item"),
        ({"positive_classes": (-1,)}, "positive_classes.0\n  Input should be greater than or"),
        (
            {"reference": STOP | {"solver": "saga", "precision": "float32"}},
            "reference.solver\n  Input should be 'lbfgs', 'newton-cg' or 'newton-cholesky'",
        ),
        ({"penalty": "l1"}, "penalty\n  Extra inputs are not permitted"),
    ],
)
def test_parameters_out_of_range_are_refused(task, changes, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        task(**changes)

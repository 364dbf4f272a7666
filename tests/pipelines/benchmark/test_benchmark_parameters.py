import pytest
from pydantic import ValidationError

from mnist_gradients.benchmarking.parameters import BenchmarkParameters


def test_options_are_taken(options):
    assert BenchmarkParameters(**options()).task("odd_even").l2_values == (0.01,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"contenders": [{"solver": "newton", "inputs": ["float32"], "threads": [1]}]},
            "found solver 'newton', expected one of gradient_descent, ",
        ),
        ({"solver": "scikit_learn_lbfgs"}, "found solver 'scikit_learn_lbfgs', expected one of "),
        (
            {
                "contenders": [
                    {"solver": "lbfgs", "inputs": ["float32"], "threads": [1], "tasks": ["even"]}
                ]
            },
            "found task 'even', expected one of odd_even",
        ),
        ({"headline_gaps": [1e-3]}, r"found gap 0.001, expected one of gaps \(0.01, 0.0001\)"),
        ({"repeats": 0}, "greater than 0"),
        ({"repeat": 1}, "Extra inputs are not permitted"),
    ],
)
def test_mistakes_are_refused(options, changes, words):
    with pytest.raises(ValidationError, match=words):
        BenchmarkParameters(**options(**changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": "ten"}, "found task 'ten', expected one of odd_even"),
        ({"gap": 1e-3}, "found gap 0.001, expected one of gaps"),
        ({"l2": 0.1}, r"found scaling.l2 0.1, expected one of \(0.01,\)"),
    ],
)
def test_scaling_is_about_what_was_raced(options, changes, words):
    with pytest.raises(ValidationError, match=words):
        BenchmarkParameters(**options(scaling=options()["scaling"] | changes))

import pytest
from pydantic import ValidationError

from mnist_gradients.pipelines.benchmark.parameters import BenchmarkParameters


def test_valid_options_are_accepted(options):
    assert BenchmarkParameters(**options()).task("odd_even").l2_values == (0.01,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"solvers": [{"solver": "newton", "inputs": ["float32"], "threads": [1]}]},
            "solver: found 'newton', expected one of gradient_descent, ",
        ),
        ({"solver": "scikit_learn_lbfgs"}, "solver: found 'scikit_learn_lbfgs', expected one of "),
        (
            {
                "solvers": [
                    {"solver": "lbfgs", "inputs": ["float32"], "threads": [1], "tasks": ["even"]}
                ]
            },
            "task: found 'even', expected one of odd_even",
        ),
        ({"headline_gaps": [1e-3]}, r"gap: found 0.001, expected one of gaps \(0.01, 0.0001\)"),
        ({"repeats": 0}, "greater than 0"),
        ({"repeat": 1}, "Extra inputs are not permitted"),
    ],
)
def test_invalid_options_are_refused(options, changes, words):
    with pytest.raises(ValidationError, match=words):
        BenchmarkParameters(**options(**changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": "ten"}, "task: found 'ten', expected one of odd_even"),
        ({"gap": 1e-3}, "gap: found 0.001, expected one of gaps"),
        ({"l2": 0.1}, r"scaling.l2: found 0.1, expected one of \(0.01,\)"),
    ],
)
def test_scaling_needs_a_measured_task_gap_and_penalty(options, changes, words):
    with pytest.raises(ValidationError, match=words):
        BenchmarkParameters(**options(scaling=options()["scaling"] | changes))


def test_tricks_need_known_changes(options):
    tricks = options()["tricks"] | {"changes": ["unchanged", "no rows"]}
    with pytest.raises(ValidationError, match="change: found 'no rows', expected one of "):
        BenchmarkParameters(**options(tricks=tricks))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"solvers": ["newton"]}, "solver: found 'newton', expected one of "),
        ({"groups": ["tall"]}, "group: found 'tall', expected one of images, "),
    ],
)
def test_robustness_needs_known_solvers_and_groups(options, changes, words):
    with pytest.raises(ValidationError, match=words):
        BenchmarkParameters(**options(robustness=options()["robustness"] | changes))

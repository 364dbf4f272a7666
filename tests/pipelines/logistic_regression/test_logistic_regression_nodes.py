import numpy as np
import pandas as pd
import pytest

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.solvers.descent import SOLVERS
from mnist_gradients.pipelines.logistic_regression import nodes
from mnist_gradients.pipelines.logistic_regression.task import make_objective

TASKS = [(1, 3, 5, 7, 9), None]
COMPARISON_COLUMNS = [
    "solver",
    "iterations",
    "seconds",
    "objective",
    "relative_gap",
    "max_abs_weight_difference",
    "train_error",
    "validation_error",
    "test_error",
]


def chosen(l2):
    return pd.DataFrame({"l2": [10 * l2, l2], "chosen": [False, True]})


class TestRegularisationPath:
    def test_strengths_fall_and_the_lowest_validation_error_is_chosen(self, sets, task):
        parameters = task(l2_values=(1e-3, 100.0, 1e-6))
        path = nodes.trace_regularisation_path(sets[0], sets[1], parameters)
        assert path["l2"].tolist() == [100.0, 1e-3, 1e-6]
        assert path["chosen"].tolist() == [False, True, False]
        assert path["validation_error"].idxmin() == 1
        # The weaker the penalty, the better the fit: training images cannot choose.
        assert path["train_error"].is_monotonic_decreasing
        # So strong a penalty leaves the intercept alone to predict the more frequent class.
        share = np.mean(sets[1].labels % 2 == 0)
        assert path["validation_error"].iloc[0] == pytest.approx(share, abs=0.05)

    def test_tie_takes_the_strongest_penalty(self, sets, task):
        parameters = task(l2_values=(1e5, 1e7, 1e6))
        path = nodes.trace_regularisation_path(sets[0], sets[1], parameters)
        assert path["validation_error"].nunique() == 1
        assert path.loc[path["chosen"], "l2"].tolist() == [1e7]

    def test_warm_starts_do_not_change_the_fits(self, sets, task):
        path = nodes.trace_regularisation_path(sets[0], sets[1], task(l2_values=(1.0, 0.03)))
        alone = nodes.trace_regularisation_path(sets[0], sets[1], task(l2_values=(0.03,)))
        assert path["validation_loss"].iloc[1] == pytest.approx(
            alone["validation_loss"].item(), rel=1e-3
        )


@pytest.mark.parametrize("positive_classes", TASKS, ids=["binary", "multinomial"])
@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
def test_every_solver_finds_the_optimum_of_scikit_learn(sets, task, positive_classes, intercept):
    # Bounds on the norm of the gradient, but for the one that bounds the gap, which is quadratic.
    tolerances = dict.fromkeys(SOLVERS, 1e-6) | {"preconditioned_lbfgs": 1e-9}
    limit = 20_000
    parameters = task(
        positive_classes=positive_classes,
        intercept=intercept,
        solvers={
            solver: {"max_iterations": limit, "tolerance": tolerance}
            for solver, tolerance in tolerances.items()
        },
    )
    models, history = nodes.fit_models(sets[0], chosen(0.01), parameters)
    comparison, _ = nodes.compare_solvers(
        models, history, nodes.measure_models(models, *sets, parameters)
    )
    assert comparison["solver"].tolist() == [*SOLVERS, "scikit_learn"]
    assert (comparison["iterations"] < limit).all()  # each stopped by its own rule
    assert (comparison["relative_gap"] < 1e-6).all()
    assert (comparison["max_abs_weight_difference"] < 1e-3).all()
    assert comparison["test_error"].nunique() == 1
    has_intercept = [bool(model.intercept.any()) for model in models.values()]
    assert has_intercept == [intercept != "none"] * len(models)


@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
def test_softmax_regression_of_two_classes_has_the_optimum_of_scikit_learn(sets, task, intercept):
    """Of two classes scikit-learn fits a single column of weights."""
    two = LabelledImages(sets[0].images, sets[0].labels % 2)
    stop = {"max_iterations": 5000, "tolerance": 1e-9}
    parameters = task(positive_classes=None, intercept=intercept, solvers={"lbfgs": stop})
    models, history = nodes.fit_models(two, chosen(0.01), parameters)
    ours, reference = models["lbfgs"], models["scikit_learn"]
    assert reference.weights.shape == (49, 2)
    np.testing.assert_allclose(reference.weights, ours.weights, atol=1e-4)
    np.testing.assert_allclose(reference.intercept, ours.intercept, atol=1e-4)
    objectives = history.groupby("solver")["objective"].last()
    assert objectives["scikit_learn"] == pytest.approx(objectives["lbfgs"], rel=1e-9)


def test_the_three_kinds_of_intercept_have_different_optima(sets, task):
    objectives = {
        kind: nodes.fit_reference(sets[0], 0.1, task(intercept=kind))[1]["objective"].item()
        for kind in ("free", "penalised", "none")
    }
    assert objectives["free"] < objectives["penalised"] < objectives["none"]


def test_another_penalty_has_another_optimum(sets, task):
    """The agreement above would fail if C were anything but 1 / (N l2)."""
    reference, _ = nodes.fit_reference(sets[0], 0.2, task())
    objective = make_objective(sets[0], 0.1, task())
    at_optimum = nodes.fit_reference(sets[0], 0.1, task())[1]["objective"].item()
    value, _ = objective(objective.pack(reference.weights, reference.intercept))
    assert value / at_optimum - 1 > 1e-3


@pytest.fixture(scope="module")
def history(sets, task):
    stop = {"max_iterations": 25, "tolerance": 1e-9}
    parameters = task(solvers=dict.fromkeys(("gradient_descent", "accelerated_descent"), stop))
    return nodes.fit_models(sets[0], chosen(1e-3), parameters)[1]


class TestHistory:
    @pytest.mark.parametrize("solver", ["gradient_descent", "accelerated_descent"])
    def test_starts_at_iteration_zero_and_counts_up(self, history, solver):
        part = history[history["solver"] == solver]
        assert part["iteration"].tolist() == list(range(26))
        assert part["objective"].iloc[0] == pytest.approx(np.log(2), abs=1e-14)
        assert part["seconds"].is_monotonic_increasing

    def test_steps_of_one_over_lipschitz_never_increase_the_objective(self, history):
        part = history[history["solver"] == "gradient_descent"]
        assert (part["objective"].diff().dropna() < 0).all()

    def test_too_long_a_step_increases_the_objective(self, sets, task):
        solvers = {"gradient_descent": {"max_iterations": 5, "tolerance": 1e-9, "step_size": 10}}
        history = nodes.fit_models(sets[0], chosen(1e-3), task(solvers=solvers))[1]
        assert (history["objective"].diff() > 0).any()

    def test_scikit_learn_has_one_row_with_the_lowest_objective(self, history):
        reference = history[history["solver"] == "scikit_learn"]
        assert len(reference) == 1
        assert reference["objective"].item() == history["objective"].min()
        assert reference["gradient_norm"].item() < 1e-3


class TestCompareSolvers:
    @staticmethod
    def model(weights, intercept):
        weights, intercept = np.array(weights, dtype=float), np.array(intercept, dtype=float)
        classes = np.arange(max(2, weights.shape[1]))
        return LinearModel(weights, intercept, classes, l2=0.1)

    @staticmethod
    def measures(*objectives):
        parts = {
            f"{part}_{measure}": [value] * 2
            for part, value in (("train", 0.1), ("validation", 0.2), ("test", 0.3))
            for measure in ("error", "loss", "expected_calibration_error")
        }
        solvers = ["gradient_descent", "scikit_learn"]
        return pd.DataFrame({"solver": solvers, "objective": objectives} | parts)

    HISTORY = pd.DataFrame(
        {
            "solver": ["gradient_descent"] * 2 + ["scikit_learn"],
            "iteration": [0, 7, 31],
            "seconds": [0.5, 1.5, 4.0],
        }
    )

    def test_columns_and_values(self):
        models = {
            "gradient_descent": self.model([[1.0], [2.0]], [0.5]),
            "scikit_learn": self.model([[1.25], [2.0]], [0.0]),
        }
        comparison, metrics = nodes.compare_solvers(models, self.HISTORY, self.measures(0.3, 0.25))
        assert list(comparison.columns) == COMPARISON_COLUMNS
        assert comparison.to_dict("records")[0] == {
            "solver": "gradient_descent",
            "iterations": 7,
            "seconds": 1.5,
            "objective": 0.3,
            "relative_gap": pytest.approx(0.2),
            "max_abs_weight_difference": 0.5,
            "train_error": 0.1,
            "validation_error": 0.2,
            "test_error": 0.3,
        }
        assert comparison["relative_gap"].iloc[1] == 0
        assert metrics["scikit_learn"] == {
            "test_error": 0.3,
            "test_loss": 0.3,
            "test_expected_calibration_error": 0.3,
            "validation_error": 0.2,
            "train_seconds": 4.0,
            "iterations": 31,
            "parameters": 3,
        }

    def test_gap_is_never_negative_where_we_beat_scikit_learn(self):
        models = dict.fromkeys(("gradient_descent", "scikit_learn"), self.model([[1.0]], [0.0]))
        comparison, _ = nodes.compare_solvers(models, self.HISTORY, self.measures(0.25, 0.3))
        assert comparison["relative_gap"].tolist() == [0, pytest.approx(0.2)]

    def test_common_shift_of_all_classes_is_no_difference(self):
        W, b = np.arange(6.0).reshape(2, 3) ** 2, np.array([1.0, 0.0, 2.0])
        shifted = self.model(W + np.array([[3.0], [-1.0]]), b + 5)
        changed = self.model(W + np.array([[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), b)
        for other, difference in ((shifted, 0.0), (changed, 2.0)):
            models = {"gradient_descent": other, "scikit_learn": self.model(W, b)}
            comparison, _ = nodes.compare_solvers(models, self.HISTORY, self.measures(0.3, 0.25))
            found = comparison["max_abs_weight_difference"].iloc[0]
            assert found == pytest.approx(difference, abs=1e-12)


def test_measures_hold_every_measure_of_every_set(sets, task):
    parameters = task()
    models, history = nodes.fit_models(sets[0], chosen(0.01), parameters)
    measures = nodes.measure_models(models, *sets, parameters).set_index("solver")
    assert list(measures.columns) == [
        "objective",
        *(
            f"{part}_{measure}"
            for part in ("train", "validation", "test")
            for measure in ("error", "loss", "expected_calibration_error")
        ),
    ]
    last = history.groupby("solver")["objective"].last()
    assert measures.loc["lbfgs", "objective"] == pytest.approx(last["lbfgs"], rel=1e-12)
    wrong = models["lbfgs"].predict(sets[2].images.reshape(150, -1)) != sets[2].labels % 2
    assert measures.loc["lbfgs", "test_error"] == wrong.mean()
    assert (measures["train_error"] < measures["test_error"]).all()

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.solvers import SOLVERS
from mnist_gradients.pipelines.logistic_regression import nodes
from mnist_gradients.regression.task import evaluate, make_model, make_objective

COMPARISON_COLUMNS = [
    "solver",
    "l2",
    "iterations",
    "seconds",
    "objective",
    "relative_gap",
    "max_abs_weight_difference",
    "train_error",
    "validation_error",
    "test_error",
]


class TestRegularisationPath:
    def test_strengths_fall_and_a_weaker_penalty_fits_better(self, sets, task):
        path = nodes.trace_regularisation_path(*sets[:2], task(l2_values=(1e-3, 100.0, 1e-6)))
        assert path["l2"].tolist() == [100.0, 1e-3, 1e-6]
        assert path["train_error"].is_monotonic_decreasing
        # So strong a penalty leaves the intercept alone, which predicts the more frequent class.
        fraction = np.mean(sets[1].labels % 2 == 0)
        assert path["validation_error"].iloc[0] == pytest.approx(fraction, abs=0.05)

    def test_starting_at_the_last_optimum_changes_no_fit(self, sets, task):
        path = nodes.trace_regularisation_path(sets[0], sets[1], task(l2_values=(1.0, 0.03)))
        alone = nodes.trace_regularisation_path(sets[0], sets[1], task(l2_values=(0.03,)))
        assert path["validation_loss"].iloc[1] == pytest.approx(
            alone["validation_loss"].item(), rel=1e-6
        )

    @pytest.mark.parametrize("l2", [1e-2, 1e-4])
    def test_errors_are_those_of_the_minimum(self, sets, task, l2):
        chosen = task(l2_values=(l2,))
        objective = make_objective(sets[0], l2, chosen)
        minimum = SOLVERS["lbfgs"](objective, tolerance=1e-9, max_iterations=5_000).weights
        expected = evaluate(make_model(objective, minimum), sets[1], chosen)
        path = nodes.trace_regularisation_path(*sets[:2], chosen)
        assert path["validation_loss"].item() == pytest.approx(expected["loss"], rel=1e-5)
        assert path["validation_error"].item() == expected["error"]


class TestChoosePenalty:
    @staticmethod
    def path(*errors):
        l2 = [0.1, 0.01, 0.001]
        return pd.DataFrame({"l2": l2, "validation_error": errors, "validation_loss": 0.5})

    def test_lowest_validation_error_is_chosen(self):
        assert nodes.choose_penalty(self.path(0.3, 0.1, 0.2)) == {
            "l2": 0.01,
            "validation_error": 0.1,
            "validation_loss": 0.5,
        }

    def test_strongest_of_equal_penalties_is_chosen_in_any_order(self):
        path = self.path(0.3, 0.1, 0.1)
        assert nodes.choose_penalty(path)["l2"] == nodes.choose_penalty(path[::-1])["l2"] == 0.01


def test_every_solver_and_scikit_learn_are_fitted_at_the_chosen_penalty(sets, task):
    models, history = nodes.fit_models(sets[0], {"l2": 0.03}, task())
    assert list(models) == ["lbfgs", "scikit_learn"]
    assert {model.l2 for model in models.values()} == {0.03}
    assert history["solver"].unique().tolist() == ["lbfgs", "scikit_learn"]
    last = history.groupby("solver")["objective"].last()
    assert last["lbfgs"] == pytest.approx(last["scikit_learn"], rel=1e-6)


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

    def test_every_column_has_its_value(self):
        models = {
            "gradient_descent": self.model([[1.0], [2.0]], [0.5]),
            "scikit_learn": self.model([[1.25], [2.0]], [0.0]),
        }
        comparison, metrics = nodes.compare_solvers(models, self.HISTORY, self.measures(0.3, 0.25))
        assert list(comparison.columns) == COMPARISON_COLUMNS
        assert comparison.to_dict("records")[0] == {
            "solver": "gradient_descent",
            "l2": 0.1,
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
            "l2": 0.1,
            "test_error": 0.3,
            "test_loss": 0.3,
            "test_expected_calibration_error": 0.3,
            "validation_error": 0.2,
            "train_seconds": 4.0,
            "iterations": 31,
            "parameters": 3,
        }

    def test_gap_is_to_the_lowest_objective_of_all_solvers(self):
        models = dict.fromkeys(("gradient_descent", "scikit_learn"), self.model([[1.0]], [0.0]))
        comparison, _ = nodes.compare_solvers(models, self.HISTORY, self.measures(0.25, 0.3))
        assert comparison["relative_gap"].tolist() == [0, pytest.approx(0.2)]

    def test_one_vector_added_to_all_classes_is_no_difference(self):
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
    models, history = nodes.fit_models(sets[0], {"l2": 0.01}, parameters)
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

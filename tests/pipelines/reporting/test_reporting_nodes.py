import re

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.solvers import DEFAULT_SOLVER
from mnist_gradients.pipelines.reporting import nodes


def metrics(number):
    return {
        "test_error": number / 100,
        "test_loss": number / 10,
        "test_expected_calibration_error": number / 1000,
        "validation_error": 0.5,
        "train_seconds": float(number),
        "iterations": 7,
        "parameters": 1000 + number,
    }


@pytest.fixture
def models():
    linear = {
        f"binary.{DEFAULT_SOLVER}": metrics(2),
        "binary.scikit_learn": metrics(1),
        "multinomial.gradient_descent": metrics(3),
    }
    return nodes.compare_models(linear, fnn=metrics(4))


@pytest.fixture
def times(models):
    return pd.DataFrame({"model": models["model"], "microseconds_per_image": [1.0, 2.0, 3.0, 9.0]})


class TestCompareModels:
    def test_one_row_per_model_named_by_its_pipeline_and_solver(self, models):
        assert models["model"].tolist() == [
            f"logistic_regression.binary.{DEFAULT_SOLVER}",
            "logistic_regression.binary.scikit_learn",
            "logistic_regression.multinomial.gradient_descent",
            "fnn",
        ]

    def test_columns_and_values(self, models):
        assert models.to_dict("records")[3] == {
            "model": "fnn",
            "parameters": 1004,
            "train_seconds": 4.0,
            "test_error": 0.04,
            "test_loss": 0.4,
            "expected_calibration_error": 0.004,
        }

    def test_model_of_another_pipeline_has_a_group_of_its_own_and_no_prediction_time(self, times):
        models = nodes.compare_models({}, fnn=metrics(4), nearest_mean=metrics(19))
        page = nodes.write_report(models, times, {}, {})
        row = page.partition("Other models, all classes")[2].partition("</tr>\n</tbody>")[0]
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        assert cells == ["nearest_mean", "19.00", "1.9000", "1.90", "19.0", "–", "1,019"]

    def test_missing_measure_is_an_error(self):
        incomplete = metrics(4)
        del incomplete["test_loss"]
        with pytest.raises(KeyError, match="test_loss"):
            nodes.compare_models({}, fnn=incomplete)


class TestTimePredictions:
    class Network:
        """Records the batches that it predicts."""

        def __init__(self):
            self.shapes = []

        def predict(self, images, batch_size, verbose):
            self.shapes.append((images.shape, batch_size, verbose))

    def test_every_model_has_a_time_per_image(self, mnist):
        weights = np.zeros((784, 10))
        zeros = LinearModel(weights, np.zeros(10), np.arange(10), l2=0.1, scale=1.0)
        network, test = self.Network(), mnist.take(np.arange(50))
        times = nodes.time_predictions(network, {"a": zeros}, {"a": zeros, "b": zeros}, test)
        assert times["model"].tolist() == [
            "fnn",
            "logistic_regression.binary.a",
            "logistic_regression.multinomial.a",
            "logistic_regression.multinomial.b",
        ]
        assert (times["microseconds_per_image"] > 0).all()
        assert network.shapes == [((50, 28, 28), 50, 0)] * 4

    def test_large_sets_are_cut(self, mnist):
        network = self.Network()
        nodes.time_predictions(network, {}, {}, mnist)
        assert {shape for shape, _, _ in network.shapes} == {(nodes.N_PREDICTED, 28, 28)}

    def test_time_is_divided_by_the_number_of_images(self, monkeypatch):
        monkeypatch.setattr(nodes.timeit, "repeat", lambda *_, **__: [0.5, 0.2, 0.3])
        images = LabelledImages(np.zeros((4, 2, 2), np.uint8), np.zeros(4, np.uint8))
        times = nodes.time_predictions(self.Network(), {}, {}, images)
        assert times["microseconds_per_image"].tolist() == [50_000.0]


class TestGroupModels:
    def test_lowest_test_error_comes_first_and_the_default_solver_is_chosen(self, models, times):
        groups = nodes.group_models(models.merge(times))
        found = {
            group: [(row["model"], row["test_error"], row["chosen"]) for row in rows]
            for group, rows in groups.items()
        }
        assert found == {
            "Feed-forward network, all classes": [("fnn", 0.04, True)],
            "Softmax regression, all classes": [("gradient_descent", 0.03, False)],
            "Logistic regression, two groups of classes": [
                ("scikit_learn", 0.01, False),
                (DEFAULT_SOLVER, 0.02, True),
            ],
            "Other models, all classes": [],
        }

    def test_shortest_training_comes_first_at_a_tie(self):
        rows = {"binary.a": metrics(2), "binary.b": metrics(2) | {"train_seconds": 1.0}}
        groups = nodes.group_models(nodes.compare_models(rows, fnn=metrics(4)))
        names = [row["model"] for row in groups["Logistic regression, two groups of classes"]]
        assert names == ["b", "a"]


class TestWriteReport:
    def report(self, models, times, all_sections):
        return nodes.write_report(
            models,
            times,
            {"fnn.model": 2.0, "fnn.metrics": 1.0},
            all_sections,
            logistic_regression="<section>linear</section>",
            derivations="<section>formulas</section>",
        )

    def test_sections_follow_in_order_and_optional_ones_last(self, models, times):
        html = self.report(
            models,
            times,
            {
                "derivations": lambda: "<section>of an earlier run</section>",
                "benchmark": lambda: "<section>timings</section>",
                "ablation": lambda: "<section>parts</section>",
            },
        )
        sections = re.findall(r"<section>(.*?)</section>", html)
        assert sections == ["linear", "formulas", "parts", "timings"]

    def test_prediction_times_stand_with_their_model(self, models, times):
        html = self.report(models, times, {})
        row = re.search(r"<td>gradient_descent.*?</tr>", html, re.DOTALL)[0]
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        assert cells == ["gradient_descent", "3.00", "0.3000", "0.30", "3.0", "3.0", "1,003"]

    def test_metrics_of_an_earlier_training_are_named(self, models, times):
        assert "Out of date: fnn.metrics is older than fnn.model." in self.report(models, times, {})


TIMES = {"train": 1.0, "fnn.model": 2.0, "fnn.metrics": 3.0, "fnn.section": 4.0}


class TestFindOutdated:
    def test_outputs_in_the_order_of_a_run_are_up_to_date(self):
        assert nodes.find_outdated(TIMES) == []

    def test_each_dataset_is_compared_with_its_source(self):
        ingested = TIMES | {"train": 9.0, "ingestion.section": 10.0}
        assert nodes.find_outdated(ingested) == ["fnn.model is older than train"]
        evaluated = TIMES | {"fnn.metrics": 9.0}
        assert nodes.find_outdated(evaluated) == ["fnn.section is older than fnn.metrics"]

    def test_metrics_of_both_tasks_are_compared_with_their_models(self):
        times = {"logistic_regression.metrics": 5.0, "logistic_regression.binary.models": 6.0}
        expected = "logistic_regression.metrics is older than logistic_regression.binary.models"
        assert nodes.find_outdated(times) == [expected]

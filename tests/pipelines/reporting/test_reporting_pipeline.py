import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from mnist_gradients.datasets import OptionalTableDataset
from mnist_gradients.pipelines.reporting import create_pipeline
from mnist_gradients.pipelines.reporting.pipeline import METRICS, PICTURES, TABLES

ROW = {
    "test_error": 0.02,
    "test_loss": 0.1,
    "test_expected_calibration_error": 0.01,
    "train_seconds": 3.0,
    "parameters": 10,
}
COMPARISON = pd.DataFrame(
    {
        "solver": ["scikit_learn"],
        "iterations": [7],
        "seconds": [3.0],
        "relative_gap": [0.0],
        "max_abs_weight_difference": [0.0],
        "test_error": [0.02],
    }
)
CHECKS = pd.DataFrame(columns=["identity", "oracle", "max_abs_error", "tolerance", "holds"])
HEADLINE = pd.DataFrame(
    {
        "task": ["ten_class"],
        "l2": [1e-3],
        "gap": [1e-6],
        "threads": [1],
        "seconds": [2.0],
        "times_faster_than_lbfgs": [25.0],
        "times_faster_than_best": [12.0],
        "best": ["scikit_learn_lbfgs float32, threads 1"],
    }
)


@pytest.fixture
def run(tmp_path):
    """Runs the pipeline; the benchmark's headline is where the catalog has it, or is not there."""

    def run(without=None):
        inputs = {name: {"gradient_descent": ROW} for name in METRICS[:2]} | {
            METRICS[2]: ROW,
            TABLES["binary"]: COMPARISON,
            TABLES["multinomial"]: COMPARISON,
            TABLES["checks"]: CHECKS,
            TABLES["twins"]: {"iterations": 1, "float64": {"largest_loss_difference": 0.0}},
            "parameters": {"seed": 0},
            **dict.fromkeys(PICTURES.values(), b"png"),
        }
        inputs.pop(without, None)
        datasets = {name: MemoryDataset(data) for name, data in inputs.items()}
        headline = OptionalTableDataset(filepath=str(tmp_path / "headline.csv"))
        catalog = DataCatalog({**datasets, TABLES["benchmark"]: headline})
        return SequentialRunner().run(create_pipeline(), catalog)["reporting.report"].load()

    return run


def test_pipeline_makes_the_page_from_the_metrics_and_pictures_of_the_others(run):
    page = run()
    assert "gradient_descent" in page
    assert page.count("data:image/png;base64,cG5n") == len(PICTURES)


def test_page_shows_the_benchmark_once_it_has_run(run, tmp_path):
    assert "The benchmark" not in run()
    HEADLINE.to_csv(tmp_path / "headline.csv", index=False)
    assert "25.0" in run().partition("The benchmark")[2]


def test_pipeline_does_not_run_without_one_of_the_others(run):
    with pytest.raises(ValueError, match=r"input\(s\) {'fnn.metrics'} not found"):
        run(without="fnn.metrics")

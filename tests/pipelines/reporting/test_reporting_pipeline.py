import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from mnist_gradients.pipelines.reporting import create_pipeline
from mnist_gradients.pipelines.reporting.pipeline import CHECKS, METRICS, PICTURES

ROW = {
    "test_error": 0.02,
    "test_loss": 0.1,
    "test_expected_calibration_error": 0.01,
    "train_seconds": 3.0,
    "parameters": 10,
}


@pytest.fixture
def run():
    def run(without=None):
        columns = ("identity", "oracle", "max_abs_error", "tolerance", "holds")
        inputs = {name: {"gradient_descent": ROW} for name in METRICS[:2]} | {
            METRICS[2]: ROW,
            CHECKS: pd.DataFrame(columns=columns),
            "parameters": {"seed": 0},
            **dict.fromkeys(PICTURES.values(), b"png"),
        }
        inputs.pop(without, None)
        catalog = DataCatalog({name: MemoryDataset(data) for name, data in inputs.items()})
        return SequentialRunner().run(create_pipeline(), catalog)

    return run


def test_pipeline_makes_the_page_from_the_metrics_and_pictures_of_the_others(run):
    page = run()["reporting.report"].load()
    assert "logistic_regression.multinomial.gradient_descent" in page
    assert page.count("data:image/png;base64,cG5n") == len(PICTURES)


def test_pipeline_does_not_run_without_one_of_them(run):
    with pytest.raises(ValueError, match=r"input\(s\) {'fnn.metrics'} not found"):
        run(without="fnn.metrics")

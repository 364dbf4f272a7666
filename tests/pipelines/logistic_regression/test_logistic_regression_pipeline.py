import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from matplotlib.figure import Figure

from mnist_gradients.pipelines.logistic_regression import create_pipeline
from mnist_gradients.pipelines.logistic_regression.pipeline import TASKS

FIGURES = (
    "regularisation_path_plot",
    "convergence",
    "weights_plot",
    "roc_curves_plot",
    "confusion_matrix_plot",
)


@pytest.fixture
def outputs(sets, task):
    l2_values = (100.0, 0.01)  # the first leaves nothing but the intercept
    stop = {"max_iterations": 20, "tolerance": 1e-6}
    solvers = {"gradient_descent": stop, "lbfgs": stop}
    inputs = dict(zip(("train", "validation", "test"), sets, strict=True)) | {
        "params:logistic_regression.binary": task(solvers=solvers, l2_values=l2_values),
        "params:logistic_regression.multinomial": task(
            solvers=solvers, positive_classes=None, l2_values=l2_values
        ),
    }
    catalog = DataCatalog({name: MemoryDataset(data) for name, data in inputs.items()})
    return SequentialRunner().run(create_pipeline(), catalog)


def test_every_task_has_its_metrics_and_figures(outputs):
    metrics = {
        task: outputs[f"logistic_regression.{task}.metrics"].load()["lbfgs"] for task in TASKS
    }
    assert metrics["binary"]["parameters"] == 49 + 1
    assert metrics["multinomial"]["parameters"] == (49 + 1) * 10
    assert metrics["binary"]["test_error"] < metrics["multinomial"]["test_error"] < 0.3
    for task in TASKS:
        assert metrics[task]["l2"] == 0.01
        for figure in FIGURES:
            assert isinstance(outputs[f"logistic_regression.{task}.{figure}"].load(), Figure)

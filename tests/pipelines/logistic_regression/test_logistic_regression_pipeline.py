import re

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from mnist_gradients.pipelines.logistic_regression import create_pipeline
from mnist_gradients.pipelines.logistic_regression.pipeline import TASKS


@pytest.fixture
def outputs(sets, task):
    l2_values = (100.0, 0.01)  # the first leaves nothing but the intercept
    stop = {"max_iterations": 20, "tolerance": 1e-6}
    solvers = {"gradient_descent": stop, "lbfgs": stop}
    inputs = dict(zip(("train", "validation", "test"), sets, strict=True)) | {
        "class_names": [str(digit) for digit in range(10)],
        "params:logistic_regression.binary": task(solvers=solvers, l2_values=l2_values),
        "params:logistic_regression.multinomial": task(
            solvers=solvers, positive_classes=None, l2_values=l2_values
        ),
    }
    catalog = DataCatalog({name: MemoryDataset(data) for name, data in inputs.items()})
    return SequentialRunner().run(create_pipeline(), catalog)


def test_every_task_has_its_metrics_and_its_part_of_the_report(outputs):
    assert set(outputs) == {
        "logistic_regression.metrics",
        "logistic_regression.section",
    }
    metrics = outputs["logistic_regression.metrics"].load()
    assert set(metrics) == {
        f"{task}.{solver}"
        for task in TASKS
        for solver in ("gradient_descent", "lbfgs", "scikit_learn")
    }
    binary, multinomial = metrics["binary.lbfgs"], metrics["multinomial.lbfgs"]
    assert binary["parameters"] == 49 + 1
    assert multinomial["parameters"] == (49 + 1) * 10
    assert binary["test_error"] < multinomial["test_error"] < 0.3
    assert binary["l2"] == multinomial["l2"] == 0.01
    section = outputs["logistic_regression.section"].load()
    assert section.count("<img src=") == 2 * 5
    assert section.count('<td class="long">1 3 5 7 9</td>') == 1  # precision, recall, F1
    titles = re.findall("<h3>(.*?)</h3>", section)
    assert titles == [
        "Logistic regression, 1 3 5 7 9 against the other classes",
        "Softmax regression, all classes",
    ]

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.partitions import PartitionedDataset

from mnist_gradients.datasets.atomic import CSVDataset, JSONDataset
from mnist_gradients.pipelines.compare_runs import create_pipeline
from mnist_gradients.pipelines.compare_runs.parameters import CompareRunsParameters

FILES = {
    "metrics": ("metrics.json", JSONDataset),
    "parameters": ("parameters.json", JSONDataset),
    "histories": ("history.csv", CSVDataset),
}
OUTPUTS = ("compare_runs.comparison", "compare_runs.loss_curves_plot")
# Folder of each run, and its test error, learning rate and name of the training.
RUNS = {"": (0.03, 0.1, "a"), "runs/wide": (0.01, 0.2, "b"), "test_run": (0.02, 0.1, "c")}


@pytest.fixture
def compare(tmp_path):
    """Compares runs that were saved as the catalog saves them; returns the outputs."""

    def compare(*names, saved=tuple(RUNS)):
        for folder in saved:
            error, rate, training = RUNS[folder]
            history = pd.DataFrame(
                {
                    "iteration": [1, 2, 3],
                    "train_loss": [rate, 0.5, 0.3],
                    "test_loss": [None, 0.4, error],
                }
            )
            contents = {
                "metrics": {"training": training, "train_seconds": 4.0, "test_error": error},
                "parameters": {"seed": 0, "fnn": {"learning_rate": rate, "hidden_units": [64]}},
                "histories": history,
            }
            for kind, (file, dataset) in FILES.items():
                path = tmp_path / folder / "08_reporting" / "fnn" / file
                dataset(filepath=str(path)).save(contents[kind])
        catalog = {
            f"compare_runs.all_{kind}": PartitionedDataset(
                path=str(tmp_path), dataset=dataset, filename_suffix=f"08_reporting/fnn/{file}"
            )
            for kind, (file, dataset) in FILES.items()
        }
        catalog["params:compare_runs"] = MemoryDataset(CompareRunsParameters(runs=names))
        pipeline = create_pipeline().to_outputs(*OUTPUTS)
        outputs = SequentialRunner().run(pipeline, DataCatalog(catalog))
        return [outputs[name].load() for name in OUTPUTS]

    return compare


def test_table_has_the_parameters_that_differ_and_the_metrics_best_first(compare):
    table, _ = compare()
    assert table.to_dict("list") == {
        "run": ["wide", "test_run", "(no name)"],
        "test_error": [0.01, 0.02, 0.03],
        "fnn.learning_rate": [0.2, 0.1, 0.1],
        "train_seconds": [4.0, 4.0, 4.0],
    }


def test_figure_has_both_loss_curves_of_each_run_in_one_colour(compare):
    _, figure = compare("wide", "(no name)")
    (axes,) = figure.axes
    curves = [(line.get_linestyle(), line.get_ydata().tolist()) for line in axes.lines]
    assert curves == [
        *[("--", [0.2, 0.5, 0.3]), ("-", [0.4, 0.01])],
        *[("--", [0.1, 0.5, 0.3]), ("-", [0.4, 0.03])],
    ]
    colours = [line.get_color() for line in axes.lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["wide", "(no name)"]


def test_single_run_is_refused(compare):
    words = r"^runs: found 1 \(wide\), expected at least two; kedro run --pipelines ingestion,fnn"
    with pytest.raises(ValueError, match=words):
        compare(saved=["runs/wide"])


def test_unknown_run_is_refused(compare):
    words = (
        r"^parameter compare_runs.runs: found 'deep', expected one of \(no name\), wide, test_run$"
    )
    with pytest.raises(ValueError, match=words):
        compare("deep")

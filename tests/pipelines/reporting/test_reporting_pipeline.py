import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.partitions import PartitionedDataset

from mnist_gradients.datasets.atomic import TextDataset
from mnist_gradients.pipelines.reporting import create_pipeline
from mnist_gradients.pipelines.reporting.pipeline import MODELS, SECTIONS

ROW = {
    "test_error": 0.02,
    "test_loss": 0.1,
    "test_expected_calibration_error": 0.01,
    "train_seconds": 3.0,
    "parameters": 10,
}


class Network:
    def predict(self, images, batch_size, verbose):
        pass


@pytest.fixture
def run(tmp_path, sets):
    """Runs the pipeline on sections in files, as in the catalog, and returns the page."""

    def run(without=None):
        inputs = {
            "logistic_regression.metrics": {"binary.lbfgs": ROW},
            "fnn.metrics": ROW,
            **{name: {} for name in MODELS},
            "fnn.model": Network(),
            "test": sets[2],
            "reporting.file_times": {},
        }
        datasets = {name: MemoryDataset(data, copy_mode="assign") for name, data in inputs.items()}
        for name in SECTIONS:
            datasets[f"{name}.section"] = section = page(tmp_path, name)
            section.save(f"<section>{name}</section>")
        datasets["reporting.all_sections"] = PartitionedDataset(
            path=str(tmp_path), dataset=TextDataset, filename_suffix="/section.html"
        )
        datasets.pop(without, None)
        runner = SequentialRunner()
        return runner.run(create_pipeline(), DataCatalog(datasets))["reporting.report"].load()

    return run


def page(folder, name):
    return TextDataset(filepath=str(folder / name / "section.html"))


def test_report_joins_the_sections_below_the_models(run):
    html = run()
    places = [html.index("<td>lbfgs</td>"), *(html.index(f"<section>{name}<") for name in SECTIONS)]
    assert places == sorted(places)


def test_section_of_an_optional_pipeline_is_shown_once_it_ran(run, tmp_path):
    assert "timings" not in run()
    page(tmp_path, "benchmark").save("<section>timings</section>")
    assert run().count("<section>timings</section>") == 1


@pytest.mark.parametrize("name", ["fnn.metrics", "derivations.section", "fnn.model"])
def test_pipeline_does_not_run_without_the_others(run, name):
    with pytest.raises(ValueError, match=rf"input\(s\) {{'{name}'}} not found"):
        run(without=name)

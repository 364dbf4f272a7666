import json

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.pandas import CSVDataset

from mnist_gradients.benchmarking import robustness, tables, time_to_gap, tricks, worker
from mnist_gradients.core import machine
from mnist_gradients.pipelines.benchmark import create_pipeline, nodes

TABLES = ("time_to_gap", "scaling", "optima", "fits", "tricks", "robustness")
SOLVERS = ("preconditioned_lbfgs", "scikit_learn_lbfgs")


@pytest.fixture(scope="module")
def outputs(digits, benchmark_parameters, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    inputs = {
        "train": digits.take(np.arange(500)),
        "validation": digits.take(np.arange(500, 600)),
        "params:benchmark": benchmark_parameters(),
        "params:seed": 0,
    }
    catalog = DataCatalog(
        {name: MemoryDataset(data) for name, data in inputs.items()}
        | {
            f"benchmark.{name}": CSVDataset(
                filepath=str(folder / f"{name}.csv"), save_args={"index": False}
            )
            for name in TABLES
        }
    )
    with_tensorflow = ("measure_training_throughput", "measure_augmentation_cost", "write_section")
    without_tensorflow = create_pipeline() - create_pipeline().only_nodes(
        *(f"benchmark.{name}" for name in with_tensorflow)
    )
    with pytest.MonkeyPatch.context() as patch:  # workers have tests of their own
        patch.setattr(time_to_gap, "measure", lambda job: list(worker.run(job)))
        found = SequentialRunner().run(without_tensorflow, catalog)
    return {name.removeprefix("benchmark."): dataset.load() for name, dataset in found.items()} | {
        name: pd.read_csv(folder / f"{name}.csv") for name in TABLES
    }


def test_every_solver_reaches_every_gap(outputs):
    table = outputs["time_to_gap"]
    assert table.columns.tolist() == tables.COLUMNS
    assert table["solver"].tolist() == ["preconditioned_lbfgs"] * 2 + ["scikit_learn_lbfgs"] * 2
    assert table["gap"].tolist() == [1e-2, 1e-4] * 2
    assert table["outcome"].eq("reached").all()
    assert table["seconds"].between(0, 10, inclusive="neither").all()
    assert table["ratio_to_best_scikit_learn"].tolist()[2:] == [1, 1]
    assert outputs["optima"]["relative_gap_bound"].between(0, 1e-10).all()
    fits = outputs["fits"]
    assert fits["state"].eq("converged").all()
    assert fits.groupby("solver")["gap"].min().between(-1e-9, 1e-4).all()


def test_headline_divides_the_seconds_in_the_table(outputs):
    (line,) = outputs["headline"].to_dict("records")
    seconds = outputs["time_to_gap"]["seconds"]
    assert line["gap"] == 1e-4
    assert line["times_faster_than_best"] == pytest.approx(seconds[3] / seconds[1])
    assert line["best"] == "scikit_learn_lbfgs float64, threads 1"


def test_environment_is_json_with_versions_and_processor(outputs):
    found = json.loads(json.dumps(outputs["environment"]))
    assert found["numpy"] == np.__version__
    assert int(found["cores"]) >= 1
    assert found["blas"]
    assert found["processor"]


def test_windows_is_refused(monkeypatch):
    monkeypatch.setattr(machine.sys, "platform", "win32")
    with pytest.raises(RuntimeError, match="found Windows, expected Linux or macOS"):
        nodes.describe_environment()


def test_scaling_has_a_row_per_size_and_solver(outputs):
    table = outputs["scaling"]
    assert table["rows"].tolist() == [600, 600, 1200, 1200]
    assert table["solver"].tolist() == list(SOLVERS) * 2
    assert table["memory_mapped"].tolist() == [True, False] * 2
    assert table["outcome"].eq("reached").all()
    assert table["seconds"].gt(0).all()
    assert table["peak_memory_mib"].gt(20).all()
    axes, _ = outputs["scaling_plot"].axes
    for line, solver in zip(axes.lines, SOLVERS, strict=True):
        shown = table[table["solver"] == solver]
        np.testing.assert_allclose(line.get_xydata(), shown[["rows", "seconds"]])
    labels = [line.get_label() for line in axes.lines]
    assert labels == [
        "preconditioned_lbfgs, uint8 in a file",
        "scikit_learn_lbfgs, float64 in memory",
    ]


def test_convergence_has_a_line_per_solver_with_falling_gaps(outputs):
    (axes,) = outputs["convergence"].axes
    fits = outputs["fits"]
    for line, solver in zip(axes.lines, SOLVERS, strict=False):
        points = line.get_xydata()
        shown = fits[fits["solver"] == solver]
        np.testing.assert_allclose(points[:, 0], shown["seconds"])
        np.testing.assert_allclose(points[:, 1], shown["gap"].clip(lower=1e-12))


def test_tricks_have_a_row_per_change(outputs):
    table = outputs["tricks"]
    assert table.columns.tolist() == tricks.COLUMNS
    assert table["change"].tolist() == ["unchanged", "no warm start"]
    assert table["gap"].between(-1e-9, 1e-4).all()
    assert table["times_as_long"][0] == 1.0
    assert table["repeats"].tolist() == [2, 2]


def test_robustness_without_problems_is_an_empty_table_with_columns(outputs):
    assert outputs["robustness"].columns.tolist() == robustness.COLUMNS
    assert outputs["robustness"].empty

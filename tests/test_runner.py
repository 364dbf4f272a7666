"""Nodes run on the workers of a Dask cluster, which exchange files."""

import json
import os
import runpy
import sys
from concurrent.futures import Future
from pathlib import Path

import pytest
from distributed import LocalCluster
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from mnist_gradients import runner as module
from mnist_gradients.datasets.atomic import JSONDataset
from mnist_gradients.runner import DaskRunner, _NodeExecutor

ROOT = Path(__file__).parents[1]


def double(number):
    return {"value": 2 * number}


def add(first, second):
    if first == second:
        raise ArithmeticError("two equal numbers")
    return {"value": first["value"] + second["value"]}


def cancelled():
    future = Future()
    future.cancel()
    future.set_running_or_notify_cancel()
    return future


PIPELINE = Pipeline(
    [
        Node(double, "three", "first", name="double_three"),
        Node(double, "four", "second", name="double_four"),
        Node(add, ["first", "second"], "sum", name="add"),
    ]
)


def catalog(folder, **datasets):
    named = {name: JSONDataset(filepath=str(folder / name)) for name in ("first", "second", "sum")}
    return DataCatalog({"three": MemoryDataset(3), "four": MemoryDataset(4)} | named | datasets)


@pytest.fixture(scope="module")
def runner():
    """A runner on a cluster with an address."""
    bootstrap_project(ROOT)
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=2, **options) as cluster:
        yield DaskRunner(address=cluster.scheduler_address)


def test_nodes_run_and_write_files(runner, tmp_path):
    runner.run(PIPELINE, catalog(tmp_path))
    assert json.loads((tmp_path / "sum").read_text()) == {"value": 14}


def test_nodes_of_the_project_write_the_bytes_of_a_run_in_one_process(
    runner, run_project, small_raw, tmp_path
):
    outputs = ["train", "ingestion.class_counts", "logistic_regression.binary.class_metrics"]
    solvers = {"lbfgs": {"max_iterations": 20, "tolerance": 0.01}}
    given = {"raw_root": str(small_raw), "logistic_regression": {"binary": {"solvers": solvers}}}
    run_project(tmp_path / "dask", given, runner=runner, to_outputs=outputs)
    run_project(tmp_path / "one", given, to_outputs=outputs)
    one, dask = (
        {
            path.relative_to(folder): path.read_bytes()
            for pattern in ("**/*.npz", "**/class_*.csv")
            for path in folder.glob(pattern)
        }
        for folder in (tmp_path / "one", tmp_path / "dask")
    )
    assert Path("06_models/logistic_regression/binary.npz") in dask
    assert len(dask) >= 8
    assert one == dask


def test_workers_of_its_own_have_the_variables_of_the_run(tmp_path, monkeypatch):
    """Networks have other bits with other numbers of threads, which Dask would set to 1."""
    bootstrap_project(ROOT)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(module, "available_cores", lambda: 1)  # one worker
    node = Node(os.getenv, "name", "value", name="read_variable")
    value = JSONDataset(filepath=str(tmp_path / "value"))
    catalog = DataCatalog({"name": MemoryDataset("OMP_NUM_THREADS"), "value": value})
    DaskRunner().run(Pipeline([node]), catalog)
    assert value.load() == "3"


def test_an_error_of_a_node_ends_the_run(runner, tmp_path):
    with pytest.raises(ArithmeticError, match="two equal numbers"):
        runner.run(PIPELINE, catalog(tmp_path, four=MemoryDataset(3)))
    assert not (tmp_path / "sum").exists()


def test_a_lost_scheduler_is_named(runner, tmp_path, monkeypatch):
    """Dask's client cancels what it waits for where it loses the connection."""
    monkeypatch.setattr(_NodeExecutor, "submit", lambda *_: cancelled())
    with pytest.raises(ConnectionError, match=r"^dask: found no scheduler any more, expected one$"):
        runner.run(PIPELINE, catalog(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_output_in_memory_is_refused_before_anything_starts(tmp_path):
    runner = DaskRunner(address="tcp://192.0.2.1:1")  # no scheduler
    expected = r"^DaskRunner: found second in memory only, expected catalog entries with a file$"
    with pytest.raises(ValueError, match=expected):
        runner.run(PIPELINE, catalog(tmp_path, second=MemoryDataset()))
    assert list(tmp_path.iterdir()) == []


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match="expected the extra `dask` installed"):
        runpy.run_path(module.__file__)

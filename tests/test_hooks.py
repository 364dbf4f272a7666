import logging
import os
import sys
import time
import warnings
from types import SimpleNamespace

import click
import numpy as np
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from mnist_gradients import hooks
from mnist_gradients.console.parameters import ParameterError
from mnist_gradients.hooks import CheckpointHooks, ConsoleHooks
from mnist_gradients.training.checkpoints import Checkpoint

METRICS = {
    "fnn": {"test_error": 0.0123, "train_seconds": 31.26},
    "logistic_regression.binary": {"lbfgs": {"test_error": 0.1, "train_seconds": 4.0}},
}


def one():
    return 1


RUN = {"runner": "SequentialRunner"}
PIPELINE = Pipeline([Node(one, None, "a", name="make_a"), Node(one, None, "b", name="make_b")])


@pytest.fixture
def lines(caplog):
    """Returns the lines that were printed so far."""
    caplog.set_level(logging.INFO, logger="mnist_gradients")
    return lambda: caplog.messages


def test_every_node_is_counted(lines):
    console = ConsoleHooks()
    console.before_pipeline_run(RUN, PIPELINE)
    for node in PIPELINE.nodes:
        console.before_node_run(node)
    assert lines() == ["[1/2] make_a", "[2/2] make_b"]
    console.before_pipeline_run(RUN, PIPELINE)  # a second run in the same process
    console.before_node_run(PIPELINE.nodes[0])
    assert lines()[2] == "[1/2] make_a"


def test_one_of_several_processes_does_not_count(lines, monkeypatch):
    monkeypatch.setattr(hooks, "parent_process", lambda: SimpleNamespace(name="MainProcess"))
    console = ConsoleHooks()
    console.before_node_run(PIPELINE.nodes[0])
    assert lines() == ["[in parallel] make_a"]


def test_run_without_models_ends_with_its_time(lines, monkeypatch):
    times = iter([100.0, 163.4])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    console = ConsoleHooks()
    console.before_pipeline_run(RUN, PIPELINE)
    console.after_pipeline_run(PIPELINE, DataCatalog())
    assert lines() == ["done in 63 s"]


class TestEndOfARun:
    @pytest.fixture
    def end(self, lines, tmp_path):
        """Ends a run with given outputs; returns the lines after the time of the run."""

        def end(*outputs, report=False):
            path = tmp_path / "report.html"
            if report:
                path.touch()
            catalog = {f"{name}.metrics": MemoryDataset(data) for name, data in METRICS.items()}
            console = ConsoleHooks()
            console.after_catalog_created({"reporting.report": {"filepath": str(path)}})
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "One or more dataset names contain '.'")
                pipeline = Pipeline([Node(one, None, output) for output in outputs])
            console.before_pipeline_run(RUN, pipeline)
            console.after_pipeline_run(pipeline, DataCatalog(catalog))
            return [line.replace(str(tmp_path), "/outputs") for line in lines()[1:]]

        return end

    def test_models_that_were_measured_are_listed_the_best_first(self, end):
        assert end("logistic_regression.binary.metrics", "fnn.metrics") == [
            "model                             test error  training time",
            "fnn                                   1.23 %         31.3 s",
            "logistic_regression.binary.lbfgs     10.00 %          4.0 s",
        ]

    def test_report_of_this_run_is_named(self, end):
        assert end("reporting.report", report=True) == ["report: /outputs/report.html"]

    def test_report_of_an_earlier_run_is_named_as_such(self, end):
        (line,) = end("fnn.section", report=True)
        assert line == (
            "/outputs/report.html is of an earlier run; to write it anew: "
            "kedro run --pipelines reporting"
        )

    def test_nothing_is_said_of_a_report_that_does_not_exist(self, end):
        assert end("fnn.section") == []

    def test_nothing_is_said_of_a_report_without_these_outputs(self, end):
        assert end("inference.sheet", report=True) == []


@pytest.fixture
def context(tmp_path):
    """Makes the context of a project of one parameter, changed on the command line."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "parameters.yml").write_text("seed: 0\n")

    def context(**parameters):
        loader = OmegaConfigLoader(
            str(tmp_path), base_env="base", default_run_env="base", runtime_params=parameters
        )
        return SimpleNamespace(config_loader=loader, project_path=tmp_path)

    return context


def test_unknown_parameter_is_refused(context):
    ConsoleHooks().after_context_created(context(seed=1))
    with pytest.raises(ParameterError, match=r"^parameter sed: found an unknown name"):
        ConsoleHooks().after_context_created(context(sed=1))


def test_errors_become_short_only_in_a_command(context, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    ConsoleHooks().after_context_created(context())
    assert sys.excepthook is sys.__excepthook__
    with click.Context(click.Command("run")):
        ConsoleHooks().after_context_created(context())
    assert sys.excepthook is not sys.__excepthook__


def test_output_has_the_form_of_the_project_in_its_folders_too(context, monkeypatch, tmp_path):
    configured = []
    monkeypatch.setattr(hooks.LOGGING, "configure", configured.append)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "logging.yml").write_text("version: 1\n")
    monkeypatch.chdir(tmp_path)
    ConsoleHooks().after_context_created(context())
    assert configured == []
    monkeypatch.chdir(tmp_path / "base")
    ConsoleHooks().after_context_created(context())
    assert configured == [{"version": 1}]


class Broken:
    """Pipelines that cannot be imported."""

    def keys(self):
        raise ImportError


def test_pipeline_that_cannot_be_imported_is_left_to_kedro(context, monkeypatch):
    monkeypatch.setattr(hooks, "pipelines", Broken())
    ConsoleHooks().after_context_created(context(seed=1))
    with pytest.raises(ParameterError):
        ConsoleHooks().after_context_created(context(sed=1))


class TestCheckpoints:
    @pytest.fixture
    def folder(self, tmp_path):
        """Checkpoints of four trainings."""
        for name in ("seed_0_a", "seed_1_b", "seed_2_c", "seed_3_d"):
            Checkpoint(tmp_path, name).save({"x": np.zeros(1)})
        return tmp_path

    @pytest.fixture
    def run(self, folder, parameters):
        """Ends a run of one pipeline that saves one dataset; returns the checkpoints that stay."""
        network = parameters(checkpoints={"folder": folder, "seconds": 0})
        catalog = {
            "params:fnn": network,
            "fnn.metrics": {"test_error": 0.1, "training": "seed_0_a"},
            "params:ensemble": SimpleNamespace(network=network),
            "ensemble.metrics": {"trainings": ["seed_1_b", "seed_2_c"]},
        }

        def run(namespace, output):
            pipeline = Pipeline([Node(one, None, output, name="one")], namespace=namespace)
            datasets = {name: MemoryDataset(data) for name, data in catalog.items()}
            CheckpointHooks().after_pipeline_run(pipeline, DataCatalog(datasets))
            return sorted(path.stem for path in folder.iterdir())

        return run

    def test_evaluated_training_loses_its_checkpoint(self, run):
        assert run("fnn", "metrics") == ["seed_1_b", "seed_2_c", "seed_3_d"]

    def test_evaluated_ensemble_loses_the_checkpoints_of_its_members(self, run):
        assert run("ensemble", "metrics") == ["seed_0_a", "seed_3_d"]

    def test_checkpoint_without_a_save_for_a_month_is_deleted(self, run, folder):
        for name, days in (("seed_2_c", 29), ("seed_3_d", 31)):
            saved = time.time() - days * 24 * 3600
            os.utime(folder / f"{name}.npz", (saved, saved))
        assert run("fnn", "metrics") == ["seed_1_b", "seed_2_c"]

    def test_training_without_metrics_keeps_its_checkpoint(self, run):
        assert len(run("fnn", "model")) == 4

import os
import sys
from pathlib import Path

import click
import pytest
from kedro.framework.project import pipelines as registered
from kedro.framework.project import settings
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipeline_registry import UnknownPipelineError
from mnist_gradients.session import (
    ProjectSession,
    check_environment,
    check_selection,
    find_pipeline,
)

ROOT = Path(__file__).parents[1]


def use(data):
    return data


@pytest.fixture(scope="module")
def pipeline():
    """A pipeline of two nodes: `net.train` makes what `net.plots.plot` draws."""
    train = Pipeline(
        [Node(use, "raw", "history", name="train", tags="slow")], namespace="net", outputs="history"
    )
    plot = Pipeline(
        [Node(use, "given", "curve", name="plot")],
        namespace="net.plots",
        inputs={"given": "history"},
    )
    return train + plot


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"node_names": (), "tags": None, "from_inputs": [], "load_versions": {}},
        {"node_names": ("net.train",), "from_nodes": ["net.plots.plot"], "to_nodes": ["net.train"]},
        {"from_inputs": ["net.raw"], "to_outputs": ["net.plots.curve"]},
        {"load_versions": {"history": "2026-01-01T00.00.00.000Z"}},
        {"tags": ("slow",), "namespaces": ["net", "net.plots"]},
    ],
)
def test_selection_by_names_that_exist_passes(pipeline, options):
    check_selection(pipeline, options)


@pytest.mark.parametrize(
    ("option", "name", "complaint"),
    [
        ("node_names", "trian", "node: found 'trian', expected one of net.plots.plot, net.train; "),
        ("from_nodes", "net.plot", "node: found 'net.plot', "),
        ("to_nodes", "net.tran", "node: found 'net.tran', "),
        ("from_inputs", "net.rwa", "data set: found 'net.rwa', "),
        ("to_outputs", "histroy", "data set: found 'histroy', "),
        ("tags", "slwo", "tag: found 'slwo', expected one of slow; did you mean slow?"),
        ("namespaces", "nte", "namespace: found 'nte', expected one of net, net.plots; "),
    ],
)
def test_selection_by_a_mistyped_name_is_answered_with_the_nearest(
    pipeline, option, name, complaint
):
    with pytest.raises(ValueError, match=r"; did you mean \S+\?$") as caught:
        check_selection(pipeline, {option: [name]})
    assert str(caught.value).startswith(complaint)


def test_version_of_a_mistyped_data_set_is_refused(pipeline):
    with pytest.raises(ValueError, match=r"'hist'.* did you mean history\?$"):
        check_selection(pipeline, {"load_versions": {"hist": "2026-01-01T00.00.00.000Z"}})


class TestEnvironment:
    @pytest.mark.parametrize("environment", [None, "base", "test"])
    def test_folder_of_configuration_is_an_environment(self, environment):
        check_environment(ROOT / "conf", environment)

    def test_mistyped_one_is_answered_with_the_nearest(self):
        with pytest.raises(ValueError, match=r"^environment: found 'tets', .* mean test\?$"):
            check_environment(ROOT / "conf", "tets")

    def test_file_is_no_environment(self):
        with pytest.raises(ValueError, match=r"^environment: found 'logging.yml', "):
            check_environment(ROOT / "conf", "logging.yml")

    def test_archive_of_configuration_is_left_to_kedro(self, tmp_path):
        check_environment(tmp_path / "conf.tar.gz", "tets")


class TestFindPipeline:
    @pytest.fixture(autouse=True)
    def project(self):
        bootstrap_project(ROOT)
        yield
        registered.set_requested(None)

    def test_named_pipelines_are_summed_and_no_other_is_loaded(self):
        found = find_pipeline(["ingestion", "reporting"])
        assert {node.namespace for node in found.nodes} == {"ingestion", "reporting"}
        assert set(registered) == {"ingestion", "reporting", "__default__"}

    def test_default_is_found_without_a_name(self):
        assert find_pipeline(None).nodes == registered["__default__"].nodes
        assert {"fnn", "reporting"} <= {node.namespace for node in find_pipeline([]).nodes}

    def test_mistyped_one_is_answered_with_the_nearest(self):
        with pytest.raises(
            UnknownPipelineError, match=r"^pipeline: found 'bechmark'.* mean benchmark\?$"
        ):
            find_pipeline(["fnn", "bechmark"])

    def test_one_that_fails_to_import_is_not_taken_for_missing(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "mnist_gradients.pipelines.reporting", None)
        with pytest.raises(
            ImportError, match=r"importing the 'mnist_gradients\.pipelines\.reporting'"
        ):
            find_pipeline(["reporting"])


class TestSession:
    @pytest.fixture(autouse=True)
    def project(self, monkeypatch):
        monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
        bootstrap_project(ROOT)
        yield
        registered.set_requested(None)

    def test_commands_use_it(self):
        assert settings.SESSION_CLASS is ProjectSession

    def test_environment_is_checked_where_kedro_takes_it_from(self, monkeypatch):
        with pytest.raises(ValueError, match=r"^environment: found 'tets'"):
            ProjectSession.create(ROOT, env="tets")
        monkeypatch.setitem(os.environ, "KEDRO_ENV", "bets")
        with pytest.raises(ValueError, match=r"^environment: found 'bets'"):
            ProjectSession.create(ROOT)

    def test_names_are_checked_before_anything_runs(self):
        with ProjectSession.create(ROOT, env="test") as session:
            with pytest.raises(UnknownPipelineError, match=r"^pipeline: found 'ingestoin'"):
                session.run(pipeline_names=["ingestoin"])
            with pytest.raises(ValueError, match=r"^data set: found 'tarin', .* mean train\?$"):
                session.run(pipeline_names=["ingestion"], to_outputs=["tarin"])

    def test_errors_become_short_in_a_command_alone(self):
        ProjectSession.create(ROOT)
        assert sys.excepthook is sys.__excepthook__
        with click.Context(click.Command("run")):
            ProjectSession.create(ROOT)
        assert sys.excepthook is not sys.__excepthook__

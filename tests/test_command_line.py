"""The commands as a user types them: quick ones stay quick, mistyped names are refused."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from mnist_gradients.console.parameters import ParameterError

ROOT = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras")


@pytest.fixture
def command(out_of_reach):
    """Runs Python without the heavy libraries; returns the run, and those that it imported."""

    def command(*arguments: str, cwd: Path = ROOT):
        run = subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd,
            env=out_of_reach.environment,
            capture_output=True,
            text=True,
        )
        return run, out_of_reach.imported()

    return command


SEVERAL = """
import sys
from kedro.framework.cli.cli import main
for arguments in sys.argv[1:]:
    sys.argv[1:] = arguments.split()
    try:
        main()
    except SystemExit as end:
        print("exit code:", end.code)
print("slow libraries:", *{"sklearn", "sympy"} & set(sys.modules))
"""


class TestQuickCommands:
    def test_commands_without_a_run_import_nothing_heavy(self, command):
        commands = ["--help", "registry list", "catalog describe-datasets", "registry describe fn"]
        run, imported = command("-c", SEVERAL, *commands)
        assert run.returncode == 0, run.stderr
        assert re.findall(r"^exit code: (.*)", run.stdout, re.MULTILINE) == ["0", "0", "0", "1"]
        assert "Commands for working with catalog" in run.stdout
        assert "- logistic_regression" in run.stdout
        assert "fnn.model" in run.stdout
        assert "'fn' pipeline not found. Existing pipelines: [__default__, " in run.stdout
        assert run.stdout.splitlines()[-1] == "slow libraries:"
        assert imported == []

    @pytest.mark.parametrize("name", HEAVY)
    def test_heavy_import_would_be_noticed(self, command, name):
        code = f"try:\n    import {name}\nexcept ImportError:\n    pass"
        run, imported = command("-c", code)
        assert run.returncode == 0
        assert imported == [name]


def test_command_whose_output_is_cut_off_goes_on_in_silence(tmp_path):
    options = f"--nodes ingestion.name_classes --params data_root={tmp_path}"
    run = subprocess.run(  # noqa: S602 - a pipe of the shell
        f"{sys.executable} -m kedro run {options} | true",
        shell=True,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        capture_output=True,
        text=True,
    )
    assert run.stderr == ""
    assert (tmp_path / "05_model_input" / "classes.txt").read_text().split() == [*"0123456789"]


class TestMistypedNames:
    @pytest.mark.parametrize(
        ("arguments", "last_line"),
        [
            (["--env", "tets"], "MissingConfigException: Given configuration path either does not"),
            (
                ["--pipelines", "fnn", "--params", "fnn.epoch=3"],
                "ParameterError: parameter fnn.epoch: found an unknown name, "
                "expected a known one such as epochs",
            ),
        ],
    )
    def test_error_of_a_command_is_one_line_in_every_folder(self, command, arguments, last_line):
        folder = ROOT / "src" if "--params" in arguments else ROOT
        run, _ = command("-m", "kedro", "run", *arguments, cwd=folder)
        assert run.returncode == 1
        first, last = run.stderr.splitlines()
        assert first == f"Full traceback: {ROOT / 'error.log'}"
        assert last.startswith(last_line)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"pipeline_names": ["ingestoin"]}, "named 'ingestoin'.*Did you mean.*    ingestion"),
            ({"from_nodes": ["ingestion.split"]}, r"nodes named \['ingestion.split'\]"),
            ({"to_outputs": ["tarin"]}, r"datasets named \['tarin'\]"),
            ({"namespaces": ["nigestion"]}, r"following namespaces: \['nigestion'\]"),
            ({"tags": ["nigestion"]}, "contains no nodes after applying all provided filters"),
            ({"load_versions": {"tarin": "2026-01-01T00.00.00.000Z"}}, r"keys \[tarin\] are not"),
        ],
    )
    def test_kedro_refuses_unknown_names_before_anything_runs(
        self, run_project, tmp_path, options, message
    ):
        with pytest.raises(Exception, match=re.compile(message, re.DOTALL)):
            run_project(tmp_path, **{"pipeline_names": ["ingestion"]} | options)
        assert list(tmp_path.iterdir()) == []

    def test_pipeline_that_exists_and_fails_to_import_is_not_taken_for_missing(
        self, run_project, tmp_path, monkeypatch
    ):
        monkeypatch.setitem(sys.modules, "mnist_gradients.pipelines.reporting", None)
        words = r"importing the 'mnist_gradients\.pipelines\.reporting' module"
        with pytest.raises(ImportError, match=words):
            run_project(tmp_path, pipeline_names=["reporting"])


def test_home_folder_may_be_written_as_a_tilde(run_project, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    run_project(Path("~/out"), node_names=["ingestion.name_classes"])
    assert (tmp_path / "out" / "05_model_input" / "classes.txt").exists()


@pytest.fixture
def archive(tmp_path):
    """The configuration as `kedro package` writes it."""
    archive = tmp_path / "conf.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(ROOT / "conf", "conf")
    return archive


def test_configuration_may_be_an_archive(run_project, archive, tmp_path):
    outputs = tmp_path / "data"
    run_project(outputs, conf_source=str(archive), node_names=["ingestion.name_classes"])
    assert (outputs / "05_model_input" / "classes.txt").exists()
    with pytest.raises(ParameterError, match=r"^parameter sed: .* such as seed$"):
        run_project(outputs, {"sed": 1}, conf_source=str(archive))


def test_package_runs_in_an_empty_folder(command, archive, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    options = ["--conf-source", str(archive), "--nodes", "ingestion.name_classes"]
    run, imported = command("-m", "mnist_gradients", *options, cwd=folder)
    assert run.returncode == 0, run.stderr
    assert "done in" in run.stdout
    assert "Loading data" not in run.stdout
    assert imported == []
    assert (folder / "data" / "05_model_input" / "classes.txt").exists()

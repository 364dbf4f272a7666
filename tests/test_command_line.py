"""The commands as a user types them: quick ones stay quick, mistyped names are answered."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras")


@pytest.fixture
def command(out_of_reach):
    """Runs a command of Python there; returns how it ended, and what it imported of them."""

    def command(*arguments: str):
        run = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=out_of_reach.environment,
            capture_output=True,
            text=True,
        )
        return run, out_of_reach.imported()

    return command


class TestQuickCommands:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (["--help"], "catalog"),
            (["registry", "list"], "- logistic_regression"),
            (["catalog", "describe-datasets"], "fnn.model"),
        ],
    )
    def test_looking_around_imports_nothing_heavy(self, command, arguments, expected):
        run, imported = command("-m", "kedro", *arguments)
        assert run.returncode == 0, run.stderr
        assert expected in run.stdout
        assert imported == []

    @pytest.mark.slow
    def test_logistic_regression_runs_without_tensorflow(self, command, tmp_path):
        options = ["--env", "test", "--params", f"data_root={tmp_path}"]
        for pipeline in ("ingestion", "logistic_regression"):
            run, imported = command("-m", "kedro", "run", "--pipelines", pipeline, *options)
            assert run.returncode == 0, run.stderr
            assert imported == []
        folder = tmp_path / "08_reporting" / "logistic_regression"
        assert {path.name for path in folder.iterdir()} == {"binary", "multinomial"}

    @pytest.mark.skipif(sys.platform == "win32", reason="ends the server by its process group")
    def test_graph_is_served_without_tensorflow(self, out_of_reach, kedro_viz):
        with (
            kedro_viz(environment=out_of_reach.environment) as (url, _),
            urllib.request.urlopen(f"{url}/api/main", timeout=60) as answer,  # noqa: S310 - ours
        ):
            graph = json.load(answer)
        assert "fnn.model" in {node["name"] for node in graph["nodes"]}
        assert out_of_reach.imported() == []

    @pytest.mark.parametrize("name", HEAVY)
    def test_heavy_import_would_be_noticed(self, command, name):
        code = f"try:\n    import {name}\nexcept ImportError:\n    pass"
        run, imported = command("-c", code)
        assert run.returncode == 0
        assert imported == [name]


class TestMistypedNames:
    @pytest.mark.parametrize(
        ("arguments", "last_line"),
        [
            (
                ["--pipelines", "bechmark"],
                "UnknownPipelineError: pipeline: found 'bechmark', expected one of __default__, ",
            ),
            (
                ["--env", "tets"],
                "ValueError: environment: found 'tets', expected one of base, ",
            ),
            (
                ["--pipelines", "fnn", "--params", "fnn.epoch=3"],
                "ParameterValidationError: parameter fnn.epoch: found 3, "
                "expected: no parameter of that name; did you mean epochs?",
            ),
        ],
    )
    def test_last_line_says_what_was_meant(self, command, arguments, last_line):
        run, _ = command("-m", "kedro", "run", *arguments)
        assert run.returncode == 1
        assert run.stdout == ""
        lines = run.stderr.splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("Full traceback: ")
        assert lines[1].startswith(last_line)
        assert "; did you mean " in lines[1]

    def test_kedros_own_errors_keep_their_words(self, command):
        run, _ = command("-m", "kedro", "registry", "describe", "fn")
        assert run.returncode == 1
        assert "'fn' pipeline not found. Existing pipelines: [__default__, " in run.stdout

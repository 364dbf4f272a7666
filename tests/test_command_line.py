"""The commands as a user types them: quick ones stay quick, mistyped names are answered."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras")


class OutOfReach:
    """An environment in which the heavy libraries are out of reach.

    Whoever imports one, be it inside a try, leaves a note and gets an ImportError.
    """

    def __init__(self, folder: Path):
        self.note = folder / "note.txt"
        self.environment = os.environ | {"PYTHONPATH": str(folder)}
        for name in HEAVY:
            note = f"open({str(self.note)!r}, 'a').write('{name} ')"
            raising = f"raise ImportError('{name} was imported')"
            (folder / f"{name}.py").write_text(f"{note}\n{raising}\n")

    def imported(self) -> list[str]:
        return self.note.read_text().split() if self.note.exists() else []


@pytest.fixture
def out_of_reach(tmp_path):
    folder = tmp_path / "out_of_reach"
    folder.mkdir()
    return OutOfReach(folder)


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


def free_port() -> int:
    """A port that nobody listens on; kedro-viz takes none of the highest, which are handed out."""
    for port in range(20_000, 40_000):
        with socket.socket() as socket_, contextlib.suppress(OSError):
            socket_.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def wait_for(url: str, process: subprocess.Popen, seconds: float = 120) -> bytes:
    """What a server answers once it has started."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own server
                return answer.read()
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} has not answered")


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
    def test_graph_is_served_without_tensorflow(self, out_of_reach):
        port = str(free_port())
        process = subprocess.Popen(
            [sys.executable, "-m", "kedro", "viz", "run", "--no-browser", "--port", port],
            cwd=ROOT,
            env=out_of_reach.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # it starts processes of its own
        )
        try:
            graph = json.loads(wait_for(f"http://127.0.0.1:{port}/api/main", process))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
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

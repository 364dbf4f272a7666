"""Ctrl-C ends a run with one line and exit code 130, and no process of it stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnist_gradients.console.interruption import EXIT_CODE, LINE, is_run
from mnist_gradients.core.files import UNFINISHED
from mnist_gradients.datasets import LabelledImagesDataset

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")

SWALLOW = """
import os, signal, time
from mnist_gradients.console import interruption
interruption.PATIENCE = 0.2
interruption.end_by_interruption()

class Callback:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

Callback()
print("went on", flush=True)
time.sleep(20)
"""

WORKER = """
import subprocess, sys
from mnist_gradients.console.interruption import end_by_interruption
end_by_interruption()
code = "import time; print('started', flush=True); time.sleep(60)"
subprocess.run([sys.executable, "-c", code])
"""


def processes_of(group: int) -> list[int]:
    """The processes of a group that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp, *_ = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(pgrp) == group and state != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.fixture
def run(tmp_path, small_raw):
    """Starts `kedro run --env test`, sends a signal when a line appears, and waits for the end.

    The runs of a ParallelRunner get it while a file is being written.
    """
    started = []

    def run(sent, line, *options):
        command = [sys.executable, "-m", "kedro", "run", "--env", "test", *options]
        process = subprocess.Popen(
            [*command, "--params", f"data_root={tmp_path},raw_root={small_raw}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process.pid)
        for printed in process.stdout:
            if line in printed:
                time.sleep(0.1)
                while (
                    "ParallelRunner" in options
                    and process.poll() is None
                    and not list(tmp_path.rglob(f"{UNFINISHED}*"))
                ):
                    time.sleep(0.002)
                os.kill(process.pid, sent)
                break
        _, errors = process.communicate(timeout=60)
        return process, errors

    yield run
    for group in started:
        if processes_of(group):
            os.killpg(group, signal.SIGKILL)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--pipelines", "ingestion,derivations"), "derivations."),
        (("--pipelines", "ingestion,derivations", "--runner", "ParallelRunner"), "[in parallel] d"),
    ],
    ids=["one process", "ParallelRunner"],
)
def test_interrupted_run_says_so_and_leaves_no_process_and_no_half_file(
    run, tmp_path, options, line
):
    process, errors = run(signal.SIGINT, line, *options)
    assert (process.returncode, errors) == (EXIT_CODE, LINE.decode())
    assert processes_of(process.pid) == []
    assert not list(tmp_path.rglob(f"{UNFINISHED}*"))
    assert not (tmp_path / ".lock").exists()


def test_run_is_interrupted_in_one_line_while_it_still_imports():
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "kedro", "run", "--env", "test"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if "mnist_gradients.console.errors" in line:  # imported by the hooks
            process.send_signal(signal.SIGINT)
            break
    errors = process.communicate(timeout=60)[1].splitlines(keepends=True)
    assert [line for line in errors if not line.startswith("import time:")] == [LINE.decode()]
    assert process.returncode == EXIT_CODE


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/usr/bin/kedro run --env test", True),
        ("kedro viz run", False),
        ("pytest run", False),
        ("/usr/bin/mnist-gradients --env test", True),
        ("/lib/mnist_gradients/__main__.py", True),
        ("/lib/other/__main__.py run", False),
        ("kedro", False),
    ],
)
def test_handler_is_for_runs_alone(command, expected):
    assert is_run(command.split()) is expected


def test_interruption_inside_a_callback_is_not_lost():
    done = subprocess.run([sys.executable, "-c", SWALLOW], capture_output=True, timeout=15)
    assert done.stdout == b"went on\n"
    assert (done.returncode, done.stderr.count(LINE)) == (EXIT_CODE, 1)


def test_process_that_waits_for_a_worker_leaves_none():
    """As the benchmark waits for the process of a solver."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    process.stdout.readline()
    assert len(processes_of(process.pid)) == 2
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=15)
    assert (process.returncode, errors) == (EXIT_CODE, LINE)
    assert processes_of(process.pid) == []


def test_killed_run_leaves_files_that_load_and_the_next_one_cleans_up(
    run, tmp_path, run_project, small_raw
):
    process, _ = run(signal.SIGKILL, "ingestion.split_images", "--pipelines", "ingestion")
    assert process.returncode == -signal.SIGKILL
    for path in tmp_path.rglob("*.npz"):
        LabelledImagesDataset(filepath=str(path)).load()
    run_project(tmp_path, {"raw_root": str(small_raw)}, pipeline_names=["ingestion"])
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    saved = {name for name in names if not name.startswith(".")}
    assert "train.npz" in saved
    assert names == saved | {f".{name}.sha256" for name in saved}
    assert not list(tmp_path.rglob(f"{UNFINISHED}*"))

"""One run at a time works on a data folder, and what killed runs left is no obstacle."""

import errno
import getpass
import re
import signal
import socket
import subprocess
import sys

import pytest

from mnist_gradients.core.files import UNFINISHED
from mnist_gradients.core.run_lock import RunLock, RunLockedError

HOLD = """
import sys
from pathlib import Path
from mnist_gradients.core.run_lock import RunLock
lock = RunLock()
lock.acquire(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such lock")


@pytest.fixture
def other_run(tmp_path):
    """Another process that has locked the folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def lock():
    """The lock of a run in this process."""
    lock = RunLock()
    yield lock
    lock.release()


def test_second_run_is_refused_in_one_line_that_names_the_first(tmp_path, other_run):
    with pytest.raises(RunLockedError) as caught:
        RunLock().acquire(tmp_path)
    owner = f"by {getpass.getuser()} on {socket.gethostname()}, process {other_run.pid}"
    expected = rf"{tmp_path}/\.lock: found a run {owner}, since \d{{4}}-[^,]*, expected none; .*"
    assert re.fullmatch(expected, str(caught.value))


def test_lock_of_a_killed_run_is_taken_over(tmp_path, other_run, lock):
    other_run.send_signal(signal.SIGKILL)
    other_run.wait()
    assert f"process {other_run.pid}, " in (tmp_path / ".lock").read_text()
    lock.acquire(tmp_path)
    assert f"process {other_run.pid}, " not in (tmp_path / ".lock").read_text()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_lock_of_another_host_counts_until_it_is_deleted(tmp_path, lock):
    (tmp_path / ".lock").write_text("by me on another.host, process 1, since today\n")
    with pytest.raises(RunLockedError, match=r"by me on another\.host, process 1, since today"):
        lock.acquire(tmp_path)
    (tmp_path / ".lock").unlink()
    lock.acquire(tmp_path)


def test_lock_is_taken_again_after_an_interrupted_run_in_the_same_process(tmp_path, lock):
    lock.acquire(tmp_path)
    lock.acquire(tmp_path)
    with pytest.raises(RunLockedError):
        RunLock().acquire(tmp_path)


def test_disk_without_locks_is_no_obstacle(tmp_path, lock, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    lock.acquire(tmp_path)
    assert (tmp_path / ".lock").exists()


def test_run_is_refused_before_it_changes_anything(tmp_path, run_project, lock):
    lock.acquire(tmp_path)
    with pytest.raises(RunLockedError, match="found a run by "):
        run_project(tmp_path, pipeline_names=["ingestion"])
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_run_deletes_what_killed_runs_left_and_unlocks_the_folder(tmp_path, run_project, small_raw):
    for folder in ("06_models/fnn", "runs/wide/08_reporting/fnn"):
        unfinished = tmp_path / folder / f"{UNFINISHED}abc"
        unfinished.mkdir(parents=True)
        (unfinished / "file").write_bytes(b"half")
    (tmp_path / ".lock").write_text(f"by me on {socket.gethostname()}, process 1, since today\n")
    run_project(tmp_path, {"raw_root": str(small_raw)}, to_outputs=["train"])
    names = {path.name for path in tmp_path.rglob("*")}
    assert not any(name.startswith(UNFINISHED) for name in names)
    assert ".lock" not in names
    assert "train.npz" in names


def test_failed_run_unlocks_the_folder(tmp_path, run_project):
    with pytest.raises(Exception, match="found neither this file nor"):
        run_project(tmp_path, {"raw_root": str(tmp_path)}, pipeline_names=["ingestion"])
    assert not (tmp_path / ".lock").exists()

"""Runs with little room, on odd paths and in odd surroundings: they work, or end in one line."""

import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnist_gradients.console.errors import short_message
from mnist_gradients.console.parameters import ParameterError
from mnist_gradients.datasets import LabelledImagesDataset

ROOT = Path(__file__).parents[2]
OUTPUTS = {
    *(f"02_intermediate/{name}.npz" for name in ("test", "train")),
    "05_model_input/classes.txt",
    *(f"05_model_input/{name}.npz" for name in ("test", "train", "validation")),
    *(f"08_reporting/ingestion/{name}" for name in ("class_counts.csv", "section.html")),
    *(f"08_reporting/ingestion/{name}.png" for name in ("class_counts", "sample_digits")),
}


def outputs(folder: Path) -> set[str]:
    """Names of the files of a run, without those of their checksums."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".sha256")
    return {path.relative_to(folder).as_posix() for path in files}


@pytest.fixture
def ingest(run_project, small_raw):
    """Runs ingestion on a few digits."""

    def ingest(data_root, **parameters):
        given = {"raw_root": str(small_raw)} | parameters
        run_project(data_root, given, pipeline_names=["ingestion"])

    return ingest


@contextmanager
def files_of_at_most(n_bytes: int):
    """Every write beyond a length of the file fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_is_named_with_the_file_and_leaves_whole_files(ingest, tmp_path):
    with files_of_at_most(20_000), pytest.raises(Exception, match="File too large") as caught:
        ingest(tmp_path)
    message = short_message(caught.value)
    assert f"{tmp_path}/" in message
    assert "\n" not in message
    assert outputs(tmp_path) < OUTPUTS
    for path in tmp_path.rglob("*.npz"):
        assert len(LabelledImagesDataset(filepath=str(path)).load()) > 0


def test_folder_that_cannot_be_made_is_named(ingest, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match=r"^data_root: found ") as caught:
        ingest(tmp_path / "file" / "data")
    assert f"{tmp_path}/file/data (Not a directory), expected a folder" in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


def test_path_may_hold_any_letters_but_braces(ingest, tmp_path):
    folder = tmp_path / "a b, ü 数 = '\" % $\nsecond line"
    ingest(folder)
    assert outputs(folder) == OUTPUTS


def test_folder_that_is_not_local_is_refused_by_its_name(run_project):
    words = (
        "^parameter fnn.checkpoints.folder: found memory://x/06_models/checkpoints, "
        r"expected a local folder \(parameter data_root\)"
    )
    with pytest.raises(ParameterError, match=words):
        run_project("memory://x")


@pytest.mark.slow
def test_run_needs_no_home_no_locale_and_few_files(tmp_path, small_raw):
    given = f"data_root={tmp_path},raw_root={small_raw}"
    run = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--pipelines", "ingestion", "--params", given],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "LC_ALL": "C"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert outputs(tmp_path) == OUTPUTS

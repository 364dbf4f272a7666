"""Which outputs have the same bits, as docs/reliability.md says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from kedro.runner import ThreadRunner

ROOT = Path(__file__).parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def equal_on_any_number_of_cores() -> list[str]:
    """Patterns of the outputs that the table of the document calls equal in its last column."""
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`[^|]+`) \| .* \| equal \|$", text, re.MULTILINE)
    return [pattern for cell in cells for pattern in re.findall(r"`([^`]+)`", cell)]


def content(path: Path) -> bytes:
    """The content of a file; of a table without its measured times."""
    if path.suffix != ".csv":
        return path.read_bytes()
    table = pd.read_csv(path)
    return table[[name for name in table if "seconds" not in name]].to_csv().encode()


@pytest.mark.slow
@pytest.mark.tensorflow  # in the run with which this one is compared
def test_linear_models_need_no_tensorflow_and_have_the_same_bits_on_dask_with_other_threads(
    full_run, out_of_reach, tmp_path
):
    threads = "2" if os.environ.get("OMP_NUM_THREADS") == "1" else "1"
    options = ["--runner", "mnist_gradients.runner.DaskRunner", "--params", f"data_root={tmp_path}"]
    pipelines = ["--pipelines", "ingestion,logistic_regression"]
    run = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--env", "test", *pipelines, *options],
        cwd=ROOT,
        env=out_of_reach.environment | dict.fromkeys(THREADS, threads),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "[in parallel] logistic_regression.multinomial.fit_models" in run.stdout
    assert out_of_reach.imported() == []
    names = {
        path.relative_to(tmp_path)
        for pattern in equal_on_any_number_of_cores()
        for path in tmp_path.glob(pattern)
    }
    assert {path.suffix for path in names} == {".npz", ".csv"}
    assert len(names) >= 15
    different = [name for name in names if content(tmp_path / name) != content(full_run[1] / name)]
    assert different == []


def test_difference_in_the_last_bit_is_noticed(tmp_path):
    one, other, later = (tmp_path / f"{name}.csv" for name in ("one", "other", "later"))
    one.write_text("loss,seconds\n0.1,1\n")
    other.write_text("loss,seconds\n0.10000000000000002,1\n")
    later.write_text("loss,seconds\n0.1,2\n")
    assert content(one) == content(later)
    assert content(one) != content(other)


def test_runner_with_threads_is_refused_by_its_name(run_project, tmp_path):
    words = "^runner: found ThreadRunner, expected SequentialRunner or ParallelRunner$"
    with pytest.raises(ValueError, match=words):
        run_project(tmp_path, runner=ThreadRunner())
    assert not list(tmp_path.rglob("*.npz"))

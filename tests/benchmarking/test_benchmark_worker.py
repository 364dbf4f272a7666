import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from mnist_gradients.benchmarking.data import PIXELS, write_copies
from mnist_gradients.benchmarking.measurement import measure
from mnist_gradients.benchmarking.memory import PrivateMemory, peak_resident_mib
from mnist_gradients.benchmarking.recorder import read_points
from mnist_gradients.pipelines.benchmark import contenders, worker


@pytest.fixture
def job(digits, tmp_path):
    labels = write_copies(digits, 1, 1, 0, tmp_path)
    np.save(tmp_path / "labels.npy", labels.astype(np.int64) % 2)
    return worker.Job(
        pixels=str(tmp_path / PIXELS),
        labels=str(tmp_path / "labels.npy"),
        rows=500,
        binary=True,
        l2=0.01,
        solver="lbfgs",
        input="float32",
        memory_mapped=False,
        threads=1,
        target=0.0,
        cap_seconds=30,
        seed=0,
    )


class TestLoadedProblem:
    @pytest.mark.parametrize("input_type", ["uint8", "float32", "float64"])
    def test_pixels_are_scaled_unless_they_stay_bytes(self, job, digits, input_type):
        problem = worker.load_problem(replace(job, input=input_type))
        pixels = digits.images[:500].reshape(500, 49)
        scale = 1 if input_type == "uint8" else 255
        assert problem.X.dtype == input_type
        np.testing.assert_array_equal(problem.X, (pixels / scale).astype(input_type))
        np.testing.assert_array_equal(problem.y, digits.labels[:500] % 2)

    def test_more_rows_than_are_loaded_at_once(self, job, digits, monkeypatch):
        monkeypatch.setattr(worker, "LOADED_ROWS", 64)
        problem = worker.load_problem(replace(job, input="uint8"))
        np.testing.assert_array_equal(problem.X, digits.images[:500].reshape(500, 49))

    def test_mapped_rows_stay_in_their_file(self, job):
        problem = worker.load_problem(replace(job, input="uint8", memory_mapped=True))
        assert isinstance(problem.X, np.memmap)
        assert problem.X.shape == (500, 49)


class TestStates:
    def run_with(self, contender, job, folder, monkeypatch):
        monkeypatch.setitem(contenders.CONTENDERS, "mine", contender)
        return worker.measure(replace(job, solver="mine"), folder)

    def test_slow_contender_is_capped_and_keeps_its_points(self, job, tmp_path, monkeypatch):
        def slow(_, recorder):
            recorder.record(np.zeros(50), 0.7)
            try:
                time.sleep(20)
            except Exception:  # as a library would
                pytest.fail("a library must not take the cap for an error")

        job = replace(job, cap_seconds=0.2)
        result = self.run_with(slow, job, tmp_path, monkeypatch)
        assert result.state == "capped"
        assert 0.2 <= result.seconds < 5
        assert read_points(tmp_path / worker.POINTS, 50)[0, 2] == 0.7

    def test_error_is_a_failure_with_its_message(self, job, tmp_path, monkeypatch):
        def broken(*_):
            raise FloatingPointError("it diverged")

        result = self.run_with(broken, job, tmp_path, monkeypatch)
        assert (result.state, result.message) == ("failed", "FloatingPointError: it diverged")

    def test_target_and_own_end(self, job, tmp_path):
        assert worker.measure(job, tmp_path).state == "finished"
        assert worker.measure(replace(job, target=0.5), tmp_path).state == "target"

    def test_unknown_contender_is_refused(self, job, tmp_path):
        with pytest.raises(ValueError, match=r"^found solver 'newton', expected one of "):
            worker.measure(replace(job, solver="newton"), tmp_path)


class TestProcess:
    def test_measures_itself_and_not_the_process_that_started_it(self, job):
        ballast = np.ones(2**25)  # 256 MiB
        result, points = measure(job, size=50)
        assert ballast.nbytes / 2**20 == 256
        assert result.state == "finished"
        assert 20 < result.baseline_memory_mib <= result.peak_memory_mib < 200
        assert result.peak_memory_mib < peak_resident_mib()
        assert result.private_memory_mib < result.peak_memory_mib
        assert points.shape[0] > 10
        assert points[-1, 0] <= result.seconds

    def test_worker_that_dies_is_a_failure_that_says_why(self, job):
        result, points = measure(replace(job, labels="/nowhere.npy"), size=50)
        assert result.state == "failed"
        assert "exit code 1: FileNotFoundError" in result.message
        assert points.shape == (0, 53)

    def test_worker_that_hears_nothing_is_ended_and_capped(self, job, monkeypatch):
        from mnist_gradients.benchmarking import measurement

        monkeypatch.setattr(measurement, "START_SECONDS", -30)
        monkeypatch.setattr(measurement, "GRACE_SECONDS", 0.05)
        result, _ = measure(job, size=50)
        assert result.state == "capped"

    def test_starts_without_what_it_does_not_measure(self):
        code = (
            "import sys, mnist_gradients.benchmarking.worker as worker\n"
            "print([name for name in ('tensorflow', 'keras', 'kedro', 'sklearn', 'matplotlib', "
            "'pandas', 'pydantic') if name in sys.modules])"
        )
        process = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert process.stdout.strip() == "[]"


def test_private_memory_grows_with_what_is_allocated():
    with PrivateMemory() as memory:
        before = memory.peak_mib
        if before is None:
            pytest.skip("only Linux tells")
        block = np.ones(2**23)  # 64 MiB
        time.sleep(0.2)
    assert 50 < memory.peak_mib - before < 100
    assert block.nbytes / 2**20 == 64

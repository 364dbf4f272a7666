import gc
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from mnist_gradients.benchmarking import measurement, memory, solvers, worker
from mnist_gradients.benchmarking.measurement import measure, measure_in_turn
from mnist_gradients.benchmarking.memory import PrivateMemory, peak_resident_mib
from mnist_gradients.maths.solvers import newton


class TestLoadedRows:
    @pytest.mark.parametrize("input_type", ["uint8", "float32", "float64"])
    def test_pixels_are_divided_unless_they_stay_bytes(self, job, digits, input_type):
        X = worker.load_rows(replace(job, input=input_type))
        pixels = digits.images[:500].reshape(500, 49)
        assert X.dtype == input_type
        np.testing.assert_array_equal(
            X, (pixels / (1 if input_type == "uint8" else 255)).astype(input_type)
        )

    def test_pieces_join_without_a_seam(self, job, digits, monkeypatch):
        monkeypatch.setattr(worker, "LOADED_ROWS", 64)
        X = worker.load_rows(replace(job, input="uint8"))
        np.testing.assert_array_equal(X, digits.images[:500].reshape(500, 49))

    def test_mapped_rows_stay_in_their_file(self, job):
        X = worker.load_rows(replace(job, input="uint8", memory_mapped=True))
        assert isinstance(X, np.memmap)
        assert X.shape == (500, 49)

    def test_sparse_rows_stay_sparse(self, job, tmp_path):
        X = sparse.csr_array(np.eye(5))
        sparse.save_npz(tmp_path / "rows.npz", X)
        loaded = worker.load_rows(replace(job, rows_file=str(tmp_path / "rows.npz"), rows=3))
        assert loaded.dtype == np.float32
        np.testing.assert_array_equal(loaded.toarray(), np.eye(5)[:3])


class Slow:
    """An estimator that answers late, from so many rows on."""

    def __init__(self, least_rows):
        self.least_rows = least_rows

    def fit(self, X, _):
        if len(X) >= self.least_rows:
            try:
                time.sleep(20)
            except Exception:  # as a library would
                pytest.fail("a library must not take the cap for an error")


class Broken:
    def fit(self, *_):
        raise FloatingPointError("it diverged")


class TestFits:
    def run_with(self, estimator, job, monkeypatch):
        solver = replace(solvers.find(job.solver), make=lambda _: estimator)
        monkeypatch.setitem(solvers.SOLVERS, "mine", solver)
        return list(worker.run(replace(job, solver="mine")))

    def test_tolerances_get_tighter_until_the_gap_is_reached(self, job):
        fits = list(worker.run(job))
        assert [fit.tolerance for fit in fits] == list(job.tolerances[: len(fits)])
        gaps = [fit.gap for fit in fits]
        assert gaps == sorted(gaps, reverse=True)
        assert gaps[-1] <= 1e-4 < gaps[-2]
        assert all(fit.state == "converged" for fit in fits)
        assert all(0 < fit.seconds < 10 for fit in fits)
        assert fits[0].iterations < fits[-1].iterations

    def test_raw_pixels_have_the_same_optimum(self, job):
        fits = list(worker.run(replace(job, input="uint8", solver="preconditioned_lbfgs")))
        assert -1e-9 < fits[-1].gap <= 1e-4

    def test_fit_that_reaches_the_gap_is_repeated_with_other_seeds(self, job, monkeypatch):
        seeds, measure = [], worker.measure

        def recorded(job, *arguments):
            seeds.append(job.seed)
            return measure(job, *arguments)

        monkeypatch.setattr(worker, "measure", recorded)
        fits = list(worker.run(replace(job, gap=10.0, repeats=3)))
        assert [fit.tolerance for fit in fits] == [0.1] * 3
        assert seeds == [job.seed, job.seed + 1, job.seed + 2]

    def test_passes_of_the_project_alone_are_counted(self, job, monkeypatch):
        assert np.isnan(list(worker.run(job))[-1].passes)
        ours = replace(job, solver="preconditioned_lbfgs")
        assert np.isnan(list(worker.run(ours))[-1].passes)  # so few rows are Newton's
        monkeypatch.setattr(newton, "MOST_WORK", 0)
        fit = list(worker.run(ours))[-1]
        assert fit.iterations <= fit.passes < fit.iterations + 10

    def test_no_progress_ends_the_fits(self, job):
        fits = list(worker.run(replace(job, tolerances=(0.1,) * 20, gap=-1.0)))
        assert len(fits) == 1 + worker.PATIENCE

    @pytest.mark.parametrize("least_rows", [500, 1], ids=["fit", "warm-up as well"])
    def test_slow_fit_is_capped(self, job, monkeypatch, least_rows):
        monkeypatch.setattr(worker, "WARM_UP_SECONDS", 0.1)
        (fit,) = self.run_with(Slow(least_rows), replace(job, cap_seconds=0.2), monkeypatch)
        assert fit.state == "capped"
        assert 0.2 <= fit.seconds < 5
        assert np.isnan(fit.gap)

    def test_error_is_a_failure_with_its_message(self, job, monkeypatch):
        (fit,) = self.run_with(Broken(), job, monkeypatch)
        assert (fit.state, fit.message) == ("failed", "FloatingPointError: it diverged")

    def test_early_stop_is_a_warning(self, job, monkeypatch):
        from sklearn.linear_model import LogisticRegression

        job = replace(job, tolerances=(0.1, 1e-4))
        fits = self.run_with(LogisticRegression(C=0.2, max_iter=1), job, monkeypatch)
        assert [fit.state for fit in fits] == ["warned"] * 2
        assert "max_iter=1" in fits[0].message or "1 iteration" in fits[0].message
        assert fits[0].gap > 0

    def test_unknown_solver_is_refused(self, job):
        with pytest.raises(ValueError, match=r"^solver: found 'newton', expected one of "):
            list(worker.run(replace(job, solver="newton")))


class TestProcess:
    def test_memory_is_that_of_the_process_alone(self, job):
        ballast = np.ones(2**25)  # 256 MiB
        fits = measure(job)
        assert ballast.nbytes / 2**20 == 256
        assert fits[-1].gap <= 1e-4
        assert 20 < fits[-1].peak_memory_mib < 250
        assert fits[-1].peak_memory_mib < peak_resident_mib()
        if fits[-1].private_memory_mib is not None:
            assert fits[-1].private_memory_mib < fits[-1].peak_memory_mib

    def test_worker_that_dies_is_a_failure_with_its_error(self, job):
        (fit,) = measure(replace(job, classes_file="/nowhere.npy"))
        assert fit.state == "failed"
        assert "exit code 1: FileNotFoundError" in fit.message

    @pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux'")
    def test_memory_limit_makes_the_worker_fail_alone(self, job):
        (fit,) = measure(replace(job, memory_mib=64))
        assert fit.state == "failed"

    def test_next_job_runs_after_one_that_ended_the_worker(self, job):
        broken = replace(job, classes_file="/nowhere.npy")
        found = measure_in_turn([job, broken, replace(job, tolerances=(1e-4,))])
        assert [fits[-1].tolerance for fits in found] == [1e-4, 0.1, 1e-4]
        assert [fits[-1].state for fits in found] == ["converged", "failed", "converged"]

    def test_library_that_takes_no_step_of_the_interpreter_is_ended(self):
        code = (
            "import hashlib, mnist_gradients.benchmarking.worker as worker\n"
            "worker.GRACE_SECONDS = 0.1\n"
            "with worker.capped(0.1, 1): hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"
        )
        process = subprocess.run([sys.executable, "-c", code], check=False, timeout=30)
        assert process.returncode == -signal.SIGPROF

    def test_process_ended_by_the_cap_is_capped(self, job, monkeypatch):
        ended = subprocess.CompletedProcess([], -signal.SIGPROF)
        monkeypatch.setattr(measurement.subprocess, "run", lambda *_, **__: ended)
        (fit,) = measure(job)
        assert (fit.state, fit.seconds) == ("capped", job.cap_seconds)

    def test_worker_that_hangs_is_ended_and_capped(self, job, monkeypatch):
        monkeypatch.setattr(measurement, "START_SECONDS", -30)
        monkeypatch.setattr(measurement, "GRACE_SECONDS", 0.05)
        (fit,) = measure(job)
        assert fit.state == "capped"

    def test_start_imports_no_framework(self):
        code = (
            "import sys, mnist_gradients.benchmarking.worker as worker\n"
            "print([name for name in ('tensorflow', 'keras', 'kedro', 'sklearn', 'matplotlib', "
            "'pandas', 'pydantic') if name in sys.modules])"
        )
        process = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert process.stdout.strip() == "[]"


@pytest.mark.skipif(not memory.CLEAR.exists(), reason="the peak cannot be reset")
def test_added_memory_is_that_of_one_fit(job, monkeypatch):
    class Large:
        coef_, intercept_, n_iter_ = np.zeros((1, 49)), np.zeros(1), np.ones(1)

        def fit(self, X, _):
            np.ones(2**24 if len(X) == 500 else 2**26)  # 128 MiB; 512 MiB in the warm-up

    solver = replace(solvers.find(job.solver), make=lambda _: Large())
    monkeypatch.setitem(solvers.SOLVERS, "large", solver)
    (fit, *_) = worker.run(replace(job, solver="large"))
    assert 120 < fit.added_memory_mib < 140
    assert fit.added_memory_mib < fit.peak_memory_mib


def test_private_memory_grows_with_each_allocation():
    gc.collect()  # what earlier tests have left is not freed meanwhile
    with PrivateMemory() as memory:
        before = memory.peak_mib
        if before is None:
            pytest.skip("only Linux tells")
        block = np.ones(2**25)  # 256 MiB: more than other threads may free meanwhile
        time.sleep(0.1)
    assert 200 < memory.peak_mib - before < 300
    assert block.nbytes / 2**20 == 256

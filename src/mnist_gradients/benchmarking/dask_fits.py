"""Fits on the same rows by one process, and by workers of Dask on this machine."""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from mnist_gradients.benchmarking import memory
from mnist_gradients.benchmarking.parameters import DaskFitsParameters
from mnist_gradients.benchmarking.switches import RowCounter
from mnist_gradients.core.labelled_images import LabelledImages

logger = logging.getLogger(__name__)

WARM_UP_ROWS = 1000


def measure_fits(
    X: Any, y: Any, test: LabelledImages, parameters: DaskFitsParameters
) -> pd.DataFrame:
    """Fit softmax regression on the first rows, for each number of rows and of workers.

    Without workers, one thread of this process fits rows in memory. A worker has one thread and
    reads the rows anew in each pass. The clock runs during the fit alone; modules are loaded
    before.

    Args:
        X: Pixels, a dask array (N, d) of uint8.
        y: Labels, a dask array (N,).
        test: Images for the test error.
        parameters: What to measure.

    Returns:
        One row per number of rows and of workers: rows; workers; seconds; cpu_seconds, of all
        processes; passes over the rows; process_peak_mib, the peak memory of this process;
        worker_peaks_mib, the peak of each worker, and spilled_mib, what they wrote to the disk;
        test_error; weights, the first digits of the SHA-256 of weights and intercept.
    """
    images = test.images.reshape(len(test), -1)
    found = []
    for n_workers in parameters.workers:
        with workers(n_workers, parameters.memory_limit) as client:
            for n_rows in parameters.rows:
                measured, model = _measure(client, X[:n_rows], y[:n_rows], parameters.l2)
                row = {"rows": n_rows, "workers": n_workers} | measured
                row["test_error"] = 1 - model.score(images, test.labels)
                row["weights"] = _digest(model)
                logger.info(
                    "    %(rows)d rows, %(workers)d workers: %(seconds).1f s, "
                    "%(cpu_seconds).1f CPU seconds, workers' peaks %(worker_peaks_mib)s MiB",
                    row,
                )
                found.append(row)
    return pd.DataFrame(found).sort_values(["rows", "workers"], ignore_index=True)


@contextmanager
def workers(n: int, memory_limit: int) -> Iterator[Any]:
    """A client of so many worker processes of one thread, reached by loopback; None for 0."""
    if n == 0:
        yield None
        return
    from distributed import Client, LocalCluster

    set_level = logging.getLogger("distributed").setLevel
    set_level(logging.ERROR)
    cluster = LocalCluster(
        n_workers=n,
        threads_per_worker=1,
        memory_limit=memory_limit,
        dashboard_address="127.0.0.1:0",
    )
    with cluster, Client(cluster) as client:
        client.run(set_level, logging.ERROR)
        yield client


def _measure(client: Any, X: Any, y: Any, l2: float) -> tuple[dict[str, Any], Any]:
    """Measure a fit: all columns but the test error and the weights. Return the model, too."""
    from mnist_gradients.core.dask_rows import DaskRows

    if client is None:
        X, y = X.compute(), y.compute()
    few = slice(min(WARM_UP_ROWS, len(y)))
    _regression(few.stop, l2).fit(X[few], y[few])
    model = _regression(len(y), l2)
    memory.reset_peak()
    _on_workers(client, memory.reset_peak)
    with RowCounter(DaskRows) as counter:
        cpu, start = _cpu_seconds(client), time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - start
        cpu = _cpu_seconds(client) - cpu
    peaks = _on_workers(client, memory.peak_resident_mib)
    measured = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "passes": counter.rows / len(y),
        "process_peak_mib": memory.peak_resident_mib(),
        "worker_peaks_mib": " ".join(f"{peak:.0f}" for peak in peaks),
        "spilled_mib": sum(_on_workers(client, _spilled_mib)),
    }
    return measured, model


def _regression(n_rows: int, l2: float) -> Any:
    """The estimator whose penalty is l2 for pixels divided by 255, however many rows there are."""
    from mnist_gradients.estimators import GradientLogisticRegression

    return GradientLogisticRegression(C=1 / (n_rows * l2 * 255**2))


def _cpu_seconds(client: Any) -> float:
    """CPU time so far of this process and of all workers."""
    return time.process_time() + sum(_on_workers(client, time.process_time))


def _on_workers(client: Any, function: Any) -> Sequence[float]:
    return [] if client is None else list(client.run(function).values())


def _spilled_mib(dask_worker: Any) -> float:
    return dask_worker.data.spilled_total.disk / 2**20


def _digest(model: Any) -> str:
    content = model.coef_.tobytes() + model.intercept_.tobytes()
    return hashlib.sha256(content).hexdigest()[:12]

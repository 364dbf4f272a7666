"""Tries on fits by two workers of Dask on this machine, for `tools/faults.py`."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import dask
import numpy as np
from distributed import Client, LocalCluster
from fault_mutations import MNIST_IMAGES, Attempt, expect

from mnist_gradients.datasets import IdxDataset, ShardsDataset
from mnist_gradients.estimators import GradientLogisticRegression

MNIST_LABELS = MNIST_IMAGES.with_name("t10k-labels-idx1-ubyte.gz")
LOST_SCHEDULER = "dask: found no scheduler any more, expected one"
N_WORKERS = 2
N_SHARDS = 4
CONFIG = {
    "distributed.comm.timeouts.connect": "5s",  # until a client gives up its scheduler
    # A LocalCluster gives up a worker that does not come back in time, as on a busy machine.
    "distributed.deploy.lost-worker-timeout": "10 minutes",
}


def kill_one(client: Client, rng: random.Random) -> None:
    """Kill -9 of one worker."""
    os.kill(rng.choice(sorted(client.run(os.getpid).values())), signal.SIGKILL)


def kill_all(client: Client, rng: random.Random) -> None:  # noqa: ARG001
    """Kill -9 of all workers at once."""
    for pid in client.run(os.getpid).values():
        os.kill(pid, signal.SIGKILL)


def add_one(client: Client, rng: random.Random) -> None:  # noqa: ARG001
    """Start one more worker."""
    client.cluster.scale(N_WORKERS + 1)
    client.wait_for_workers(N_WORKERS + 1)


def close_scheduler(client: Client, rng: random.Random) -> None:  # noqa: ARG001
    """Close the scheduler."""
    client.cluster.sync(client.cluster.scheduler.close)


def disturbed_fits(folder: Path, disturb: Callable[[Client, random.Random], None]) -> Attempt:
    """Disturb a fit at a random moment: it ends with the weights of an undisturbed one.

    Without a scheduler, it ends with one line.
    """
    X, y = shifted_digits(folder)
    expected, seconds = undisturbed_fit(folder)

    def attempt(rng: random.Random) -> None:
        disturbed = False
        with local_cluster() as cluster, Client(cluster) as client:
            while not disturbed:  # a quick fit may end before
                timer = threading.Timer(rng.uniform(0, seconds), disturb, (client, rng))
                timer.start()
                found = outcome_of_fit(X, y)
                disturbed = timer.finished.is_set()
                timer.cancel()
                timer.join()
        if disturb is close_scheduler:
            expect(found == LOST_SCHEDULER, f"ended with {found!r}")
        else:
            expect(np.array_equal(found, expected), "other weights than undisturbed")

    return attempt


def outcome_of_fit(X: Any, y: Any) -> np.ndarray | str:
    """Return the weights, or the message of a lost scheduler."""
    model = GradientLogisticRegression(C=1e-4)
    try:
        model.fit(X, y)
    except ConnectionError as error:
        expect(not hasattr(model, "coef_"), "half a fit")
        return str(error)
    return np.vstack([model.coef_.T, model.intercept_])


def local_cluster() -> LocalCluster:
    """Return a cluster whose scheduler and clients are in this process."""
    dask.config.set(CONFIG)
    os.environ["DASK_LOGGING__DISTRIBUTED"] = "critical"  # of the workers
    return LocalCluster(N_WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0")


@cache
def undisturbed_fit(folder: Path) -> tuple[np.ndarray | str, float]:
    """Return the weights of an undisturbed fit, and its seconds on warm workers."""
    X, y = shifted_digits(folder)
    with local_cluster() as cluster, Client(cluster):
        outcome_of_fit(X, y)
        began = time.monotonic()
        return outcome_of_fit(X, y), time.monotonic() - began


def shifted_digits(folder: Path) -> tuple[Any, Any]:
    """Return dask arrays of 40,000 digits in shards, the images of each moved by other pixels."""
    images = IdxDataset(filepath=str(MNIST_IMAGES)).load().reshape(-1, 784)
    labels = IdxDataset(filepath=str(MNIST_LABELS)).load()
    dataset = ShardsDataset(path=str(folder / "digits"))
    tasks = {i: lambda i=i: (np.roll(images, i, axis=1), labels) for i in range(N_SHARDS)}
    dataset.save(({}, tasks))
    return dataset.load()

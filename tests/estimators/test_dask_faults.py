"""A fit outlives its workers, and one that joins late changes no bit."""

import os
import signal

import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster

from mnist_gradients.estimators import GradientLogisticRegression

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits(mnist):
    few = mnist.take(np.arange(2000))
    return few.images.reshape(2000, -1), few.labels.astype(np.int64)


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_killed_workers_and_a_late_one_change_no_bit(client, digits):
    X, y = digits
    expected = GradientLogisticRegression(C=1e-4).fit(X, y)
    iterations = []

    class Interrupted(GradientLogisticRegression):
        """Kills all workers in the second iteration and one in the fourth, and adds one later."""

        def _print_progress(self, iteration, *_):
            iterations.append(iteration)
            if iteration in (2, 4):
                for pid in list(client.run(os.getpid).values())[: 2 if iteration == 2 else 1]:
                    os.kill(pid, signal.SIGKILL)
            if iteration == 6:
                client.cluster.scale(3)

    dX, dy = (da.from_array(array, chunks=1000).persist() for array in (X, y))
    fitted = Interrupted(C=1e-4, verbose=1).fit(dX, dy)
    assert iterations[-1] > 6
    np.testing.assert_array_equal(fitted.coef_, expected.coef_)
    np.testing.assert_array_equal(fitted.intercept_, expected.intercept_)

"""A fit outlives its workers, and those that join late change no bit."""

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


@pytest.mark.parametrize(("n_killed", "persisted"), [(1, True), (2, False)])
def test_killed_workers_and_those_that_replace_them_change_no_bit(
    client, digits, n_killed, persisted
):
    X, y = digits
    expected = GradientLogisticRegression(C=1e-4).fit(X, y)
    iterations = []
    client.wait_for_workers(2)

    class Interrupted(GradientLogisticRegression):
        """Kills workers in the second iteration, and goes on with others later."""

        def _print_progress(self, iteration, *_):
            iterations.append(iteration)
            if iteration == 2:
                for pid in list(client.run(os.getpid).values())[:n_killed]:
                    os.kill(pid, signal.SIGKILL)
            if iteration == 6:
                client.wait_for_workers(2)

    dX, dy = (da.from_array(array, chunks=1000) for array in (X, y))
    if persisted:
        dX, dy = dX.persist(), dy.persist()
    fitted = Interrupted(C=1e-4, verbose=1).fit(dX, dy)
    assert iterations[-1] > 8
    np.testing.assert_array_equal(fitted.coef_, expected.coef_)
    np.testing.assert_array_equal(fitted.intercept_, expected.intercept_)

"""Fits are measured in this process, and in processes of Dask."""

import dask.array as da
import numpy as np
import pytest

from mnist_gradients.benchmarking.dask_fits import measure_fits
from mnist_gradients.benchmarking.parameters import DaskFitsParameters
from mnist_gradients.estimators import GradientLogisticRegression


@pytest.fixture(scope="module")
def fits(small_digits):
    """Fits of 200 and 300 digits by this process and by a worker."""
    train, _, test = small_digits
    X = da.from_array(train.images.reshape(300, -1), chunks=(150, 49))
    y = da.from_array(train.labels, chunks=150)
    parameters = DaskFitsParameters(rows=(200, 300), workers=(0, 1), memory_limit="1GB", l2=0.01)
    return measure_fits(X, y, test, parameters)


def test_workers_find_the_weights_of_one_process(fits):
    assert fits[["rows", "workers"]].to_numpy().tolist() == [[200, 0], [200, 1], [300, 0], [300, 1]]
    assert fits["weights"].str.fullmatch("[0-9a-f]{12}").all()
    alone, together = (fits[fits["workers"] == n] for n in (0, 1))
    for column in ("weights", "passes", "test_error"):
        assert alone[column].tolist() == together[column].tolist()
    assert alone["weights"].nunique() == 2


def test_error_is_that_of_the_estimator_with_the_penalty_of_divided_pixels(fits, small_digits):
    train, _, test = small_digits
    model = GradientLogisticRegression(C=1 / (300 * 0.01))
    model.fit(train.images.reshape(300, -1) / 255, train.labels)
    error = 1 - model.score(test.images.reshape(150, -1) / 255, test.labels)
    assert fits["test_error"].iloc[-1] == pytest.approx(error, abs=1 / 150)


def test_cost_is_that_of_the_processes_that_work(fits):
    assert fits["seconds"].between(1e-4, 60).all()
    assert (fits["cpu_seconds"] > 1e-4).all()
    assert fits["passes"].between(2, 100).all()
    peaks = fits["worker_peaks_mib"]
    assert peaks[fits["workers"] == 0].tolist() == ["", ""]
    assert peaks[fits["workers"] == 1].astype(float).between(20, 1000).all()
    assert np.array_equal(fits["spilled_mib"], np.zeros(4))

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from mnist_gradients.benchmarking import worker
from mnist_gradients.benchmarking.data import PIXELS, write_copies
from mnist_gradients.benchmarking.optimum import find_optimum
from mnist_gradients.benchmarking.parameters import TimeToGapParameters
from mnist_gradients.benchmarking.reference_objective import ReferenceObjective
from mnist_gradients.core.labelled_images import LabelledImages


@pytest.fixture(autouse=True, scope="session")
def one_blas_thread() -> Iterator[None]:
    """On a busy machine, threads of BLAS wait for each other by spinning."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def digits(mnist) -> LabelledImages:
    """600 real digits, 7 x 7: each pixel is the mean of 16."""
    small = mnist.images[:600].reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).astype(np.uint8)
    return LabelledImages(small, mnist.labels[:600])


@pytest.fixture(scope="session")
def reference(digits) -> Callable[..., ReferenceObjective]:
    """Makes the reference objective of odd against even, or of ten classes."""

    def reference(binary: bool = True, l2: float = 1e-2, rows: int = 600) -> ReferenceObjective:
        y = digits.labels.astype(np.int64)[:rows]
        X = digits.images.reshape(len(digits), -1)[:rows]
        return ReferenceObjective(X, y % 2 if binary else y, l2, 1 / 255)

    return reference


@pytest.fixture(scope="session")
def optimum(reference) -> Callable[..., float]:
    """Least value of the reference objective."""
    found = {}

    def optimum(**options) -> float:
        key = tuple(sorted(options.items()))
        if key not in found:
            found[key] = find_optimum(reference(**options), 1e-10)[0]
        return found[key]

    return optimum


@pytest.fixture
def job(digits, optimum, tmp_path) -> worker.Job:
    """Odd against even on 500 digits, by scikit-learn's lbfgs."""
    labels = write_copies(digits, 1, 1, 0, tmp_path)
    np.save(tmp_path / "classes.npy", labels.astype(np.int64) % 2)
    return worker.Job(
        rows_file=str(tmp_path / PIXELS),
        classes_file=str(tmp_path / "classes.npy"),
        rows=500,
        divisor=255,
        l2=0.01,
        solver="scikit_learn_lbfgs",
        input="float32",
        memory_mapped=False,
        threads=1,
        tolerances=(0.1, 1e-2, 1e-3, 1e-4),
        optimum=optimum(rows=500),
        gap=1e-4,
        cap_seconds=30,
        seed=0,
    )


@pytest.fixture(scope="session")
def time_to_gap_parameters() -> Callable[..., TimeToGapParameters]:
    """Makes the parameters of a measurement, with changes."""

    def parameters(**changes: object) -> TimeToGapParameters:
        options = {
            "tasks": [{"name": "odd_even", "positive_classes": [1, 3], "l2_values": [0.01]}],
            "gaps": [1e-2, 1e-4],
            "solvers": [{"solver": "lbfgs", "inputs": ["float32"], "threads": [1]}],
            "repeats": 1,
            "enough_seconds": 10,
            "cap_seconds": 10,
        }
        return TimeToGapParameters(**options | changes)

    return parameters

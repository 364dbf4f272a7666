from collections.abc import Callable, Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.pipelines.benchmark.parameters import BenchmarkParameters

ODD = (1, 3, 5, 7, 9)


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
def options(parameters) -> Callable[..., dict]:
    """Makes the parameters of a benchmark as plain values, with changes."""

    def options(**changes: object) -> dict:
        return {
            "solver": "preconditioned_lbfgs",
            "tasks": [{"name": "odd_even", "positive_classes": ODD, "l2_values": [0.01]}],
            "gaps": [1e-2, 1e-4],
            "headline_gaps": [1e-4],
            "solvers": [
                {"solver": "preconditioned_lbfgs", "inputs": ["float32"], "threads": [1]},
                {"solver": "scikit_learn_lbfgs", "inputs": ["float64"], "threads": [1]},
            ],
            "repeats": 1,
            "enough_seconds": 10,
            "cap_seconds": 10,
            "tricks": {
                "changes": ["unchanged", "no warm start"],
                "gap": 1e-4,
                "repeats": 2,
                "enough_seconds": 10,
                "cap_seconds": 10,
            },
            "scaling": {
                "task": "odd_even",
                "l2": 0.01,
                "gap": 1e-4,
                "factors": [1, 2],
                "translation": 1,
                "threads": 1,
                "cap_seconds": 10,
            },
            "robustness": {
                "solvers": ["preconditioned_lbfgs", "scikit_learn_lbfgs"],
                "gap": 1e-4,
                "groups": ["many_classes"],
                "rows": 200,
                "largest": 1000,
                "cap_seconds": 10,
                "memory_mib": 8192,
            },
            "throughput": {
                "network": parameters().model_dump(),
                "networks": [{"name": "default", "changes": {}}],
                "seconds": 0.05,
                "images": 120,
            },
        } | changes

    return options


@pytest.fixture(scope="session")
def benchmark_parameters(options) -> Callable[..., BenchmarkParameters]:
    """Makes the parameters of a benchmark, with changes."""
    return lambda **changes: BenchmarkParameters(**options(**changes))

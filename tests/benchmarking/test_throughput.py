import time

import numpy as np
import pytest

from mnist_gradients.benchmarking import throughput
from mnist_gradients.benchmarking.parameters import ThroughputParameters

WAYS = [
    "this project, as configured",
    "this project",
    "Keras model.fit",
    "scikit-learn MLPClassifier",
    "NumPy network",
]


@pytest.fixture
def measured(parameters, monkeypatch):
    """One network, or two, and a small product for the peak."""
    monkeypatch.setattr(throughput, "PEAK_SIDE", 512)

    def measured(*networks):
        changes = {"one": {}, "two": {"hidden_units": [8, 4], "batch_size": 50}}
        chosen = [{"name": name, "changes": changes[name]} for name in networks]
        network = parameters(
            batch_normalisation=True,
            batch_size=20,
            augmentation={"translation": 1, "rotation": 5},
        )
        return ThroughputParameters(network=network, networks=chosen, seconds=0.05, images=120)

    return measured


@pytest.mark.tensorflow
def test_network_is_trained_in_every_way(digits, measured):
    table = throughput.measure_throughput(digits, measured("one"), 0)
    assert table["way"].tolist() == WAYS
    assert (table["images_per_second"] > 0).all()
    assert table["fraction_of_peak"].between(0, 1, inclusive="neither").all()


def test_table_has_a_row_per_network_and_way(digits, measured, monkeypatch):
    def prepare(images, network, seed):
        assert (len(images), seed) == (120, 3)
        assert network.batch_normalisation == (network.augmentation.rotation == 5)
        seen.append(network.batch_normalisation)
        return lambda iterations: 0.001 * iterations

    seen = []
    monkeypatch.setattr(throughput, "WAYS", dict.fromkeys(WAYS, prepare))
    monkeypatch.setattr(throughput, "measure_peak", lambda: 1e12)
    table = throughput.measure_throughput(digits, measured("one", "two"), 3)
    assert seen == [True, False, False, False, False] * 2
    assert list(table) == [
        *("network", "hidden_units", "batch_size"),
        *("way", "images_per_second", "fraction_of_peak"),
    ]
    assert table["network"].tolist() == ["one"] * 5 + ["two"] * 5
    assert table["way"].tolist() == WAYS * 2
    assert table["hidden_units"].unique().tolist() == ["16", "8-4"]
    assert table["batch_size"].unique().tolist() == [20, 50]
    assert table["images_per_second"].tolist() == [20_000] * 5 + [50_000] * 5
    assert table["fraction_of_peak"][0] == pytest.approx(20_000 * (4 * 49 * 16 + 960) / 1e12)


@pytest.mark.tensorflow
def test_cost_of_augmentation_is_measured(digits, measured):
    table = throughput.measure_augmentation(digits, measured("one"), 0)
    assert list(table) == [
        *("network", "translation", "rotation", "scale", "shear", "elastic"),
        *("microseconds", "setup_seconds"),
    ]
    assert table["network"].tolist() == ["one"]
    assert table["rotation"].tolist() == [5]
    assert table["microseconds"].between(0.1, 1000).all()
    assert table["setup_seconds"].between(0.001, 60).all()


def test_operations_are_those_of_the_matrix_products(digits, parameters):
    """Forward and both products backward; images are the first layer's input and need none."""
    pixels = digits.images[0].size
    n_classes = int(digits.labels.max()) + 1
    expected = 2 * (2 * pixels * 16 + 3 * 16 * n_classes)
    assert throughput.operations_per_image(digits, parameters()) == expected


def test_throughput_is_images_by_seconds():
    def timed(iterations):
        return 0.001 * iterations

    assert throughput._images_per_second(timed, 20, 0.1) == pytest.approx(20_000)


def test_timed_fits_have_as_many_images_as_the_iterations(digits):
    seen = []
    few = digits.take(np.arange(50))

    def fit(X, y, epochs):
        assert X.dtype == np.float32
        assert 0 <= X.min() <= X.max() <= 1
        np.testing.assert_array_equal(y, few.labels[: len(X)])
        seen.append((len(X), epochs))

    timed = throughput._timed_fit(few, 20, fit)
    assert timed(6) > 0
    assert timed(2) > 0
    assert seen == [(50, 2), (20, 1), (40, 1)]


def test_peak_is_that_of_a_large_product(monkeypatch):
    monkeypatch.setattr(throughput, "PEAK_SIDE", 256)
    peak = throughput.measure_peak()
    A = np.ones((256, 256), np.float32)
    began = time.perf_counter()
    for _ in range(50):
        A @ A
    mean = 50 * 2 * 256**3 / (time.perf_counter() - began)
    assert peak > mean / 3

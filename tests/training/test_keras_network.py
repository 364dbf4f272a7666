import random

import numpy as np
import pytest

from mnist_gradients.training.network import build_network, build_optimiser

pytestmark = pytest.mark.tensorflow


def layers(network):
    return [type(layer).__name__ for layer in network.layers]


def test_layers_of_the_plain_network(parameters):
    network = build_network(parameters(hidden_units=(16, 8)), (5, 7), n_classes=3, seed=0)
    assert layers(network) == [
        "Rescaling",
        "Flatten",
        *("Dense", "Activation") * 2,
        "Dense",
    ]
    assert [tuple(v.shape) for v in network.trainable_variables] == [
        *((35, 16), (16,)),
        *((16, 8), (8,)),
        *((8, 3), (3,)),
    ]


def test_batch_normalisation_replaces_the_bias_and_dropout_comes_last(parameters):
    chosen = parameters(batch_normalisation=True, dropout=0.25, activation="gelu")
    network = build_network(chosen, (5, 7), n_classes=3, seed=0)
    assert layers(network)[2:-1] == ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert not network.layers[2].use_bias
    assert network.layers[4].activation.__name__ == "gelu"
    assert network.layers[5].rate == 0.25


def test_network_takes_raw_pixels_and_gives_logits(parameters):
    network = build_network(parameters(), (5, 7), n_classes=3, seed=0)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 7)).astype(np.float32)
    W, b, V, c = network.get_weights()
    hidden = np.maximum(pixels.reshape(4, -1) / 255 @ W + b, 0)
    np.testing.assert_allclose(np.asarray(network(pixels)), hidden @ V + c, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("optimiser", "name"),
    [("sgd", "SGD"), ("momentum", "SGD"), ("adam", "Adam"), ("adamw", "AdamW")],
)
def test_optimiser_is_the_configured_one(parameters, optimiser, name):
    built = build_optimiser(parameters(optimiser=optimiser, weight_decay=0.01), 10)
    assert type(built).__name__ == name
    assert float(built.learning_rate) == pytest.approx(0.1)
    if name == "SGD":
        momentum = optimiser == "momentum"
        assert (built.momentum, built.nesterov) == ((0.9, True) if momentum else (0.0, False))
    assert built.weight_decay == (0.01 if optimiser == "adamw" else None)


def rates(parameters, iterations_per_epoch, epochs=4):
    chosen = parameters(schedule="cosine", epochs=epochs)
    schedule = build_optimiser(chosen, iterations_per_epoch)._learning_rate
    return np.array([float(schedule(i)) for i in range(epochs * iterations_per_epoch + 1)])


def test_cosine_schedule_rises_for_half_an_epoch_and_falls_to_zero(parameters):
    found = rates(parameters, 10)
    np.testing.assert_allclose(found[:6], 0.1 * np.arange(6) / 5, atol=1e-7)
    expected = 0.1 * (1 + np.cos(np.pi * np.arange(36) / 35)) / 2
    np.testing.assert_allclose(found[5:], expected, atol=1e-7)


def test_schedule_of_a_single_iteration_is_finite(parameters):
    assert np.isfinite(rates(parameters, 1, epochs=1)).all()


def weights(parameters, seed, **changes):
    return build_network(parameters(**changes), (5, 7), 3, seed).get_weights()


def test_seed_determines_the_initial_weights_of_each_layer(parameters):
    one, same, other = (weights(parameters, seed, hidden_units=(35, 35)) for seed in (0, 0, 1))
    for first, second, third in zip(one, same, other, strict=True):
        np.testing.assert_array_equal(first, second)
        assert first.ndim == 1 or (first != third).any()  # biases are zero
    assert (one[0] != one[2]).any()  # equal shapes, different layers


def test_pythons_random_numbers_neither_change_the_network_nor_are_changed(parameters):
    first = weights(parameters, 0)
    random.seed(5)
    state = random.getstate()
    for before, after in zip(first, weights(parameters, 0), strict=True):
        np.testing.assert_array_equal(before, after)
    assert random.getstate() == state


def test_each_dropout_layer_has_its_own_seed(parameters):
    def dropped(seed):
        network = build_network(parameters(dropout=0.5, hidden_units=(64, 64)), (5, 7), 3, seed)
        layers = [layer for layer in network.layers if layer.name.startswith("dropout")]
        ones = np.ones((1, 64), np.float32)
        return [np.asarray(layer(ones, training=True)) for layer in layers]

    one, same, other = dropped(0), dropped(0), dropped(1)
    np.testing.assert_array_equal(one, same)
    assert (one[0] != one[1]).any()
    assert (np.array(one) != np.array(other)).any()

import numpy as np
import pytest

from mnist_gradients.training.network import build_network, build_optimiser

pytestmark = pytest.mark.tensorflow


def layers(network):
    return [type(layer).__name__ for layer in network.layers]


def test_layers_of_the_plain_network(parameters):
    network = build_network(parameters(hidden_widths=(16, 8)), (5, 7), n_classes=3)
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


def test_normalisation_takes_the_place_of_the_bias_and_dropout_comes_last(parameters):
    chosen = parameters(batch_normalisation=True, dropout=0.25, activation="gelu")
    network = build_network(chosen, (5, 7), n_classes=3)
    assert layers(network)[2:-1] == ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert not network.layers[2].use_bias
    assert network.layers[4].activation.__name__ == "gelu"
    assert network.layers[5].rate == 0.25


def test_network_takes_raw_pixels_and_gives_logits(parameters):
    network = build_network(parameters(), (5, 7), n_classes=3)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 7)).astype(np.float32)
    W, b, V, c = network.get_weights()
    hidden = np.maximum(pixels.reshape(4, -1) / 255 @ W + b, 0)
    np.testing.assert_allclose(np.asarray(network(pixels)), hidden @ V + c, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("optimiser", "name"),
    [("sgd", "SGD"), ("momentum", "SGD"), ("adam", "Adam"), ("adamw", "AdamW")],
)
def test_optimiser_is_the_one_asked_for(parameters, optimiser, name):
    built = build_optimiser(parameters(optimiser=optimiser, weight_decay=0.01), 10)
    assert type(built).__name__ == name
    assert float(built.learning_rate) == pytest.approx(0.1)
    if name == "SGD":
        momentum = optimiser == "momentum"
        assert (built.momentum, built.nesterov) == ((0.9, True) if momentum else (0.0, False))
    assert built.weight_decay == (0.01 if optimiser == "adamw" else None)


def rates(parameters, iterations_per_epoch, schedule="cosine", **changes):
    chosen = parameters(schedule=schedule, epochs=4, **changes)
    schedule = build_optimiser(chosen, iterations_per_epoch)._learning_rate
    iterations = 4 * iterations_per_epoch
    return np.array([float(schedule(step)) for step in range(iterations + 1)])


def test_cosine_falls_from_the_highest_rate_to_zero(parameters):
    found = rates(parameters, 10)
    expected = 0.1 * (1 + np.cos(np.pi * np.arange(41) / 40)) / 2
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_warm_up_rises_linearly_from_zero(parameters):
    found = rates(parameters, 10, warmup_epochs=0.5)
    np.testing.assert_allclose(found[:6], 0.1 * np.arange(6) / 5, atol=1e-7)
    assert (np.diff(found[5:]) < 0).all()
    assert found[-1] == pytest.approx(0, abs=1e-7)


def test_rate_stays_and_falls_over_the_last_fifth(parameters):
    found = rates(parameters, 10, "warmup_stable_decay", warmup_epochs=0.5)
    np.testing.assert_allclose(found[:6], 0.1 * np.arange(6) / 5, atol=1e-7)
    np.testing.assert_allclose(found[5:33], 0.1, atol=1e-7)
    np.testing.assert_allclose(found[32:], 0.1 * np.arange(8, -1, -1) / 8, atol=1e-7)


def test_rate_stays_from_the_start_without_a_warm_up(parameters):
    assert rates(parameters, 10, "warmup_stable_decay")[0] == pytest.approx(0.1)


def test_mixed_precision_multiplies_in_bfloat16_and_keeps_weights_in_float32(parameters):
    chosen = parameters(precision="mixed_bfloat16", batch_normalisation=True)
    network = build_network(chosen, (5, 7), n_classes=3)
    assert {str(variable.dtype) for variable in network.weights} == {"float32"}
    assert [layer.compute_dtype for layer in network.layers[2:]] == ["bfloat16"] * 3 + ["float32"]
    assert str(network(np.zeros((1, 5, 7), np.float32)).dtype).endswith("float32'>")


@pytest.mark.parametrize("schedule", ["cosine", "warmup_stable_decay"])
def test_warm_up_longer_than_the_run_still_ends(parameters, schedule):
    assert np.isfinite(rates(parameters, 1, schedule, warmup_epochs=100)).all()

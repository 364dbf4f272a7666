"""Build the Keras network and its optimiser from the parameters."""

from random import Random
from typing import Any

from mnist_gradients.training.parameters import TrainingParameters

WARMUP_EPOCHS = 0.5  # of the cosine schedule


def build_network(
    parameters: TrainingParameters, image_shape: tuple[int, int], n_classes: int, seed: int
) -> Any:
    """Return a network from raw pixels (batch, height, width) in 0..255 to logits (batch, K).

    Scaling to [0, 1] is a layer: the saved network takes images as they are. Each initialiser and
    each dropout layer has a seed of its own, drawn from ``seed``; without one Keras draws it from
    Python's global generator.
    """
    from keras import Input, Sequential, initializers, layers

    seeds = Random(seed)  # noqa: S311 - no cryptography

    def dense(units: int, **options: Any) -> Any:
        initialiser = initializers.GlorotUniform(seed=_draw(seeds))
        return layers.Dense(units, kernel_initializer=initialiser, **options)

    network = Sequential(
        [Input(image_shape, name="pixels"), layers.Rescaling(1 / 255), layers.Flatten()],
        name="fnn",
    )
    for units in parameters.hidden_units:
        # Batch normalisation adds an offset of its own, which makes the bias redundant.
        network.add(dense(units, use_bias=not parameters.batch_normalisation))
        if parameters.batch_normalisation:
            network.add(layers.BatchNormalization())
        network.add(layers.Activation(parameters.activation))
        if parameters.dropout:
            network.add(layers.Dropout(parameters.dropout, seed=_draw(seeds)))
    network.add(dense(n_classes, name="logits"))
    return network


def _draw(seeds: Random) -> int:
    """Return the next seed, from the range in which Keras draws its own."""
    return seeds.randint(1, 10**9)


def build_optimiser(parameters: TrainingParameters, iterations_per_epoch: int) -> Any:
    """Return the Keras optimiser with its learning-rate schedule."""
    from keras import optimizers

    learning_rate = _learning_rate(parameters, iterations_per_epoch)
    if parameters.optimiser == "sgd":
        return optimizers.SGD(learning_rate)
    if parameters.optimiser == "momentum":
        return optimizers.SGD(learning_rate, momentum=0.9, nesterov=True)
    if parameters.optimiser == "adam":
        return optimizers.Adam(learning_rate)
    return optimizers.AdamW(learning_rate, weight_decay=parameters.weight_decay)


def _learning_rate(parameters: TrainingParameters, iterations_per_epoch: int) -> Any:
    """Return the learning rate, or its schedule: a function of the iteration."""
    from keras.optimizers import schedules

    highest = parameters.learning_rate
    if parameters.schedule == "constant":
        return highest
    iterations = parameters.epochs * iterations_per_epoch
    warmup = min(round(WARMUP_EPOCHS * iterations_per_epoch), iterations - 1)
    return schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else highest,
        decay_steps=iterations - warmup,
        warmup_target=highest if warmup else None,
        warmup_steps=warmup,
    )

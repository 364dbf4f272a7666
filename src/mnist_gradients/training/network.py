"""Build the Keras network and its optimiser from the parameters."""

from typing import Any

from mnist_gradients.training.parameters import FnnParameters

DECAY_SHARE = 0.2  # of a warm-up-stable-decay run


def build_network(parameters: FnnParameters, image_shape: tuple[int, int], n_classes: int) -> Any:
    """Return a network from raw pixels (batch, height, width) in 0..255 to logits (batch, K).

    Scaling to [0, 1] is a layer, so that whoever loads the network feeds it images as they are.
    Call `keras.utils.set_random_seed` first: the initial weights are drawn here.
    """
    from keras import Input, Sequential, layers

    network = Sequential(
        [Input(image_shape, name="pixels"), layers.Rescaling(1 / 255), layers.Flatten()],
        name="fnn",
    )
    dtype = parameters.precision
    for width in parameters.hidden_widths:
        # Batch normalisation adds an offset of its own, which makes the bias redundant.
        biased = not parameters.batch_normalisation
        network.add(layers.Dense(width, use_bias=biased, dtype=dtype))
        if parameters.batch_normalisation:
            network.add(layers.BatchNormalization(dtype=dtype))
        network.add(layers.Activation(parameters.activation, dtype=dtype))
        if parameters.dropout:
            network.add(layers.Dropout(parameters.dropout, dtype=dtype))
    network.add(layers.Dense(n_classes, name="logits"))
    return network


def build_optimiser(parameters: FnnParameters, iterations_per_epoch: int) -> Any:
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


def _learning_rate(parameters: FnnParameters, iterations_per_epoch: int) -> Any:
    """Return the learning rate, or its schedule: a function of the iteration."""
    from keras import ops
    from keras.optimizers import schedules

    highest = parameters.learning_rate
    iterations = parameters.epochs * iterations_per_epoch
    warmup = min(round(parameters.warmup_epochs * iterations_per_epoch), iterations - 1)
    if parameters.schedule == "constant":
        return highest
    if parameters.schedule == "cosine":
        return schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else highest,
            decay_steps=iterations - warmup,
            warmup_target=highest if warmup else None,
            warmup_steps=warmup,
        )

    class WarmupStableDecay(schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            rising = step / max(1, warmup) if warmup else 1.0
            falling = (iterations - step) / max(1, round(DECAY_SHARE * iterations))
            return highest * ops.clip(ops.minimum(rising, falling), 0.0, 1.0)

    return WarmupStableDecay()

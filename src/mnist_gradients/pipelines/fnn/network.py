"""Build the Keras network and its optimiser from the parameters."""

from typing import Any

from mnist_gradients.pipelines.fnn.parameters import FnnParameters


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
    for width in parameters.hidden_widths:
        # Batch normalisation adds an offset of its own, which makes the bias redundant.
        network.add(layers.Dense(width, use_bias=not parameters.batch_normalisation))
        if parameters.batch_normalisation:
            network.add(layers.BatchNormalization())
        network.add(layers.Activation(parameters.activation))
        if parameters.dropout:
            network.add(layers.Dropout(parameters.dropout))
    network.add(layers.Dense(n_classes, name="logits"))
    return network


def build_optimiser(parameters: FnnParameters, iterations_per_epoch: int) -> Any:
    """Return the Keras optimiser with its learning-rate schedule."""
    from keras import optimizers

    learning_rate: Any = parameters.learning_rate
    if parameters.schedule == "cosine":
        iterations = parameters.epochs * iterations_per_epoch
        warmup = min(round(parameters.warmup_epochs * iterations_per_epoch), iterations - 1)
        learning_rate = optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else parameters.learning_rate,
            decay_steps=iterations - warmup,
            warmup_target=parameters.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    if parameters.optimiser == "sgd":
        return optimizers.SGD(learning_rate)
    if parameters.optimiser == "momentum":
        return optimizers.SGD(learning_rate, momentum=0.9, nesterov=True)
    if parameters.optimiser == "adam":
        return optimizers.Adam(learning_rate)
    return optimizers.AdamW(learning_rate, weight_decay=parameters.weight_decay)

"""The feed-forward network as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from mnist_gradients.estimators.classifier import SoftmaxClassifier
from mnist_gradients.maths.checking import check_choice, check_count, check_number, mismatch
from mnist_gradients.maths.network import (
    ACTIVATIONS,
    Network,
    forward,
    initialise,
    loss_and_gradients,
)
from mnist_gradients.maths.optimisers import SGD, Adam, Momentum, Optimiser

OPTIMISERS = {"sgd": SGD, "momentum": Momentum, "adam": Adam}


class GradientMLPClassifier(SoftmaxClassifier):
    """Feed-forward network with hand-derived back-propagation.

    ::

        minimise  1/N sum_i loss_i + alpha / (2 N) sum_l ||W_l||_F^2

    by steps on mini-batches, whose number of rows takes the place of N: what scikit-learn's
    ``MLPClassifier`` minimises. In the letters of ``maths.network``, lambda = alpha / N. The
    biases are not penalised. All is computed in the type of X, float32 or float64.

    Args:
        hidden_layer_sizes: Number of units of each hidden layer; none for softmax regression.
        activation: A key of ``maths.network.ACTIVATIONS``.
        alpha: Strength of the penalty, at least 0.
        optimiser: A key of ``OPTIMISERS``.
        learning_rate: Step size of the optimiser, above 0.
        batch_size: Largest number of rows in a mini-batch.
        max_iter: Number of epochs; all of them are run.
        random_state: Seed of the initial weights and of the order of the rows, a RandomState, or
            None for NumPy's global one.

    Attributes:
        classes_: Labels in order, (K,).
        network_: The trained network, with its ``weights`` and ``biases`` layer by layer.
        loss_curve_: Objective of each mini-batch right before its step, one entry per step.
        n_iter_: Epochs run.
        n_features_in_: d.
    """

    dtypes = (np.float64, np.float32)

    def __init__(
        self,
        *,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str = "relu",
        alpha: float = 1e-4,
        optimiser: str = "adam",
        learning_rate: float = 1e-3,
        batch_size: int = 200,
        max_iter: int = 100,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train a new network on the rows of X, (N, d), and their labels y, (N,).

        Returns:
            The estimator itself.

        Raises:
            ValueError: If a parameter is out of its range, X and y do not fit together or hold
                missing values, y holds fewer than two classes, or the training diverges.
            TypeError: If X is sparse.
        """
        self._check_parameters()
        rows, labels = self._rows_and_labels(X, y)
        numbers = self._class_numbers(labels)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        sizes = [self.n_features_in_, *self.hidden_layer_sizes, len(self.classes_)]
        self.network_, self.loss_curve_ = train_network(
            initialise(sizes, self.activation, rng, rows.dtype),
            rows,
            numbers,
            OPTIMISERS[self.optimiser](self.learning_rate),
            alpha=self.alpha,
            batch_size=self.batch_size,
            epochs=self.max_iter,
            rng=rng,
        )
        self.n_iter_ = self.max_iter
        return self

    def logits(self, X: ArrayLike) -> NDArray[np.floating]:
        """Output of the last layer, (N, K)."""
        rows = self._rows(X)
        return forward(self.network_, rows)

    def _check_parameters(self) -> None:
        if not isinstance(self.hidden_layer_sizes, Sequence):
            raise mismatch(
                "hidden_layer_sizes", repr(self.hidden_layer_sizes), "a list of integers"
            )
        for units in self.hidden_layer_sizes:
            check_count("hidden_layer_sizes", units)
        check_choice("activation", self.activation, ACTIVATIONS)
        check_number("alpha", self.alpha, zero=True)
        check_choice("optimiser", self.optimiser, OPTIMISERS)
        check_number("learning_rate", self.learning_rate)
        check_count("batch_size", self.batch_size)
        check_count("max_iter", self.max_iter)


def train_network(
    network: Network,
    X: NDArray[np.floating],
    y: NDArray[np.integer],
    optimiser: Optimiser,
    *,
    alpha: float,
    batch_size: int,
    epochs: int,
    rng: np.random.Generator,
) -> tuple[Network, list[float]]:
    """Train a network on mini-batches, in a new order of the rows in every epoch.

    Args:
        network: Where to start.
        X: Examples, (N, d).
        y: Class numbers 0..K-1, (N,).
        optimiser: Rule of the steps.
        alpha: Strength of the penalty; on a mini-batch of n rows, lambda = alpha / n.
        batch_size: Rows of a mini-batch; the last one of an epoch holds what is left.
        epochs: Passes over the rows.
        rng: Source of the orders.

    Returns:
        The trained network, and the objective of each mini-batch right before its step.

    Raises:
        ValueError: If the weights cease to be finite.
    """
    losses: list[float] = []
    state = optimiser.start(network.parameters)
    for epoch in range(epochs):
        order = rng.permutation(len(y))
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is refused below
            for start in range(0, len(y), batch_size):
                rows = order[start : start + batch_size]
                loss, gradients = loss_and_gradients(network, X[rows], y[rows], alpha / len(rows))
                parameters, state = optimiser.step(network.parameters, gradients, state)
                network = network.with_parameters(parameters)
                losses.append(float(loss))
        if not all(np.isfinite(parameter).all() for parameter in network.parameters):
            raise mismatch(
                "weights",
                f"infinity or NaN after epoch {epoch}",
                "finite ones: lower learning_rate or scale the features",
            )
    return network, losses

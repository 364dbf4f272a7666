"""The feed-forward network as a scikit-learn classifier."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from mnist_gradients.estimators.classifier import SoftmaxClassifier, source_of_chance
from mnist_gradients.maths.checking import check_choice, check_count, check_number, mismatch
from mnist_gradients.maths.network import (
    ACTIVATIONS,
    Network,
    forward,
    initialise,
    loss_and_gradients,
)
from mnist_gradients.maths.optimisers import SGD, Adam, Momentum, Optimiser, State

SOLVERS = {"sgd": SGD, "momentum": Momentum, "adam": Adam}
NAMES = {name: name for name in ACTIVATIONS} | {"logistic": "sigmoid"}
AUTOMATIC_BATCH = 200


class GradientMLPClassifier(SoftmaxClassifier):
    """Feed-forward network with hand-derived back-propagation.

    ::

        minimise  1/N sum_i loss_i + alpha / (2 N) sum_l ||W_l||_F^2

    by steps on mini-batches, whose number of rows takes the place of N: what scikit-learn's
    ``MLPClassifier`` minimises. In the letters of ``maths.network``, lambda = alpha / N. The
    biases are not penalised. All is computed in the type of X, float32 or float64.

    Parameters have scikit-learn's names. With the solver "sgd", the same start and the same order
    of the rows, the steps are scikit-learn's without momentum. Differences: momentum is a solver of
    its own, after Polyak; Adam corrects its moments before it adds epsilon; two classes have two
    outputs; the step size is constant. Sample weights, sparse rows, ``partial_fit`` and warm starts
    are not supported: scikit-learn's class has them, and on large networks Keras is faster.

    Args:
        hidden_layer_sizes: Number of units of each hidden layer, or of the only one; none for
            softmax regression.
        activation: A key of ``maths.network.ACTIVATIONS``, or "logistic" for "sigmoid".
        solver: "sgd", "momentum" or "adam".
        alpha: Strength of the penalty, at least 0.
        batch_size: Largest number of rows in a mini-batch; "auto" for min(200, N).
        learning_rate_init: Step size of the solver, above 0; it stays as it is.
        max_iter: Largest number of epochs.
        random_state: Seed of the initial weights, of the order of the rows and of the rows held
            out, a RandomState, or None for NumPy's global one.
        tol: Least progress: training ends when ``n_iter_no_change`` epochs in a row do not lower
            the best loss by more than ``tol``, or raise the best score with ``early_stopping``.
        verbose: Whether to print the loss of every epoch.
        early_stopping: Whether to hold out rows, and to keep the network that classifies most of
            them correctly.
        validation_fraction: Fraction of the rows to hold out, stratified by class.
        n_iter_no_change: Epochs without progress after which training ends.

    Attributes:
        classes_: Labels in order, (K,).
        network_: The trained network, with its ``weights`` and ``biases`` layer by layer.
        loss_curve_: Mean objective of the mini-batches, each right before its step, one entry per
            epoch.
        loss_: Its last entry.
        best_loss_: Its least entry; None with ``early_stopping``.
        validation_scores_: Accuracy on the rows held out after every epoch; None without.
        best_validation_score_: Its largest entry; None without.
        n_iter_: Epochs run.
        n_features_in_: d.
    """

    dtypes = (np.float64, np.float32)

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-3,
        max_iter: int = 200,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train a new network on the rows of X, (N, d), and their labels y, (N,).

        Returns:
            The estimator itself.

        Warns:
            ConvergenceWarning: If the training still makes progress after ``max_iter`` epochs, or
                ends above the loss log(K) of equal probabilities, as one that diverges does.

        Raises:
            ValueError: If a parameter is out of its range, X and y do not fit together or hold
                missing values, y holds fewer than two classes, or the training diverges.
            TypeError: If X is sparse.
        """
        sizes = self._check_parameters()
        rows, labels = self._rows_and_labels(X, y)
        numbers = self._class_numbers(labels)
        seed = source_of_chance(self.random_state).randint(2**31)
        rng = np.random.default_rng(seed)
        held_out = None
        if self.early_stopping:
            rows, *held_out, numbers = self._hold_out(rows, numbers, seed)
        sizes = [self.n_features_in_, *sizes, len(self.classes_)]
        self.network_ = initialise(sizes, NAMES[self.activation], rng, rows.dtype)
        ended = self._train(rows, numbers, held_out, rng)
        if problem := self._problem(ended):
            warnings.warn(problem, ConvergenceWarning, stacklevel=2)
        return self

    def logits(self, X: ArrayLike) -> NDArray[np.floating]:
        """Output of the last layer, (N, K)."""
        rows = self._rows(X)
        return forward(self.network_, rows)

    def _hold_out(self, rows: Any, numbers: NDArray, seed: int) -> tuple[Any, Any, Any, Any]:
        """Rows to train on and rows to hold out, then the labels of the latter and the former."""
        n = round(self.validation_fraction * len(numbers))
        if n < len(self.classes_) or np.bincount(numbers).min() < 2:
            raise mismatch(
                "early_stopping",
                f"{len(numbers)} rows, of which {n} are held out",
                "a row to train on and one to hold out for each class",
            )
        from sklearn.model_selection import train_test_split  # slow to import

        train, held, y_train, y_held = train_test_split(
            rows, numbers, test_size=n, random_state=seed, stratify=numbers
        )
        return train, held, y_held, y_train

    def _train(
        self,
        rows: NDArray[np.floating],
        numbers: NDArray[np.integer],
        held_out: Sequence[Any] | None,
        rng: np.random.Generator,
    ) -> bool:
        """Train ``network_``, and say whether it ended for lack of progress."""
        optimiser = SOLVERS[self.solver](self.learning_rate_init)
        state = optimiser.start(self.network_.parameters)
        batch = AUTOMATIC_BATCH if self.batch_size == "auto" else int(self.batch_size)
        self.loss_curve_: list[float] = []
        scores: list[float] = []
        progress = Progress(self.tol, self.n_iter_no_change)
        best = self.network_
        while len(self.loss_curve_) < self.max_iter and not progress.ended:
            self.network_, state, loss = train_epoch(
                self.network_, state, rows, numbers, optimiser, self.alpha, batch, rng
            )
            self.loss_curve_.append(loss)
            self._check_finite()
            if self.verbose:
                print(f"epoch {len(self.loss_curve_)}: loss {loss:.6g}")  # noqa: T201 - asked for
            if held_out is not None:
                predicted = forward(self.network_, held_out[0]).argmax(axis=1)
                scores.append(float(np.mean(predicted == held_out[1])))
                best = best if scores[-1] <= max(scores[:-1], default=-1) else self.network_
            progress.note(loss if held_out is None else -scores[-1])
        self.n_iter_, self.loss_ = len(self.loss_curve_), self.loss_curve_[-1]
        self.best_loss_ = min(self.loss_curve_) if held_out is None else None
        self.validation_scores_ = scores or None
        self.best_validation_score_ = max(scores) if scores else None
        if held_out is not None:
            self.network_ = best
        return progress.ended

    def _problem(self, ended: bool) -> str:
        """Say what is wrong with a training that has, or has not, ended for lack of progress."""
        equal = np.log(len(self.classes_))
        if self.loss_ > equal:
            return (
                f"the loss is {self.loss_:.3g}, above the {equal:.3g} of equal probabilities: the "
                "training diverges or has just begun; lower learning_rate_init, scale the features "
                "or raise max_iter"
            )
        if not ended:
            return (
                f"{self.solver} reached max_iter = {self.max_iter} epochs, and the training still "
                "made progress; raise max_iter, learning_rate_init or tol"
            )
        return ""

    def _check_finite(self) -> None:
        if not all(np.isfinite(parameter).all() for parameter in self.network_.parameters):
            raise mismatch(
                "weights",
                f"infinity or NaN after epoch {len(self.loss_curve_)}",
                "finite ones: lower learning_rate_init or scale the features",
            )

    def _check_parameters(self) -> list[int]:
        """Check the parameters, and return the sizes of the hidden layers."""
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object)).tolist()
        for units in sizes:
            check_count("hidden_layer_sizes", units)
        check_choice("activation", self.activation, NAMES)
        check_choice("solver", self.solver, SOLVERS)
        check_number("alpha", self.alpha, zero=True)
        check_number("learning_rate_init", self.learning_rate_init)
        if self.batch_size != "auto":
            check_count("batch_size", self.batch_size)
        check_count("max_iter", self.max_iter)
        check_number("tol", self.tol, zero=True)
        check_count("n_iter_no_change", self.n_iter_no_change)
        check_number("validation_fraction", self.validation_fraction)
        if self.validation_fraction >= 1:
            raise mismatch("validation_fraction", self.validation_fraction, "a number below 1")
        return [int(units) for units in sizes]


class Progress:
    """Notices when a figure that should fall has not done so for some epochs.

    Args:
        tol: A fall of no more than this is none.
        patience: Number of epochs.
    """

    def __init__(self, tol: float, patience: int) -> None:
        self._tol, self._patience = tol, patience
        self._best, self._without = np.inf, 0

    @property
    def ended(self) -> bool:
        """Whether there was no progress in more than ``patience`` epochs."""
        return self._without > self._patience

    def note(self, figure: float) -> None:
        """Take note of the figure of one more epoch."""
        self._without = self._without + 1 if figure > self._best - self._tol else 0
        self._best = min(self._best, figure)


def train_epoch(
    network: Network,
    state: State,
    X: NDArray[np.floating],
    y: NDArray[np.integer],
    optimiser: Optimiser,
    alpha: float,
    batch_size: int,
    rng: np.random.Generator,
) -> tuple[Network, State, float]:
    """Take a step on every mini-batch, in a new order of the rows.

    Args:
        network: Where to start.
        state: What the optimiser remembers.
        X: Examples, (N, d).
        y: Class numbers 0..K-1, (N,).
        optimiser: Rule of the steps.
        alpha: Strength of the penalty; on a mini-batch of n rows, lambda = alpha / n.
        batch_size: Rows of a mini-batch; the last one holds what is left.
        rng: Source of the order.

    Returns:
        The network and the state after the epoch, and the mean objective of the mini-batches, each
        right before its step, weighted by its rows.
    """
    order, total = rng.permutation(len(y)), 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is for the caller
        for start in range(0, len(y), batch_size):
            rows = order[start : start + batch_size]
            loss, gradients = loss_and_gradients(network, X[rows], y[rows], alpha / len(rows))
            parameters, state = optimiser.step(network.parameters, gradients, state)
            network = network.with_parameters(parameters)
            total += float(loss) * len(rows)
    return network, state, total / len(y)

"""A fitted linear classifier: logistic regression for two classes, softmax regression for more."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnist_gradients.maths.checking import check_array, check_number, mismatch
from mnist_gradients.maths.rows.threads import single_blas_thread
from mnist_gradients.maths.softmax import log_softmax

# Rows converted to float64 at a time: 2048 images of 784 pixels take 13 MB.
_BLOCK_ROWS = 2048


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Weights of a linear classifier, with what it takes to apply them to raw pixels.

    ::

        Z = scale X W + b                                   (N, K)
        P = [1 - sigma(Z), sigma(Z)]  for K = 1,  softmax(Z)  for K > 1

    Attributes:
        weights: W, float64 of shape (d, K); K = 1 for the binary model.
        intercept: b, float64 of shape (K,).
        classes: Distinct integers: (2,) for K = 1 (the positive class last), (K,) otherwise.
        l2: Strength of the L2 penalty it was fitted with, at least 0.
        scale: Factor that takes the entries of X to the range of the fit, 1/255 for pixels.

    Raises:
        ValueError: If a type or shape is wrong, a value is not finite, or a class appears twice.
    """

    weights: NDArray[np.float64] = field(repr=False)
    intercept: NDArray[np.float64] = field(repr=False)
    classes: NDArray[np.integer]
    l2: float
    scale: float = 1 / 255

    def __post_init__(self) -> None:
        check_array("weights", self.weights, np.float64, dimensions=2)
        check_array("intercept", self.intercept, np.float64, dimensions=1)
        check_array("classes", self.classes, np.integer, dimensions=1)
        for name in ("weights", "intercept"):
            if not np.isfinite(getattr(self, name)).all():
                raise mismatch(name, "NaN or infinity", "finite values")
        columns = self.weights.shape[1]
        if len(self.intercept) != columns:
            expected = f"{columns}, one for each column of weights"
            raise mismatch("intercept", f"{len(self.intercept)} values", expected)
        n_classes = 2 if columns == 1 else columns
        if len(self.classes) != n_classes or len(np.unique(self.classes)) != n_classes:
            raise mismatch("classes", self.classes.tolist(), f"{n_classes} distinct integers")
        check_number("l2", self.l2, zero=True)
        check_number("scale", self.scale)

    def decision_function(self, X: NDArray) -> NDArray[np.float64]:
        """Return Z = scale X W + b, of shape (N, K), computed block by block.

        Args:
            X: Flattened images (N, d), uint8 or floating point; never copied to float as a whole.

        Raises:
            ValueError: If X does not have d columns.
        """
        d, columns = self.weights.shape
        if X.ndim != 2 or X.shape[1] != d:
            raise mismatch("X", f"shape {X.shape}", f"(N, {d})")
        scaled_weights = self.scale * self.weights
        Z = np.empty((len(X), columns))
        with single_blas_thread():  # several would round otherwise
            for start in range(0, len(X), _BLOCK_ROWS):
                rows = slice(start, start + _BLOCK_ROWS)
                np.matmul(X[rows].astype(np.float64, copy=False), scaled_weights, out=Z[rows])
        Z += self.intercept
        return Z

    def log_probabilities(self, X: NDArray) -> NDArray[np.float64]:
        """Return log P(class | row), of shape (N, n_classes), in the order of ``classes``."""
        Z = self.decision_function(X)
        if Z.shape[1] == 1:
            # log (1 - sigma(t)) and log sigma(t) are the log-softmax of the logits 0 and t
            Z = np.hstack([np.zeros_like(Z), Z])
        return np.asarray(log_softmax(Z), dtype=np.float64)

    def probabilities(self, X: NDArray) -> NDArray[np.float64]:
        """Return P(class | row), of shape (N, n_classes), in the order of ``classes``."""
        return np.exp(self.log_probabilities(X))

    def predict(self, X: NDArray) -> NDArray[np.integer]:
        """Return the most probable class of every row, of shape (N,)."""
        Z = self.decision_function(X)
        if Z.shape[1] == 1:
            return self.classes[(Z[:, 0] > 0).astype(np.intp)]
        return self.classes[np.argmax(Z, axis=1)]

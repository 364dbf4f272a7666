"""What the classifiers share: a softmax over logits, labels of any type, checked parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from mnist_gradients.maths.checking import mismatch
from mnist_gradients.maths.softmax import log_softmax, softmax


def is_dask(X: object) -> bool:
    """Whether X is a collection of dask, which is an optional dependency."""
    return hasattr(X, "__dask_graph__")


def lazy_on_dask(method: Callable[[Any, Any], NDArray]) -> Callable[[Any, Any], Any]:
    """Let a method that maps rows to rows return a dask array for one, computed when needed."""

    @wraps(method)
    def lazy(self: Any, X: Any) -> Any:
        if not is_dask(X):
            return method(self, X)
        example = method(self, np.zeros((1, X.shape[1]), X.dtype))  # fails now if X does not fit
        X = X.rechunk({1: -1})
        kind: dict[str, Any] = {"dtype": example.dtype, "meta": example[:0]}
        if example.ndim == 1:
            return X.map_blocks(getattr(self, method.__name__), drop_axis=1, **kind)
        chunks = (X.chunks[0], (example.shape[1],))
        return X.map_blocks(getattr(self, method.__name__), chunks=chunks, **kind)

    return lazy


def source_of_chance(random_state: object) -> np.random.RandomState:
    """The source of random numbers that a parameter stands for, as everywhere in scikit-learn.

    Raises:
        ValueError: If it stands for none.
    """
    try:
        return check_random_state(random_state)
    except (ValueError, TypeError):
        expected = "None, an integer from 0 to 2**32 - 1, or a numpy.random.RandomState"
        raise mismatch("random_state", repr(random_state), expected) from None


class SoftmaxClassifier(ClassifierMixin, BaseEstimator, ABC):
    """Classifier whose probabilities are the softmax of logits.

    Attributes:
        dtypes: Types that X may keep; any other becomes the first.
        classes_: Labels in order, (K,).
        n_features_in_: d.
    """

    dtypes: tuple[type[np.generic], ...]
    classes_: NDArray

    @abstractmethod
    def logits(self, X: ArrayLike) -> NDArray[np.floating]:
        """Logarithm of the probabilities up to a constant per row, (N, K)."""

    @lazy_on_dask
    def predict(self, X: ArrayLike) -> NDArray:
        """Most probable label of every row, (N,)."""
        numbers = np.argmax(self.logits(X), axis=1)
        return self.classes_[numbers]

    @lazy_on_dask
    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Probability of each class, (N, K), in the order of ``classes_``."""
        return softmax(self.logits(X))

    @lazy_on_dask
    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Logarithm of the probabilities, (N, K), finite where they themselves round to zero."""
        return log_softmax(self.logits(X))

    def _rows(self, X: ArrayLike) -> Any:
        """Rows to classify, checked against those of the fit."""
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=self.dtypes, **self._accepted())

    def _rows_and_labels(
        self, X: ArrayLike, y: ArrayLike, *, check_finite: bool = True
    ) -> tuple[Any, NDArray]:
        """Rows to fit and their labels, checked."""
        rows, labels = validate_data(
            self,
            X,
            y,
            dtype=self.dtypes,
            order="C",
            ensure_all_finite=check_finite,
            **self._accepted(),
        )
        if scipy.sparse.issparse(rows) and rows.dtype not in (np.float32, np.float64):
            rows = rows.astype(np.float64)
        return rows, labels

    def _accepted(self) -> dict[str, str]:
        """Options of validation: a sparse matrix becomes CSR where sparse rows are accepted."""
        return {"accept_sparse": "csr"} if get_tags(self).input_tags.sparse else {}

    def _class_numbers(self, labels: NDArray) -> NDArray[np.integer]:
        """Class numbers 0..K-1 of the labels of a fit; sets ``classes_``."""
        if labels.dtype == object:
            check_classification_targets(labels)  # labels of several types cannot be sorted
        classes = np.unique(labels)
        self._set_classes(classes, len(labels))
        return np.searchsorted(classes, labels)  # in half the time of np.unique's own numbers

    def _set_classes(self, classes: NDArray, n_rows: int) -> None:
        """Set ``classes_``, the different labels of so many rows, if they are those of classes."""
        # Each label twice, if there are so many rows: once each would look like a regression.
        check_classification_targets(np.resize(classes, min(n_rows, 2 * len(classes))))
        if len(classes) < 2:
            raise mismatch("y", f"one class, {classes.tolist()[0]!r}", "at least two classes")
        self.classes_ = classes

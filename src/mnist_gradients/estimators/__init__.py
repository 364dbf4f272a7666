"""The hand-derived models behind scikit-learn's estimator interface.

The estimators translate: parameters and labels into those of :mod:`mnist_gradients.maths`, and the
weights found there into scikit-learn's attributes. They work wherever scikit-learn's own do: in a
``Pipeline``, a ``GridSearchCV``, a ``CalibratedClassifierCV``.

::

    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    model = make_pipeline(MinMaxScaler(), GradientLogisticRegression(C=0.1)).fit(X, y)

This package imports scikit-learn. Nothing that must start quickly may import it.

Conventions:
    X: rows of features, (N, d), dense; anything that scikit-learn turns into an array.
    y: labels, (N,), of any type that can be sorted.
    K: number of classes.
"""

from mnist_gradients.estimators.logistic_regression import GradientLogisticRegression
from mnist_gradients.estimators.network import GradientMLPClassifier

__all__ = ["GradientLogisticRegression", "GradientMLPClassifier"]

"""Logistic and softmax regression: hand-derived descent beside scikit-learn."""

from mnist_gradients.pipelines.logistic_regression.pipeline import create_pipeline

__all__ = ["create_pipeline"]

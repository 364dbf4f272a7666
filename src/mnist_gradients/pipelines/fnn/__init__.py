"""A Keras feed-forward network: every iteration's true loss, and the two curves."""

from mnist_gradients.pipelines.fnn.pipeline import create_pipeline

__all__ = ["create_pipeline"]

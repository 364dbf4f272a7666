"""Softmax regression on millions of augmented images, by one process and by workers of Dask."""

from mnist_gradients.pipelines.scale.pipeline import create_pipeline

__all__ = ["create_pipeline"]

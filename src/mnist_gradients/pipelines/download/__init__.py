"""Fetches the four IDX files of a named data set from its public mirrors."""

from mnist_gradients.pipelines.download.pipeline import create_pipeline

__all__ = ["create_pipeline"]

"""All models in one table, and one page that a person would send to a colleague."""

from mnist_gradients.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]

"""Your own digits: from a folder of images to a table of predictions and an annotated sheet."""

from mnist_gradients.pipelines.inference.pipeline import create_pipeline

__all__ = ["create_pipeline"]

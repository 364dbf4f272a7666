"""What the way through an image file costs: test digits as large PNG files, and back."""

from mnist_gradients.pipelines.preprocessing_check.pipeline import create_pipeline

__all__ = ["create_pipeline"]

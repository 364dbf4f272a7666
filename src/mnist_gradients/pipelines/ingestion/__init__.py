"""From four raw IDX files to labelled training, validation and test images."""

from mnist_gradients.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]

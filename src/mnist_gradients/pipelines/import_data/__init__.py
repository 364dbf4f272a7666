"""From the files in which others publish labelled images to four IDX files."""

from mnist_gradients.pipelines.import_data.pipeline import create_pipeline

__all__ = ["create_pipeline"]

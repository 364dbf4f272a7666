"""Accuracy of the models on digits that were photographed, drawn or scanned in many ways."""

from mnist_gradients.pipelines.preprocessing_check.pipeline import create_pipeline

__all__ = ["create_pipeline"]

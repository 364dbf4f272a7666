"""An ensemble of networks: members trained independently, evaluated alone and together."""

from mnist_gradients.pipelines.ensemble.pipeline import create_pipeline

__all__ = ["create_pipeline"]

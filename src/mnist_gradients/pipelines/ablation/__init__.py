"""The effect of single parameters of the network, of more images and of longer training."""

from mnist_gradients.pipelines.ablation.pipeline import create_pipeline

__all__ = ["create_pipeline"]

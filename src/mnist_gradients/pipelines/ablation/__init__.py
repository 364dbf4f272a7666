"""What each ingredient of the network's recipe is worth, and each further training image."""

from mnist_gradients.pipelines.ablation.pipeline import create_pipeline

__all__ = ["create_pipeline"]

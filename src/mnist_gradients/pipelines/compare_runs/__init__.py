"""The network of several runs side by side: parameters that differ, metrics, loss curves."""

from mnist_gradients.pipelines.compare_runs.pipeline import create_pipeline

__all__ = ["create_pipeline"]

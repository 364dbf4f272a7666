"""Time to a given suboptimality gap: this project's estimator against other libraries."""

from mnist_gradients.pipelines.benchmark.pipeline import create_pipeline

__all__ = ["create_pipeline"]

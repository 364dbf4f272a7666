"""Time to a given gap to the optimum: the project's solvers against every solver of scikit-learn.

Nothing is imported here: each measurement starts `worker.py`, a module of this package, in a
process of its own, which is to start quickly and to hold nothing that it does not measure.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline


def create_pipeline() -> "Pipeline":
    """Return the pipeline that races the solvers and measures how their cost grows."""
    from mnist_gradients.pipelines.benchmark import pipeline

    return pipeline.create_pipeline()


__all__ = ["create_pipeline"]

"""Pipelines by name: each folder of `pipelines/` is one, and the default run joins them."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

ON_DEMAND = ("benchmark", "inference")


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline by its folder's name, and `__default__`.

    The default run holds all of them but those that are run on demand.
    """
    pipelines = find_pipelines(raise_errors=True)
    pipelines["__default__"] = sum(
        (pipeline for name, pipeline in pipelines.items() if name not in ON_DEMAND), Pipeline([])
    )
    return pipelines

"""Pipelines by name: each folder of `pipelines/` is one, and the default run joins them."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

ON_DEMAND = ("ablation", "benchmark", "download", "inference")


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline by its folder's name, and `__default__`.

    The default run holds all of them but those that are run on demand.

    Raises:
        KeyError: If a pipeline that was asked for has no folder; Kedro then names those there are.
    """
    try:
        pipelines = find_pipelines(raise_errors=True)
    except ImportError as error:
        if error.__cause__ is None:  # it did not fail to import, it is not there
            raise KeyError(str(error)) from error
        raise
    pipelines["__default__"] = sum(
        (pipeline for name, pipeline in pipelines.items() if name not in ON_DEMAND), Pipeline([])
    )
    return pipelines

"""Pipelines by name: each folder of `pipelines/` is one, and the default run joins most of them."""

import warnings

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

OPTIONAL = (
    *("ablation", "benchmark", "compare_runs", "download", "ensemble", "import_data"),
    *("inference", "preprocessing_check", "scale"),
)
"""Pipelines that run only by name."""


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline by the name of its folder, and `__default__`.

    Raises:
        ImportError: If the package of a pipeline cannot be imported.
    """
    try:
        pipelines = find_pipelines(raise_errors=True)
    except ImportError as error:
        if error.__cause__ is not None:
            raise
        # No folder has the given name; Kedro answers with the nearest names.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipelines = find_pipelines()
    pipelines["__default__"] = sum(
        (pipeline for name, pipeline in pipelines.items() if name not in OPTIONAL), Pipeline([])
    )
    return pipelines

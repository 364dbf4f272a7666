"""Pipelines by name: each folder of `pipelines/` is one, and the default run joins them."""

import re
from importlib.resources import files

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

from mnist_gradients.descriptions import described
from mnist_gradients.names import unknown

ON_DEMAND = ("ablation", "benchmark", "download", "inference", "preprocessing_check")


class UnknownPipelineError(KeyError):
    """There is no pipeline of that name. Kedro expects a KeyError."""

    def __str__(self) -> str:
        return str(self.args[0])


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline by its folder's name, and `__default__`.

    The default run holds all of them but those that are run on demand.

    Raises:
        UnknownPipelineError: If a pipeline that was asked for has no folder.
    """
    try:
        found = find_pipelines(raise_errors=True)
    except ImportError as error:
        missing = re.search(r"\.pipelines\.([^']*)'", str(error))
        if error.__cause__ is not None or missing is None:  # it is there and cannot be imported
            raise
        raise UnknownPipelineError(unknown("pipeline", missing[1], _names())) from None
    pipelines = {name: described(pipeline) for name, pipeline in found.items()}
    pipelines["__default__"] = sum(
        (pipeline for name, pipeline in pipelines.items() if name not in ON_DEMAND), Pipeline([])
    )
    return pipelines


def _names() -> list[str]:
    """Return the names that a command may use for a pipeline."""
    folders = files("mnist_gradients.pipelines").iterdir()
    named = [folder.name for folder in folders if folder.is_dir()]
    return ["__default__", *(name for name in named if not name.startswith(("_", ".")))]

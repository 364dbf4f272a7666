"""Track runs with kedro-mlflow, an optional package."""

from typing import Any

import mlflow
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Node
from kedro_mlflow.framework.hooks import MlflowHook
from pydantic import BaseModel

from mnist_gradients.console.results import SUFFIX, numbers


class TrackingHooks(MlflowHook):
    """kedro-mlflow's hooks, which also log blocks of parameters, metrics and figures.

    A block is logged as its single parameters. kedro-mlflow alone would log a text for each
    Pydantic model.
    """

    @hook_impl
    def before_node_run(
        self, node: Node, catalog: CatalogProtocol, inputs: dict[str, Any], is_async: bool
    ) -> None:
        """Log the parameters of a node."""
        plain = {
            name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            for name, value in inputs.items()
        }
        self.flatten = True  # the configuration that `kedro mlflow init` writes says no
        super().before_node_run(node=node, catalog=catalog, inputs=plain, is_async=is_async)

    @hook_impl
    def after_node_run(self, outputs: dict[str, Any]) -> None:
        """Log the numbers in datasets of metrics, and figures."""
        if mlflow.active_run() is None:  # switched off for this pipeline
            return
        for name, data in outputs.items():
            if name.endswith(SUFFIX):
                mlflow.log_metrics(numbers(name.removesuffix(SUFFIX), data))
            elif hasattr(data, "savefig"):
                mlflow.log_figure(data, f"{name}.png")

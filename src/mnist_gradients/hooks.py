"""What a run says on the console: a line per node, signs of life, and a summary at the end."""

import logging
import time
from multiprocessing import parent_process
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from mnist_gradients.console.known_parameters import check_parameter_names
from mnist_gradients.heartbeat import Heartbeat

logger = logging.getLogger(__name__)

MODEL_COMPARISON = "reporting.model_comparison"
REPORT = "reporting.report"


class ConsoleHooks:
    """Tells what runs, and at the end what was found and where to look."""

    def __init__(self) -> None:
        self._n_nodes = 0
        self._n_started = 0
        self._started_at = 0.0
        self._heartbeats: dict[str, Heartbeat] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse unknown parameters."""
        check_parameter_names(context.config_loader)

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Remember how many nodes will run."""
        self._n_nodes = len(pipeline.nodes)
        self._n_started = 0
        self._started_at = time.perf_counter()

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Say which node starts, and how far the run is; from now on, that it is still running."""
        if parent_process() is None:
            self._n_started += 1
            logger.info("[%d/%d] %s", self._n_started, self._n_nodes, node.name)
        else:  # one of several processes, which does not know what the others have done
            logger.info("[in parallel] %s", node.name)
        self._heartbeats[node.name] = Heartbeat(node.name)
        self._heartbeats[node.name].start()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Stop saying so."""
        self._heartbeats.pop(node.name).stop()

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Stop saying so."""
        self._heartbeats.pop(node.name).stop()

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Say how long it took and, where models were compared, what was found."""
        seconds = time.perf_counter() - self._started_at
        logger.info("done in %.0f s", seconds)
        if MODEL_COMPARISON in pipeline.all_outputs():
            for line in summary_lines(catalog.load(MODEL_COMPARISON)):
                logger.info(line)
            logger.info("report: %s", catalog[REPORT]._filepath)


def summary_lines(model_comparison: Any) -> list[str]:
    """Return a line per model: its test error in per cent and its training time in seconds."""
    width = max(map(len, model_comparison["model"]))
    return [
        f"{'model':<{width}}  test error  training time",
        *(
            f"{row.model:<{width}}  {100 * row.test_error:8.2f} %  {row.train_seconds:11.1f} s"
            for row in model_comparison.itertuples()
        ),
    ]

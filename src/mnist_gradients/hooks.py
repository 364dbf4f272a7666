"""What happens around a run: its output on the console, its lock, its end, its checkpoints."""

import atexit
import logging
import time
from contextlib import suppress
from multiprocessing import parent_process
from pathlib import Path
from typing import Any, cast

import click
import yaml
from kedro.config import OmegaConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import LOGGING, pipelines
from kedro.io import CatalogProtocol
from kedro.io.core import get_protocol_and_path
from kedro.pipeline import Node, Pipeline

from mnist_gradients.console.errors import install_short_errors
from mnist_gradients.console.interruption import end_with_parent
from mnist_gradients.console.parameters import check_parameters, shares_outputs
from mnist_gradients.console.results import SUFFIX, models_with_results, result_lines
from mnist_gradients.core.files import remove_unfinished
from mnist_gradients.core.run_lock import RunLock

logger = logging.getLogger(__name__)

REPORT = "reporting.report"
SHOWN = (".model", ".models", SUFFIX, ".section")  # datasets from which the report is made


class ConsoleHooks:
    """Prints the progress and the results of a run, and keeps its errors short."""

    def __init__(self) -> None:
        self._n_nodes = 0
        self._n_started = 0
        self._started_at = 0.0
        self._report = ""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the output of a command short, and check the parameters.

        In a folder of the project, such as `notebooks`, Kedro does not find the project's
        configuration of the output.

        Raises:
            ParameterError: If a parameter is unknown or has a wrong value.
        """
        logging_file = context.project_path / "conf" / "logging.yml"
        if Path.cwd() != context.project_path and logging_file.exists():
            LOGGING.configure(yaml.safe_load(logging_file.read_text(encoding="utf-8")))
        if click.get_current_context(silent=True):  # a command, not a notebook or a test
            install_short_errors(context.project_path / "error.log")
        read = {}
        with suppress(ImportError):  # reported by Kedro, if the pipeline is run
            read = dict(pipelines)
        loader = cast("OmegaConfigLoader", context.config_loader)
        check_parameters(loader, read)
        if shares_outputs(loader):
            logger.warning(
                "conf/%s: outputs replace those of the default run; set data_root or run_name in "
                "its globals.yml to keep both",
                loader.env,
            )

    @hook_impl
    def after_catalog_created(self, conf_catalog: dict[str, Any]) -> None:
        """Remember the path of the report."""
        self._report = conf_catalog.get(REPORT, {}).get("filepath", "")

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Start the clock and the count of the nodes.

        Raises:
            ValueError: If the nodes would run in threads: Keras, matplotlib and plotly cannot be
                imported by several at once.
        """
        if "ThreadRunner" in run_params["runner"]:
            raise ValueError(
                "runner: found ThreadRunner, expected SequentialRunner or ParallelRunner"
            )
        self._n_nodes = len(pipeline.nodes)
        self._n_started = 0
        self._started_at = time.perf_counter()

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Print the name and the number of the node that starts."""
        if parent_process() is None:
            self._n_started += 1
            logger.info("[%d/%d] %s", self._n_started, self._n_nodes, node.name)
        else:  # a worker process cannot count the nodes of the others
            logger.info("[in parallel] %s", node.name)

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Print the time of the run, the results of its models, and where its report is."""
        seconds = time.perf_counter() - self._started_at
        logger.info("done in %.0f s", seconds)
        metrics = [name for name in pipeline.datasets() if name.endswith(SUFFIX)]
        saved = {name: catalog.load(name) for name in metrics if catalog.exists(name)}
        models = models_with_results(saved)
        for line in result_lines(models) if models else []:
            logger.info(line)
        outputs = pipeline.all_outputs()
        if REPORT in outputs:
            logger.info("report: %s", self._report)
        elif any(name.endswith(SHOWN) for name in outputs) and Path(self._report).is_file():
            logger.warning(
                "%s is of an earlier run; to write it anew: kedro run --pipelines reporting",
                self._report,
            )


class LockHooks:
    """Gives a run its data folder alone, without what killed runs left."""

    def __init__(self) -> None:
        self._lock = RunLock()
        self._context: KedroContext
        self._folder: Path

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the run's configuration."""
        self._context = context

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Lock the data folder, if it is a local one, and delete the unfinished files in it.

        Raises:
            RunLockedError: If another run holds the lock.
            ValueError: If the folder cannot be made.
        """
        loader = cast("OmegaConfigLoader", self._context.config_loader)
        data_root = (loader.runtime_params or {}).get("data_root", loader["globals"]["data_root"])
        protocol, path = get_protocol_and_path(str(data_root))
        if protocol == "file":
            self._folder = self._context.project_path / Path(path).expanduser()
            self._lock.acquire(self._folder)
            atexit.register(self._end_interrupted_run)
            remove_unfinished(self._folder)

    def _end_interrupted_run(self) -> None:
        """Delete what the processes of the run were writing, and unlock the data folder."""
        if self._lock.is_held:
            remove_unfinished(self._folder)
            self._lock.release()

    @hook_impl
    def before_node_run(self) -> None:
        """Let a worker process end with the run."""
        end_with_parent()

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Unlock the data folder."""
        self._lock.release()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Unlock the data folder."""
        self._lock.release()


class CheckpointHooks:
    """Deletes the checkpoints of trainings whose metrics are saved, and those left for long."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Delete the checkpoints of the trainings that this run has evaluated."""
        from mnist_gradients.training.checkpoints import Checkpoint, remove_abandoned

        outputs = pipeline.all_outputs()
        trainings = []
        if "fnn.metrics" in outputs:
            name = catalog.load("fnn.metrics")["training"]
            trainings.append((catalog.load("params:fnn"), name))
        if "ensemble.metrics" in outputs:
            network = catalog.load("params:ensemble").network
            names = catalog.load("ensemble.metrics")["trainings"]
            trainings += [(network, name) for name in names]
        for parameters, name in trainings:
            Checkpoint(parameters.checkpoints.folder, name).remove()
            remove_abandoned(parameters.checkpoints.folder)

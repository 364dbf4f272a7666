"""A Kedro runner that runs nodes on the workers of a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import cache
from typing import Any

from kedro.framework import project
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro.runner import AbstractRunner
from kedro.runner.task import Task

from mnist_gradients.maths.checking import mismatch
from mnist_gradients.maths.rows.threads import available_cores

try:
    import dask
    from distributed import Client, LocalCluster
    from distributed.cfexecutor import ClientExecutor

    from mnist_gradients.core.dask_parts import reaching_scheduler
except ImportError:
    raise ImportError("dask: found no such package, expected the extra `dask` installed") from None

logger = logging.getLogger("mnist_gradients")
logging.getLogger(__name__).setLevel(logging.WARNING)  # Kedro's two lines for each node
logging.getLogger("distributed").setLevel(logging.ERROR)


class DaskRunner(AbstractRunner):
    """Runs each node on a worker of a Dask cluster as soon as its inputs are there.

    Workers load and save through the catalog, whose files they must share. They run the hooks of
    the project for nodes and datasets, and print the messages. A node whose worker is lost runs
    again on another. ::

        kedro run --runner mnist_gradients.runner.DaskRunner --runner-params address=tcp://...

    Args:
        address: Address of the scheduler; None for one worker per core on this machine.
        is_async: Whether a node loads and saves its data with threads.
    """

    def __init__(self, address: str | None = None, is_async: bool = False) -> None:
        super().__init__(is_async=is_async)
        self._address = address
        self._client: Client | None = None

    def _run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol,
        hook_manager: Any = None,  # noqa: ARG002 - each worker makes its own
        run_id: str | None = None,
    ) -> None:
        """Run the nodes.

        Raises:
            ValueError: If an output has no entry in the catalog, so that workers cannot share it.
            ConnectionError: If the scheduler is lost.
        """
        outputs = sorted(pipeline.all_outputs())
        in_memory = [name for name in outputs if isinstance(catalog.get(name), MemoryDataset)]
        if in_memory:
            names = ", ".join(in_memory)
            raise mismatch("DaskRunner", f"{names} in memory only", "catalog entries with a file")
        with self._connected(), reaching_scheduler():
            super()._run(pipeline, catalog, run_id=run_id)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Connect to the cluster, or to one of this run's own."""
        # Dask's default environment holds BLAS to one thread, which changes bits.
        with dask.config.set({"distributed.nanny.pre-spawn-environ": {}}):
            cluster = self._address or LocalCluster(
                n_workers=available_cores(), threads_per_worker=1, dashboard_address="127.0.0.1:0"
            )
        with Client(cluster) as self._client:
            logger.info("dashboard of the workers: %s", self._client.dashboard_link)
            try:
                yield
            finally:
                if isinstance(cluster, LocalCluster):
                    cluster.close()

    def _get_executor(self, max_workers: int) -> Executor:  # noqa: ARG002 - the cluster's size
        """What runs the nodes."""
        return _NodeExecutor(self._client, pure=False)


class _NodeExecutor(ClientExecutor):
    """Runs Kedro's tasks on Dask's workers."""

    def submit(  # type: ignore[override]  # Kedro passes tasks only
        self, task: Task
    ) -> Future[Node]:
        """Run a task on some worker."""
        return super().submit(_execute, task, project.PACKAGE_NAME)


def _execute(task: Task, package_name: str) -> Node:
    """Run a task on this worker, with the hooks of the project."""
    _configure_once(package_name)
    task.hook_manager = Task._run_node_synchronization()
    return task.execute()


_configure_once = cache(project.configure_project)

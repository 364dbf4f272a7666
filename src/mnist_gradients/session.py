"""The session of this project's commands: short errors, and every name checked before it is used.

A name that was mistyped on the command line (an environment, a pipeline, a node, a data set, a tag)
is answered with the nearest right one.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline

from mnist_gradients.console.errors import install_short_errors
from mnist_gradients.names import unknown


class ProjectSession(KedroSession):
    """A Kedro session that answers a mistyped name with the nearest right one."""

    @classmethod
    def create(cls, *args: Any, **options: Any) -> "ProjectSession":
        """Create a session, as Kedro does, after a look at the environment's name.

        Raises:
            ValueError: If there is no such environment.
        """
        session = super().create(*args, **options)
        if click.get_current_context(silent=True):  # a command, no notebook and no test
            install_short_errors(session._project_path / "error.log")
        check_environment(Path(session._conf_source), session.store.get("env"))
        return session  # type: ignore[return-value]  # Kedro says KedroSession and means cls

    def run(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Run a part of the project, as Kedro does, after a look at the names that choose it.

        Raises:
            KeyError: If there is no pipeline of that name.
            ValueError: If one of the other names does not exist.
        """
        check_selection(find_pipeline(options.get("pipeline_names")), options)
        return super().run(*args, **options)


def check_environment(conf: Path, environment: str | None) -> None:
    """Check that an environment has its folder in the folder of configuration.

    Raises:
        ValueError: If it has not.
    """
    if environment is None or not conf.is_dir():  # an archive or a remote place: Kedro will see
        return
    known = [folder.name for folder in conf.iterdir() if folder.is_dir()]
    if not (conf / environment).is_dir():
        raise ValueError(unknown("environment", environment, known))


def find_pipeline(names: Iterable[str] | None) -> Pipeline:
    """Return the sum of the named pipelines; without names the default one.

    Raises:
        UnknownPipelineError: If there is no pipeline of one of the names.
    """
    requested = list(names or [])
    pipelines.set_requested(requested or None)  # Kedro then imports these alone
    return sum((pipelines[name] for name in requested or ["__default__"]), Pipeline([]))


def check_selection(pipeline: Pipeline, options: Mapping[str, Any]) -> None:
    """Check that a pipeline has whatever the options of a run choose from it.

    Raises:
        ValueError: If it has not; the message names the nearest that it has.
    """
    nodes = {node.name for node in pipeline.nodes}
    datasets = pipeline.datasets()
    tags = {tag for node in pipeline.nodes for tag in node.tags}
    namespaces = {prefix for node in pipeline.nodes for prefix in node.namespace_prefixes}
    for option, what, known in (
        ("node_names", "node", nodes),
        ("from_nodes", "node", nodes),
        ("to_nodes", "node", nodes),
        ("from_inputs", "data set", datasets),
        ("to_outputs", "data set", datasets),
        ("load_versions", "data set", datasets),
        ("tags", "tag", tags),
        ("namespaces", "namespace", namespaces),
    ):
        for name in options.get(option) or ():
            if name not in known:
                raise ValueError(unknown(what, name, known))

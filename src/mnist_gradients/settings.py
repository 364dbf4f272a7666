"""Kedro settings: configuration loader and hooks."""

import os.path
import sys
import threading
from importlib.util import find_spec

from mnist_gradients.console.interruption import end_by_interruption, is_run

# Before the imports below: Kedro imports this module first. Dask's workers import it in a thread.
if is_run(sys.argv) and threading.current_thread() is threading.main_thread():
    end_by_interruption()

from mnist_gradients.console.parameters import run_root
from mnist_gradients.hooks import CheckpointHooks, ConsoleHooks, LockHooks

HOOKS = [ConsoleHooks(), CheckpointHooks(), LockHooks()]  # the last one comes first
if find_spec("kedro_mlflow"):
    from mnist_gradients.console.tracking import TrackingHooks

    HOOKS.insert(0, TrackingHooks())
    DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)  # the hooks above contain its own

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment overrides single parameters; without this it would replace whole blocks.
    "merge_strategy": {"parameters": "soft"},
    "custom_resolvers": {
        # `~` in a path. An error of the parameters reports a path that is none.
        "expanduser": lambda path: os.path.expanduser(str(path)),
        "run_root": run_root,
    },
}

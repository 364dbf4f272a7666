"""Kedro settings: configuration loading, session and hooks."""

from kedro.config import OmegaConfigLoader

from mnist_gradients.hooks import ConsoleHooks
from mnist_gradients.session import ProjectSession

HOOKS = (ConsoleHooks(),)
SESSION_CLASS = ProjectSession

CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment overrides single parameters; without this it would replace whole blocks.
    "merge_strategy": {"parameters": "soft"},
}

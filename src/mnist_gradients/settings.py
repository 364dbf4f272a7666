"""Kedro settings: configuration loading and hooks."""

from kedro.config import OmegaConfigLoader

from mnist_gradients.hooks import ConsoleHooks

HOOKS = (ConsoleHooks(),)

CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment overrides single parameters; without this it would replace whole blocks.
    "merge_strategy": {"parameters": "soft"},
}

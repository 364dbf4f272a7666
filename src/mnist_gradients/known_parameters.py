"""Refuse parameters that nothing reads: a misspelt name would change nothing, and in silence."""

from collections.abc import Mapping
from typing import Any

from kedro.config import AbstractConfigLoader, OmegaConfigLoader


def check_parameter_names(config_loader: AbstractConfigLoader) -> None:
    """Check that each parameter of this run, from whichever source, has a place in conf/base.

    Raises:
        ValueError: If one has not, or stands where a block of parameters should.
    """
    base = OmegaConfigLoader(config_loader.conf_source, base_env="base", default_run_env="base")
    _check(config_loader["parameters"], {**base["parameters"], **base["globals"]})


def _check(found: Mapping[str, Any], known: Mapping[str, Any], parent: str = "") -> None:
    """Check the names of a block of parameters, and of the blocks inside it.

    Where a block holds anything but blocks, its Pydantic model checks the names.
    """
    for name, value in found.items():
        if name not in known:
            raise ValueError(
                f"parameter {parent}{name}: found no parameter of that name, "
                f"expected one of {', '.join(sorted(known))}"
            )
        if not isinstance(known[name], Mapping):
            continue
        if not isinstance(value, Mapping):
            raise ValueError(
                f"parameter {parent}{name}: found {value!r}, "
                f"expected a block of parameters: {', '.join(known[name])}"
            )
        if all(isinstance(inside, Mapping) for inside in known[name].values()):
            _check(value, known[name], f"{parent}{name}.")

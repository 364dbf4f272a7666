"""Refuse parameters that nothing reads: a misspelt name would change nothing, and in silence."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args, get_origin

from kedro.config import AbstractConfigLoader
from omegaconf import OmegaConf
from pydantic import BaseModel

from mnist_gradients.names import suggestion


def check_parameter_names(config_loader: AbstractConfigLoader) -> None:
    """Check that each parameter of this run, from whichever source, has a place in conf/base.

    Raises:
        ValueError: If one has not, or stands where a block of parameters should.
    """
    # Not by a loader of its own: a second one takes `${globals:}` away from the first.
    base = Path(config_loader.conf_source) / "base"
    files = [path for kind in ("globals", "parameters") for path in base.rglob(f"{kind}*.yml")]
    known = OmegaConf.to_container(OmegaConf.merge(*map(OmegaConf.load, files)))
    _check(config_loader["parameters"], cast("Mapping[str, Any]", known))


def _check(found: Mapping[str, Any], known: Mapping[str, Any], parent: str = "") -> None:
    """Check the names of a block of parameters, and of the blocks inside it.

    Where a block holds anything but blocks, its Pydantic model checks the names.
    """
    for name, value in found.items():
        if name not in known:
            raise ValueError(
                f"parameter {parent}{name}: found no parameter of that name, "
                f"expected one of {', '.join(sorted(known))}{suggestion(name, known)}"
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


def fields_beside(model: Any, path: Sequence[str]) -> set[str]:
    """Return the names of the fields among which a parameter should be one.

    Args:
        model: A Pydantic model, or a type made of some, as in ``dict[str, Model] | None``.
        path: The names and positions that lead from the model to the parameter, its own last.

    Returns:
        The names; none if the path leads away from all models.
    """
    if isinstance(model, type) and issubclass(model, BaseModel):
        fields = model.model_fields
        if len(path) == 1:
            return set(fields)
        return fields_beside(fields[path[0]].annotation, path[1:]) if path[0] in fields else set()
    is_container = get_origin(model) in (dict, list, tuple)
    rest = path[1:] if is_container else path
    return set().union(*(fields_beside(part, rest) for part in get_args(model) if rest))

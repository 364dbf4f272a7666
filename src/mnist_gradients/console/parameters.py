"""Check all parameters before a run.

Kedro ignores parameters that no node reads, and reports the others in several lines of text.
"""

import re
from collections.abc import Mapping, Sequence
from copy import copy
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from kedro.config import OmegaConfigLoader
from kedro.pipeline import Pipeline
from kedro.validation import TypeExtractor
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mnist_gradients.console.renamed_parameters import RENAMED
from mnist_gradients.maths.checking import mismatch

LONGEST_VALUE = 60
"""Characters of a value that an error message shows."""

PATHS = ("data_root", "raw_root", "inference.folder", "import_data.source")
"""Parameters that are paths."""


class ParameterError(ValueError):
    """Wrong parameters, one line each."""


def check_parameters(loader: OmegaConfigLoader, pipelines: Mapping[str, Pipeline]) -> None:
    """Check the names of all parameters, and the values of those that some pipelines read.

    Args:
        loader: The parameters of this run, from files and from the command line.
        pipelines: Pipelines by name; the annotations of their nodes hold the Pydantic models.

    Raises:
        ParameterError: If a parameter is unknown or has a wrong value.
    """
    loader["parameters"] = parameters = loader["parameters"]  # for Kedro, which reads them again
    messages = unknown_names(parameters, known_parameters(loader))
    messages += wrong_paths(loader["globals"] | parameters)
    messages += wrong_seed(parameters.get("seed", 0))
    if not messages:
        models = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
        for path, model in models.items():
            messages += wrong_values(path, _value_at(path, parameters), model)
    if messages:
        raise ParameterError("\n".join(messages))


def run_root(data_root: str, run_name: str) -> str:
    """Return the folder of a run's outputs; a run with a name has its own in ``data_root``.

    Raises:
        ValueError: If the name is not that of a single folder.
    """
    if not run_name:
        return data_root
    if not re.fullmatch(r"[\w-][\w.-]*", str(run_name)):
        expected = "letters, digits, dots, dashes and underscores"
        raise mismatch("parameter run_name", repr(run_name), expected)
    return f"{data_root}/runs/{run_name}"


def shares_outputs(loader: OmegaConfigLoader) -> bool:
    """Whether an environment writes over the outputs of the default run."""
    if loader.env in (None, loader.base_env, loader.default_run_env):
        return False
    given, base = loader.runtime_params or {}, _base(loader)["globals"]
    found = [given.get(name, loader["globals"][name]) for name in ("data_root", "run_name")]
    return found == [base["data_root"], base["run_name"]]


def known_parameters(loader: OmegaConfigLoader) -> dict[str, Any]:
    """Return the parameters and globals of the base environment, in a folder or an archive.

    The globals in the block ``shared`` are left out: the command line does not reach them.
    """
    base = _base(loader)
    own = {name: value for name, value in base["globals"].items() if name != "shared"}
    return own | base["parameters"]


def _base(loader: OmegaConfigLoader) -> OmegaConfigLoader:
    """The loader of the base environment alone."""
    # A copy shares the resolver of `${globals:}`; a new loader would replace it.
    base = copy(loader)
    base.env, base.runtime_params, base.data = base.base_env, {}, {}
    return base


def unknown_names(
    found: Mapping[str, Any], known: Mapping[str, Any], parent: str = ""
) -> list[str]:
    """Return an error message for each parameter that base lacks.

    Blocks inside blocks are searched as long as a block holds nothing but blocks; the names in
    the other blocks are checked by their Pydantic models.
    """
    messages = []
    for name, value in found.items():
        path = f"{parent}{name}"
        inside = known.get(name)
        if name not in known:
            messages.append(_unknown(path, value, known))
        elif isinstance(inside, Mapping):
            if not isinstance(value, Mapping):
                expected = f"a block of parameters: {', '.join(inside)}"
                messages.append(f"parameter {path}: found {value!r}, expected {expected}")
            elif all(isinstance(block, Mapping) for block in inside.values()):
                messages += unknown_names(value, inside, f"{path}.")
    return messages


def wrong_paths(values: Mapping[str, Any]) -> list[str]:
    """Return an error message for each path that is no text, or empty."""
    paths = {path: _value_at(path, values) for path in PATHS if path.split(".")[0] in values}
    return [
        f"parameter {path}: found {value!r}, expected a path"
        for path, value in paths.items()
        if not (isinstance(value, str) and value.strip())
    ]


def wrong_seed(seed: object) -> list[str]:
    """Return an error message if a seed is none of NumPy's legacy generators."""
    if type(seed) is int and 0 <= seed < 2**32:
        return []
    return [f"parameter seed: found {seed!r}, expected an integer from 0 to {2**32 - 1}"]


def wrong_values(path: str, value: Any, model: Any) -> list[str]:
    """Return an error message for each parameter of a block that its Pydantic model refuses.

    Args:
        path: Dotted name of the block.
        value: The block; None if there is none, which Kedro itself reports.
        model: Its type; other types than Pydantic models are left to Kedro.
    """
    if value is None or not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [_message(path, details, model) for details in error.errors()]
    return []


def _message(path: str, details: ErrorDetails, model: type[BaseModel]) -> str:
    """Return one error of Pydantic as ``parameter name: found X, expected Y``."""
    inside = [str(part) for part in details["loc"]]
    path = ".".join([path, *inside])
    if details["type"] == "extra_forbidden":
        return _unknown(path, details["input"], fields_beside(model, inside))
    if details["type"] == "missing":
        return f"parameter {path}: found nothing, expected a value"
    if details["type"] == "value_error":  # raised by a model of this project
        return f"parameter {path}: {details['ctx']['error']}"
    expected = details["msg"].removeprefix("Input should be ")
    if details["type"] == "tuple_type":
        expected = f"a list, such as [{details['input']}]"
    return f"parameter {path}: found {_short(details['input'])}, expected {expected}"


def _unknown(path: str, value: object, known: Mapping[str, Any] | set[str]) -> str:
    """Return the error message for a parameter that does not exist."""
    if path in RENAMED:
        return f"parameter {path}: found an old name, expected {RENAMED[path]}"
    if not known:
        return f"parameter {path}: found {_short(value)}, expected no such parameter"
    nearest = get_close_matches(path.rpartition(".")[2], known, n=1)
    expected = (
        f"a known one such as {nearest[0]}" if nearest else f"one of {', '.join(sorted(known))}"
    )
    return f"parameter {path}: found an unknown name, expected {expected}"


def fields_beside(model: Any, path: Sequence[str]) -> set[str]:
    """Return the names of the fields that may stand where a parameter stands.

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


def _value_at(path: str, parameters: Mapping[str, Any]) -> Any:
    """Return the value of a dotted name; None if there is none."""
    value: Any = parameters
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _short(value: object) -> str:
    """Return a value as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."

"""Kedro's command `run`, whose option `--params` takes lists and any path."""

import json
import re
from typing import Any

import click
from kedro.framework.cli.project import run
from omegaconf import OmegaConf
from yaml import YAMLError

PATH_NAMES = ("root", "folder", "source", "run_name")
"""Ends of the names of parameters that are paths, or the name of a folder."""

_nested = ""
for _ in range(5):  # brackets inside brackets
    _nested = rf"(?:[^\[\]{{}}]|[\[{{]{_nested}[\]}}])*"
_ITEMS = re.compile(rf"""(?:[\[{{]{_nested}[\]}}]|"[^"]*"|'[^']*'|[^,])+""")


def read_parameters(
    context: click.Context,  # noqa: ARG001 - click's signature
    option: click.Parameter,  # noqa: ARG001
    text: str | dict[str, Any],
) -> dict[str, Any]:
    """Return the parameters of `--params`, which Kedro splits at every comma.

    Commas in brackets and in quotes stay. Values are YAML, except that of a path, which is text
    (``007`` is a folder, and ``#`` begins no comment) unless it is ``null``.

    Args:
        context: Click's context.
        option: The option.
        text: Items ``name=value``, separated by commas; or the block of a file of `--config`.

    Raises:
        BadParameter: If an item is no ``name=value``, or a value no YAML.
    """
    if isinstance(text, dict):
        return text
    items = []
    for item in filter(None, map(str.strip, _ITEMS.findall(text))):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not (name and equals):
            expected = "name=value; a list in brackets, such as 'fnn.hidden_units=[64,32]'"
            raise click.BadParameter(f"found {item!r}, expected {expected}")
        is_text = name.endswith(PATH_NAMES) and value != "null" and not value.startswith(("'", '"'))
        items.append(f"{name}={json.dumps(value, ensure_ascii=False) if is_text else value}")
    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist(items))  # type: ignore[return-value]
    except YAMLError as error:
        reason = " ".join(str(error).split())
        raise click.BadParameter(f"found {text!r} ({reason}), expected values in YAML") from error


for _option in run.params:
    if _option.name == "params":
        _option.callback = read_parameters

cli = click.Group(commands={"run": run})

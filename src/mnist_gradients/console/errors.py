"""Short errors on the console: one line that says what was found and what was expected.

The full traceback goes to a file.
"""

import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from kedro.framework.project import pipelines
from kedro.validation.exceptions import ParameterValidationError
from kedro.validation.type_extractor import TypeExtractor

from mnist_gradients.console.known_parameters import fields_beside
from mnist_gradients.names import suggestion

# What Kedro and Pydantic say of a parameter that is not as its model wants it.
_PARAMETER = re.compile(r"^- Parameter '(?P<parameter>[^']+)'", re.MULTILINE)
_COMPLAINT = re.compile(
    r"^(?P<key>\S+)\n  (?P<expected>.+) \[type=(?P<type>\w+), "
    r"input_value=(?P<found>.*), input_type=\w+\]$",
    re.MULTILINE,
)


def short_message(error: BaseException, models: Mapping[str, type] | None = None) -> str:
    """Return what an error says; a line per complaint about a parameter.

    Args:
        error: The error.
        models: Path of a block of parameters to its Pydantic model; they know the right name of a
            mistyped parameter.
    """
    if isinstance(error, ImportError) and (cause := error.__cause__):  # Kedro says only where
        return f"{error} {type(cause).__name__}: {cause}"
    if not isinstance(error, ParameterValidationError):
        return str(error) or type(error).__name__
    text = str(error)
    starts = list(_PARAMETER.finditer(text))
    ends = [*(start.start() for start in starts[1:]), len(text)]
    lines = [
        f"parameter {start['parameter']}.{complaint['key']}: "
        + _words(complaint, (models or {}).get(start["parameter"]))
        for start, end in zip(starts, ends, strict=False)
        for complaint in _COMPLAINT.finditer(text, start.end(), end)
    ]
    return "\n".join(lines) or text


def _words(complaint: re.Match[str], model: type | None) -> str:
    """Return what a complaint found and expected."""
    if complaint["type"] == "value_error":  # in the words of one of this project's models
        return complaint["expected"].removeprefix("Value error, ")
    if complaint["type"] != "extra_forbidden":
        return f"found {complaint['found']}, expected: {complaint['expected']}"
    path = complaint["key"].split(".")
    nearest = suggestion(path[-1], fields_beside(model, path))
    return f"found {complaint['found']}, expected: no parameter of that name{nearest}"


def install_short_errors(log_file: Path) -> None:
    """Let an error that ends the process print its message alone; the rest goes to `log_file`."""

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, Exception):  # such as KeyboardInterrupt
            sys.__excepthook__(kind, error, trace)
            return
        try:
            log_file.write_text("".join(traceback.format_exception(kind, error, trace)))
        except OSError:  # such as a folder that is read-only: nothing must be lost
            sys.__excepthook__(kind, error, trace)
            return
        models = {}
        if isinstance(error, ParameterValidationError):
            models = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
        message = short_message(error, models)
        sys.stderr.write(f"Full traceback: {log_file}\n{kind.__name__}: {message}\n")

    sys.excepthook = report

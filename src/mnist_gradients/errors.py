"""Short errors on the console: one line that says what was found and what was expected.

The full traceback goes to a file.
"""

import re
import sys
import traceback
from pathlib import Path
from types import TracebackType

from kedro.validation.exceptions import ParameterValidationError

# What Kedro and Pydantic say of a parameter that is not as its model wants it.
_PARAMETER = re.compile(r"^- Parameter '(?P<parameter>[^']+)'", re.MULTILINE)
_COMPLAINT = re.compile(
    r"^(?P<key>\S+)\n  (?P<expected>.+) \[type=(?P<type>\w+), "
    r"input_value=(?P<found>.*), input_type=\w+\]$",
    re.MULTILINE,
)


def short_message(error: BaseException) -> str:
    """Return what an error says; a line per complaint about a parameter."""
    if not isinstance(error, ParameterValidationError):
        return str(error) or type(error).__name__
    text = str(error)
    starts = list(_PARAMETER.finditer(text))
    ends = [*(start.start() for start in starts[1:]), len(text)]
    lines = [
        f"parameter {start['parameter']}.{complaint['key']}: {_words(complaint)}"
        for start, end in zip(starts, ends, strict=False)
        for complaint in _COMPLAINT.finditer(text, start.end(), end)
    ]
    return "\n".join(lines) or text


def _words(complaint: re.Match[str]) -> str:
    """Return what a complaint found and expected."""
    if complaint["type"] == "value_error":  # in the words of one of this project's models
        return complaint["expected"].removeprefix("Value error, ")
    unknown = complaint["type"] == "extra_forbidden"
    expected = "no parameter of that name" if unknown else complaint["expected"]
    return f"found {complaint['found']}, expected: {expected}"


def install_short_errors(log_file: Path) -> None:
    """Let an error that ends the process print its message alone; the rest goes to `log_file`."""

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, Exception):  # such as KeyboardInterrupt
            sys.__excepthook__(kind, error, trace)
            return
        log_file.write_text("".join(traceback.format_exception(kind, error, trace)))
        sys.stderr.write(f"Full traceback: {log_file}\n{kind.__name__}: {short_message(error)}\n")

    sys.excepthook = report

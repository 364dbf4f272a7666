"""Short errors on the console: the message in the last line, the traceback in a file."""

import atexit
import logging
import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

from mnist_gradients.console.parameters import ParameterError


def short_message(error: BaseException) -> str:
    """Return the message of an error in one line; one line for each wrong parameter.

    An ``ImportError`` of Kedro names only the module; its cause is added.
    """
    if isinstance(error, ParameterError):
        return str(error)
    message = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ImportError) and (cause := error.__cause__):
        message += f" {type(cause).__name__}: {cause}"
    return message


def install_short_errors(log_file: Path) -> None:
    """Print only the message of an error that ends the process; the traceback goes to a file.

    A command whose output is cut off, as in ``kedro run | head``, goes on in silence; the logging
    module would print a traceback for every line.
    """
    logging.raiseExceptions = False
    atexit.register(discard_unread_output)

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, Exception):  # such as KeyboardInterrupt
            sys.__excepthook__(kind, error, trace)
            return
        try:
            log_file.write_text("".join(traceback.format_exception(kind, error, trace)))
            place = str(log_file)
        except OSError as problem:  # such as a read-only folder or a full disk
            place = f"not written ({problem})"
        sys.stderr.write(f"Full traceback: {place}\n{kind.__name__}: {short_message(error)}\n")

    sys.excepthook = report


def discard_unread_output() -> None:
    """Let Python end in silence where no one reads the rest of the output.

    Source: Python's documentation of the module ``signal``, "Note on SIGPIPE".
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

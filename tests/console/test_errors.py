import sys

import pytest
from kedro.io import DatasetError

from mnist_gradients.console.errors import install_short_errors, short_message
from mnist_gradients.console.parameters import ParameterError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DatasetError("x.gz: found no such file"), "x.gz: found no such file"),
        (ValueError("Did you mean one of these instead?\n    fnn"), "Did you mean one of these"),
        (KeyError(), "KeyError"),
        (ImportError("no module x"), "no module x"),
        (ParameterError("parameter a: found 1\nparameter b: found 2"), "parameter a: found 1\n"),
    ],
)
def test_message_is_one_line_for_each_thing_that_is_wrong(error, message):
    assert short_message(error).startswith(message)
    assert short_message(error).count("\n") == message.count("\n")


def test_pipeline_that_cannot_be_imported_is_reported_with_its_cause():
    error = ImportError("An error occurred while importing the 'x' module.")
    error.__cause__ = SyntaxError("invalid syntax")
    assert short_message(error) == f"{error} SyntaxError: invalid syntax"


@pytest.fixture
def report(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    install_short_errors(tmp_path / "error.log")
    return lambda error: sys.excepthook(type(error), error, error.__traceback__)


def test_message_comes_last_and_the_traceback_goes_to_the_file(report, tmp_path, capsys):
    try:
        int("x")
    except ValueError as error:
        report(error)
    assert capsys.readouterr().err == (
        f"Full traceback: {tmp_path / 'error.log'}\n"
        "ValueError: invalid literal for int() with base 10: 'x'\n"
    )
    text = (tmp_path / "error.log").read_text()
    assert text.startswith("Traceback")
    assert 'int("x")' in text


def test_message_is_short_even_where_no_file_can_be_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    install_short_errors(tmp_path / "no such folder" / "error.log")
    sys.excepthook(ValueError, ValueError("found 1, expected 2"), None)
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("Full traceback: not written ([Errno 2] No such file")
    assert last == "ValueError: found 1, expected 2"


def test_interruption_by_the_user_is_left_to_python(report, tmp_path, capsys):
    report(KeyboardInterrupt())
    assert capsys.readouterr().err.strip() == "KeyboardInterrupt"
    assert not (tmp_path / "error.log").exists()

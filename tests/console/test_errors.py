import sys
from typing import Literal

import pytest
from kedro.io import DatasetError
from kedro.pipeline import Node, Pipeline
from kedro.validation.exceptions import ParameterValidationError
from kedro.validation.parameter_validator import ParameterValidator
from pydantic import BaseModel, ConfigDict, PositiveFloat, field_validator

from mnist_gradients.console import errors
from mnist_gradients.console.errors import install_short_errors, short_message


class Solver(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rate: PositiveFloat
    kind: Literal["a", "b"] = "a"

    @field_validator("kind")
    @classmethod
    def _is_not_b(cls, kind):
        if kind == "b":
            raise ValueError("found 'b', expected 'a'")
        return kind


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    solvers: dict[str, Solver]


def use(model: Model):
    return model


def complaint(*solvers):
    """What Kedro itself says of the parameters of these solvers."""
    names = ["fnn", "other"][: len(solvers)]
    pipeline = Pipeline([Node(use, f"params:{name}", f"{name}_used", name=name) for name in names])
    parameters = {
        name: {"solvers": {"s": solver}} for name, solver in zip(names, solvers, strict=True)
    }
    with pytest.raises(ParameterValidationError) as caught:
        ParameterValidator({"p": pipeline}).validate_raw_params(parameters)
    return caught.value


@pytest.mark.parametrize(
    ("solver", "line"),
    [
        (
            {"rate": -1},
            "parameter fnn.solvers.s.rate: found -1, expected: Input should be greater than 0",
        ),
        (
            {"rate": "fast"},
            "parameter fnn.solvers.s.rate: found 'fast', expected: "
            "Input should be a valid number, unable to parse string as a number",
        ),
        (
            {"rate": 1, "rat": 2},
            "parameter fnn.solvers.s.rat: found 2, expected: no parameter of that name",
        ),
        (
            {"rate": 1, "kind": "b"},
            "parameter fnn.solvers.s.kind: found 'b', expected 'a'",
        ),
        ({}, "parameter fnn.solvers.s.rate: found {}, expected: Field required"),
    ],
)
def test_complaint_about_a_parameter_is_one_line(solver, line):
    assert short_message(complaint(solver)) == line


def test_every_complaint_has_its_line():
    lines = short_message(complaint({"rate": -1, "rat": 0}, {"rate": 0})).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "parameter fnn.solvers.s.rate",
        "parameter fnn.solvers.s.rat",
        "parameter other.solvers.s.rate",
    ]


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            {"rate": 1, "rat": 2},
            "parameter fnn.solvers.s.rat: found 2, expected: no parameter of that name; "
            "did you mean rate?",
        ),
        (
            {"rate": 1, "penguins": 2},
            "parameter fnn.solvers.s.penguins: found 2, expected: no parameter of that name",
        ),
    ],
)
def test_mistyped_parameter_is_answered_with_the_nearest(found, line):
    assert short_message(complaint(found), models={"fnn": Model}) == line


def test_other_errors_say_what_they_say():
    assert short_message(DatasetError("x.gz: found no such file")) == "x.gz: found no such file"
    assert short_message(KeyError()) == "KeyError"
    assert short_message(ImportError("no module x")) == "no module x"
    assert short_message(ParameterValidationError("unforeseen words")) == "unforeseen words"


def test_pipeline_that_cannot_be_imported_says_why():
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


def test_command_knows_the_models_of_the_pipelines_and_suggests_a_name(report, monkeypatch, capsys):
    pipeline = Pipeline([Node(use, "params:fnn", "used", name="use")])
    monkeypatch.setattr(errors, "pipelines", {"fnn": pipeline})
    report(complaint({"rate": 1, "knd": "a"}))
    assert capsys.readouterr().err.endswith("no parameter of that name; did you mean kind?\n")


def test_traceback_is_not_lost_where_no_file_can_be_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    install_short_errors(tmp_path / "no such folder" / "error.log")
    error = ValueError("found 1, expected 2")
    sys.excepthook(ValueError, error, None)
    assert capsys.readouterr().err == "ValueError: found 1, expected 2\n"


def test_interruption_by_the_user_is_left_to_python(report, tmp_path, capsys):
    report(KeyboardInterrupt())
    assert capsys.readouterr().err.strip() == "KeyboardInterrupt"
    assert not (tmp_path / "error.log").exists()

import re

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from pydantic import BaseModel

from mnist_gradients.console.known_parameters import check_parameter_names, fields_beside

BASE = {
    "seed": 0,
    "fnn": {"epochs": 16, "widths": [64]},
    "tasks": {"binary": {"l2": 0.1, "solvers": {"lbfgs": {}}}, "multinomial": {"l2": 0.2}},
}


@pytest.fixture
def check(tmp_path):
    """Checks the parameters of a project made of BASE, an environment, and those of the run."""

    def check(environment=None, runtime=None):
        for name, content in (("base", BASE), ("local", environment or {})):
            (tmp_path / name).mkdir()
            (tmp_path / name / "parameters.yml").write_text(yaml.safe_dump(content))
        (tmp_path / "base" / "globals.yml").write_text("data_root: data\n")
        loader = OmegaConfigLoader(
            str(tmp_path),
            base_env="base",
            default_run_env="local",
            runtime_params=runtime,
            merge_strategy={"parameters": "soft"},
        )
        check_parameter_names(loader)

    return check


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"seed": 1},
        {"fnn": {"epochs": 2}},
        {"fnn": {"epoch": 2}},  # a name that the model of fnn will refuse
        {"tasks": {"binary": {"l2": 0.3, "solvers": {"newton": {}}}}},
        {"tasks": {"binary": {"l1": 0.3}}},  # likewise
    ],
)
def test_names_in_base_or_inside_a_block_with_a_model_pass(check, parameters):
    check(environment=parameters, runtime=parameters)


def test_globals_can_be_given_for_a_run(check):
    check(runtime={"data_root": "/elsewhere"})


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            {"fn": {"epochs": 2}},
            "parameter fn: found no parameter of that name, "
            "expected one of data_root, fnn, seed, tasks; did you mean fnn?",
        ),
        (
            {"tasks": {"binry": {"l2": 0.3}}},
            "parameter tasks.binry: found no parameter of that name, "
            "expected one of binary, multinomial; did you mean binary?",
        ),
        (
            {"fnn": 3},
            "parameter fnn: found 3, expected a block of parameters: epochs, widths",
        ),
        (
            {"tasks": {"binary": None}},
            "parameter tasks.binary: found None, expected a block of parameters: l2, solvers",
        ),
    ],
)
@pytest.mark.parametrize("source", ["environment", "runtime"])
def test_other_names_are_refused_from_whichever_source(check, source, parameters, words):
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        check(**{source: parameters})


class Solver(BaseModel):
    step: float


class Task(BaseModel):
    name: str
    solvers: dict[str, Solver]
    reference: Solver | None = None


class Race(BaseModel):
    gap: float
    tasks: tuple[Task, ...]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("gpa", {"gap", "tasks"}),
        ("tasks.0.nme", {"name", "solvers", "reference"}),
        ("tasks.1.solvers.lbfgs.stp", {"step"}),
        ("tasks.1.reference.stp", {"step"}),
        ("gap.stp", set()),  # a number has no fields
        ("task.0.name", set()),
        ("tasks", {"gap", "tasks"}),
    ],
)
def test_fields_beside_a_parameter_are_those_of_the_model_it_is_in(path, fields):
    assert fields_beside(Race, path.split(".")) == fields

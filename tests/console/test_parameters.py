import re
import tarfile
from typing import Literal

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.pipeline import Node, Pipeline
from pydantic import BaseModel, ConfigDict, PositiveFloat, field_validator

from mnist_gradients.console import parameters
from mnist_gradients.console.parameters import (
    ParameterError,
    check_parameters,
    fields_beside,
    known_parameters,
    run_root,
    shares_outputs,
)
from mnist_gradients.core.parameters import Parameters

BASE = {
    "seed": 0,
    "fnn": {"epochs": 16, "widths": [64]},
    "tasks": {"binary": {"l2": 0.1, "solvers": {"lbfgs": {}}}, "multinomial": {"l2": 0.2}},
}


class Solver(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    rate: PositiveFloat
    kind: Literal["a", "b"] = "a"

    @field_validator("kind")
    @classmethod
    def _is_not_b(cls, kind):
        if kind == "b":
            raise ValueError("found 'b', expected 'a'")
        return kind


class Net(Parameters):
    solvers: dict[str, Solver]


def use(net: Net, other: Net | None = None):
    return net, other


PIPELINES = {"x": Pipeline([Node(use, ["params:net", "params:other"], "used", name="use")])}


@pytest.fixture
def loader(tmp_path):
    """Makes the loader of a project: base, an environment, the command line, an archive."""

    def loader(base=BASE, environment=None, runtime=None, archive=False):
        conf = tmp_path / "conf"
        for name, content in (("base", base), ("local", environment or {})):
            (conf / name).mkdir(parents=True)
            (conf / name / "parameters.yml").write_text(yaml.safe_dump(content))
        (conf / "base" / "globals.yml").write_text("data_root: data\nshared: {net: {size: 2}}\n")
        (conf / "local" / "globals.yml").write_text("data_root: elsewhere\n")
        source = conf
        if archive:
            source = tmp_path / "conf.tar.gz"
            with tarfile.open(source, "w:gz") as file:
                file.add(conf, "conf")
        return OmegaConfigLoader(
            str(source),
            base_env="base",
            default_run_env="local",
            runtime_params=runtime or {},
            merge_strategy={"parameters": "soft"},
        )

    return loader


@pytest.mark.parametrize("archive", [False, True])
class TestNames:
    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"seed": 1},
            {"fnn": {"epochs": 2}},
            {"fnn": {"epoch": 2}},  # left to the model of fnn
            {"tasks": {"binary": {"l2": 0.3, "solvers": {"newton": {}}}}},
            {"tasks": {"binary": {"l1": 0.3}}},  # left to the model of the task
        ],
    )
    def test_names_in_base_or_inside_a_block_with_a_model_pass(self, loader, given, archive):
        check_parameters(loader(environment=given, runtime=given, archive=archive), {})

    def test_globals_can_be_given_for_a_run(self, loader, archive):
        check_parameters(loader(runtime={"data_root": "/elsewhere"}, archive=archive), {})

    def test_shared_globals_cannot_be_given_for_a_run(self, loader, archive):
        with pytest.raises(ParameterError, match=r"^parameter shared: found an unknown name"):
            check_parameters(loader(runtime={"shared": {"net": {"size": 3}}}, archive=archive), {})

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                {"fn": {"epochs": 2}},
                "parameter fn: found an unknown name, expected a known one such as fnn",
            ),
            (
                {"tasks": {"penguins": {"l2": 0.3}}},
                "parameter tasks.penguins: found an unknown name, "
                "expected one of binary, multinomial",
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
    def test_other_names_are_refused_from_every_source(
        self, loader, source, given, message, archive
    ):
        with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
            check_parameters(loader(**{source: given}, archive=archive), {})


@pytest.mark.parametrize("value", ["", " ", None, 7, True])
@pytest.mark.parametrize("source", ["globals", "runtime"])
def test_path_that_is_no_text_or_empty_is_refused(loader, value, source):
    found = loader(runtime={"data_root": value} if source == "runtime" else {})
    if source == "globals":
        check_parameters(found, {})
        found["globals"] = {"data_root": value}
    words = re.escape(f"parameter data_root: found {value!r}, expected a path")
    with pytest.raises(ParameterError, match=f"^{words}$"):
        check_parameters(found, {})


@pytest.mark.parametrize("seed", ["abc", -1, 2**32, 1.0, True, None])
def test_seed_that_scikit_learn_would_refuse_is_refused(loader, seed):
    words = re.escape(f"parameter seed: found {seed!r}, expected an integer from 0 to 4294967295")
    with pytest.raises(ParameterError, match=f"^{words}$"):
        check_parameters(loader(runtime={"seed": seed}), {})


def test_check_keeps_the_parameters_so_that_kedro_need_not_read_them_again(loader):
    found = loader(environment={"seed": 1})
    check_parameters(found, {})
    assert found.data["parameters"]["seed"] == 1
    assert known_parameters(found)["seed"] == 0


def test_check_leaves_the_globals_of_the_environment_to_the_loader(loader):
    found = loader(environment={"fnn": {"widths": ["${globals:data_root}"]}})
    check_parameters(found, {})
    assert found["globals"]["data_root"] == "elsewhere"
    assert found["parameters"]["fnn"]["widths"] == ["elsewhere"]


@pytest.fixture
def errors(loader):
    """Returns the lines of the error about two blocks of parameters that a pipeline reads."""

    def errors(*solvers):
        blocks = {
            name: {"solvers": {"s": solver}}
            for name, solver in zip(("net", "other"), solvers, strict=False)
        }
        with pytest.raises(ParameterError) as caught:
            check_parameters(loader(base=blocks), PIPELINES)
        return str(caught.value).splitlines()

    return errors


class TestValues:
    def test_values_that_the_models_take_pass(self, loader):
        check_parameters(loader(base={"net": {"solvers": {"s": {"rate": 1}}}}), PIPELINES)

    @pytest.mark.parametrize(
        ("solver", "message"),
        [
            ({"rate": -1}, "rate: found -1, expected greater than 0"),
            (
                {"rate": "fast"},
                "rate: found 'fast', expected a valid number, unable to parse string as a number",
            ),
            ({"rate": float("inf")}, "rate: found inf, expected a finite number"),
            ({"rate": [0] * 60}, f"rate: found [{'0, ' * 18}0,..., expected a valid number"),
            ({"rate": 1, "kind": "c"}, "kind: found 'c', expected 'a' or 'b'"),
            ({"rate": 1, "kind": "b"}, "kind: found 'b', expected 'a'"),
            ({}, "rate: found nothing, expected a value"),
            (
                {"rate": 1, "rat": 2},
                "rat: found an unknown name, expected a known one such as rate",
            ),
            ({"rate": 1, "penguins": 2}, "penguins: found an unknown name, expected one of kind,"),
        ],
    )
    def test_error_is_one_line_that_begins_with_the_name(self, errors, solver, message):
        (line,) = errors(solver)
        assert line.startswith(f"parameter net.solvers.s.{message}")

    def test_each_wrong_parameter_has_its_line(self, errors):
        lines = errors({"rate": -1, "rat": 0}, {"rate": 1})
        assert [line.partition(":")[0] for line in lines] == [
            "parameter net.solvers.s.rate",
            "parameter net.solvers.s.rat",
        ]

    def test_parameters_of_other_pipelines_are_left_alone(self, loader):
        check_parameters(loader(base={"net": {"solvers": 3}}), {})


class TestRenamed:
    @pytest.fixture(autouse=True)
    def renamed(self, monkeypatch):
        renamed = {"net.solvers.s.speed": "net.solvers.s.rate", "tasks.single": "tasks.binary"}
        monkeypatch.setattr(parameters, "RENAMED", renamed)

    def test_old_name_inside_a_model_is_answered_with_the_new_one(self, errors):
        assert errors({"rate": 1, "speed": 2}) == [
            "parameter net.solvers.s.speed: found an old name, expected net.solvers.s.rate"
        ]

    def test_old_name_of_a_block_is_answered_with_the_new_one(self, loader):
        words = "^parameter tasks.single: found an old name, expected tasks.binary$"
        with pytest.raises(ParameterError, match=words):
            check_parameters(loader(runtime={"tasks": {"single": {"l2": 1}}}), {})


class Task(BaseModel):
    name: str
    solvers: dict[str, Solver]
    reference: Solver | None = None


class Comparison(BaseModel):
    gap: float
    tasks: tuple[Task, ...]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("gpa", {"gap", "tasks"}),
        ("tasks.0.nme", {"name", "solvers", "reference"}),
        ("tasks.1.solvers.lbfgs.rat", {"rate", "kind"}),
        ("tasks.1.reference.rat", {"rate", "kind"}),
        ("gap.rat", set()),  # a number has no fields
        ("task.0.name", set()),
        ("tasks", {"gap", "tasks"}),
    ],
)
def test_fields_beside_a_parameter_are_those_of_the_model_it_is_in(path, fields):
    assert fields_beside(Comparison, path.split(".")) == fields


class TestRunRoot:
    def test_run_without_a_name_writes_into_data_root(self):
        assert run_root("data", "") == "data"

    def test_run_with_a_name_has_a_folder_of_its_own(self):
        assert run_root("/out", "wide-2.1") == "/out/runs/wide-2.1"

    @pytest.mark.parametrize("name", ["..", "a/b", " ", ".hidden"])
    def test_name_that_is_no_single_folder_is_refused(self, name):
        with pytest.raises(ValueError, match=rf"^parameter run_name: found {name!r}, expected"):
            run_root("data", name)


class TestSharedOutputs:
    @pytest.fixture
    def shares(self, tmp_path):
        """Whether an environment with given globals shares the outputs of the default run."""

        def shares(environment="mine", globals_="", **runtime):
            own = {"base": 'data_root: data\nrun_name: ""\n', "mine": globals_}
            for name, text in own.items():
                (tmp_path / name).mkdir()
                (tmp_path / name / "globals.yml").write_text(text)
                (tmp_path / name / "parameters.yml").write_text("seed: 0\n")
            options = {"base_env": "base", "default_run_env": "base", "env": environment}
            return shares_outputs(
                OmegaConfigLoader(str(tmp_path), **options, runtime_params=runtime)
            )

        return shares

    def test_environment_without_a_folder_shares_the_outputs(self, shares):
        assert shares()

    @pytest.mark.parametrize("globals_", ["data_root: mine", "run_name: mine"])
    def test_environment_with_a_folder_or_a_name_does_not(self, shares, globals_):
        assert not shares(globals_=globals_)

    @pytest.mark.parametrize("name", ["data_root", "run_name"])
    def test_run_with_a_folder_or_a_name_does_not(self, shares, name):
        assert not shares(**{name: "elsewhere"})

    def test_default_environment_is_the_default_run(self, shares):
        assert not shares("base")

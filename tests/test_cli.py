"""The option `--params` of `kedro run`, as a user types it."""

import click
import pytest
from kedro.framework.cli.project import run

from mnist_gradients.cli import PATH_NAMES, cli, read_parameters
from mnist_gradients.console.parameters import PATHS


def read(text):
    option = next(option for option in cli.commands["run"].params if option.name == "params")
    return option.callback(click.Context(run), option, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("seed=1, fnn.epochs=4,", {"seed": 1, "fnn": {"epochs": 4}}),
        ("fnn.hidden_units=[64,32],seed=2", {"fnn": {"hidden_units": [64, 32]}, "seed": 2}),
        ("a.b=[1e-3, 0.5]", {"a": {"b": [0.001, 0.5]}}),
        ("a=[even, odd],b='x,y'", {"a": ["even", "odd"], "b": "x,y"}),
        ("a=[[1, 2], [3]],b={c: [4, 5], d: 6}", {"a": [[1, 2], [3]], "b": {"c": [4, 5], "d": 6}}),
        ("run_name=007,seed=1", {"run_name": "007", "seed": 1}),
        ("a=x=y,b=null,c=true,d=~", {"a": "x=y", "b": None, "c": True, "d": None}),
        ("data_root=~/out", {"data_root": "~/out"}),
        ("raw_root=007", {"raw_root": "007"}),
        ("data_root=", {"data_root": ""}),
        (
            "data_root=null,fnn.checkpoints.folder=null",
            {"data_root": None, "fnn": {"checkpoints": {"folder": None}}},
        ),
        ("data_root='/a,b'", {"data_root": "/a,b"}),
        ("inference.folder=/my/photos #1", {"inference": {"folder": "/my/photos #1"}}),
        (
            "inference.folder=on,inference.model=fnn",
            {"inference": {"folder": "on", "model": "fnn"}},
        ),
        ('import_data.source=C:\\new "1" ü', {"import_data": {"source": 'C:\\new "1" ü'}}),
        ({"seed": 3}, {"seed": 3}),
    ],
)
def test_values_are_yaml_and_paths_are_text(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "item"), [("fnn.hidden_units=[64,32", "32"), ("seed", "seed"), ("=1", "=1")]
)
def test_item_without_name_or_value_is_refused_with_the_form_of_a_list(text, item):
    words = rf"^found '{item}', expected name=value; .*'fnn.hidden_units=\[64,32\]'$"
    with pytest.raises(click.BadParameter, match=words):
        read(text)


def test_value_that_is_no_yaml_is_refused():
    with pytest.raises(
        click.BadParameter, match=r"^found 'a=\[64' \(.*\), expected values in YAML$"
    ):
        read("a=[64")


def test_other_options_are_those_of_kedro():
    assert cli.commands["run"] is run
    assert {option.callback for option in run.params if option.name == "params"} == {
        read_parameters
    }


def test_every_path_has_the_name_of_one():
    assert all(name.endswith(PATH_NAMES) for name in PATHS)

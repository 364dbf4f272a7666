"""The README of a pipeline names exactly its inputs, its outputs and its parameters."""

import re
from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.logistic_regression.pipeline import TASKS
from mnist_gradients.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "src" / "mnist_gradients" / "pipelines"
# tests/test_architecture.py reports a pipeline without a README.
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/README.md"))


def named(readme: str, section: str) -> set[str]:
    """The names in the first column of a section's table; `{task}` stands for every task."""
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)[1]
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    return {name.replace("{task}", task) for name in names for task in TASKS}


def is_parameter(name: str) -> bool:
    return name == "parameters" or name.startswith("params:")


def parameters_of(pipeline: Pipeline, parameters: dict) -> set[str]:
    """The parameters that a pipeline reads; of its own block, all keys."""
    own = {node.namespace for node in pipeline.nodes}
    found = set()
    for name in pipeline.inputs():
        path = name.removeprefix("params:")
        if name.startswith("params:") and path in own:
            block = parameters
            for part in path.split("."):
                block = block[part]
            found |= {f"{path}.{key}" for key in block}
        elif name.startswith("params:"):
            found.add(path)
    return found


def differences(readme: str, pipeline: Pipeline, parameters: dict) -> dict[str, set[str]]:
    """The names in which a README and its pipeline differ, by section."""
    expected = {
        "Reads": {name for name in pipeline.inputs() if not is_parameter(name)},
        "Writes": pipeline.all_outputs(),
        "Parameters": parameters_of(pipeline, parameters),
    }
    return {
        section: names ^ named(readme, section)
        for section, names in expected.items()
        if names != named(readme, section)
    }


@pytest.mark.parametrize("name", NAMES)
def test_readme_names_inputs_outputs_and_parameters(name, pipelines):
    options = CONFIG_LOADER_ARGS | {"default_run_env": "base"}
    parameters = OmegaConfigLoader(str(ROOT / "conf"), **options)
    readme = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    assert differences(readme, pipelines[name], parameters["parameters"]) == {}


class TestDifferences:
    README = """# x

## Reads

| dataset | content |
|---|---|
| `raw`, `spare` | numbers, as in `other` |

## Writes

| dataset | content |
|---|---|
| `x.{task}` | sums |

## Parameters

| parameter | meaning |
|---|---|
| `x.rate` | of growth |
"""

    def test_missing_and_superfluous_names_are_noticed(self):
        def use(raw, block, seed):
            return raw, block, seed

        pipeline = Pipeline(
            [Node(use, ["raw", "params:x", "params:seed"], ["binary", "b", "c"], name="use")],
            namespace="x",
            inputs={"raw"},
            parameters={"params:x", "params:seed"},
        )
        found = differences(self.README, pipeline, {"seed": 0, "x": {"rate": 1, "size": 2}})
        assert found == {
            "Reads": {"spare"},
            "Writes": {"x.multinomial", "x.b", "x.c"},
            "Parameters": {"x.size", "seed"},
        }

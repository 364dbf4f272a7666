"""The examples of CONTRIBUTING.md for a solver, a pipeline and a data set work."""

import ast
import re
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from kedro.io import Version

from mnist_gradients.datasets.file import FileDataset

ROOT = Path(__file__).parents[1]
PACKAGE = "mnist_gradients.pipelines.nearest_mean"


def blocks(language: str) -> list[str]:
    """The document's blocks of code."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


def run(word: str, **names: Any) -> dict[str, Any]:
    """The names that a block of Python defines; the block is the one with the given word."""
    (code,) = [block for block in blocks("python") if word in block]
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)  # noqa: S102 - our own document
    return names


def test_solver_finds_the_minimum():
    class Parabola:
        """J(w) = 1/2 (w - 3)^T diag(1, 0.1) (w - 3)."""

        size = 2

        def __call__(self, w):
            gradient = np.array([1.0, 0.1]) * (w - 3)
            return (w - 3) @ gradient / 2, gradient

        def lipschitz(self):
            return 1.0

    solve = run("def heavy_ball")["heavy_ball"]
    iterations = []
    solution = solve(Parabola(), tolerance=1e-9, callback=lambda i, *_: iterations.append(i))
    assert solution.converged
    np.testing.assert_allclose(solution.weights, [3, 3], atol=1e-7)
    assert iterations == list(range(solution.iterations + 1))
    assert not solve(Parabola(), max_iterations=2).converged


class TestPipeline:
    @pytest.fixture
    def nodes(self, monkeypatch):
        """The module of the nodes, where the pipeline imports it from."""
        nodes = types.ModuleType(f"{PACKAGE}.nodes")
        vars(nodes).update(run("def measure_nearest_mean"))
        package = types.ModuleType(PACKAGE)
        package.nodes = nodes
        monkeypatch.setitem(sys.modules, PACKAGE, package)
        monkeypatch.setitem(sys.modules, nodes.__name__, nodes)
        return nodes

    def test_node_classifies_most_digits(self, nodes, mnist):
        train, test = mnist.take(np.arange(2000)), mnist.take(np.arange(2000, 3000))
        error = nodes.measure_nearest_mean(train, test)["test_error"]
        assert 0.1 < error < 0.3
        shuffled = train.take(np.random.default_rng(0).permutation(2000))
        assert nodes.measure_nearest_mean(shuffled, test)["test_error"] == pytest.approx(error)

    @pytest.mark.usefixtures("nodes")
    def test_outputs_of_the_pipeline_are_in_the_catalog(self):
        pipeline = run("def create_pipeline")["create_pipeline"]()
        assert pipeline.inputs() == {"train", "test"}
        (catalog,) = [block for block in blocks("yaml") if "nearest_mean.metrics:" in block]
        kept = {name for name in yaml.safe_load(catalog) if not name.startswith("_")}
        assert pipeline.outputs() == kept == {"nearest_mean.metrics"}
        assert {tag for node in pipeline.nodes for tag in node.tags} == {"nearest_mean"}


def test_dataset_loads_what_it_saved(tmp_path):
    lines = run("class LinesDataset", FileDataset=FileDataset, Version=Version, Any=Any)
    dataset = lines["LinesDataset"](filepath=str(tmp_path / "folder" / "lines.txt"))
    dataset.save(["one", "zwölf"])
    assert dataset.load() == ["one", "zwölf"]


PUBLIC = {"_fields"}  # of a named tuple


def private_names(code: str, own: set[str]) -> set[str]:
    """Names with a leading underscore that code takes from elsewhere."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {*node.module.split("."), *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {part for alias in node.names for part in alias.name.split(".")}
    return {name for name in found if re.match("_[a-z]", name)} - own - PUBLIC


def own_names(code: str) -> set[str]:
    """Names that code defines."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def test_every_private_name_of_another_package_is_in_the_list():
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    own = set().union(*map(own_names, code))
    used = set().union(*(private_names(text, own) for text in code))
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Private interfaces")[2].partition("\n## ")[0]
    assert "_typing" in used
    assert {name for name in used if name not in section} == set()


def test_private_name_is_noticed():
    code = "import a._b\nfrom c._d import _e, f\ng._h = g._h + g._i\n_j(g).__len__()"
    assert private_names(code, own_names(code)) == {"_b", "_d", "_e", "_i"}

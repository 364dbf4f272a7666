"""Imports run one way, and what takes seconds to import is left until it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
HEAVY = {"tensorflow", "keras", "sklearn", "sympy"}


def imports(source: str) -> set[str]:
    """Every module that a source imports anywhere, and every name it imports from one."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def is_forbidden(importer: str, imported: str) -> bool:
    """Arrows run pipelines -> estimators and training -> maths; pipelines meet in the catalog."""
    project = "mnist_gradients"
    if imported.startswith("."):
        return True  # relative: the rules below could not see where it leads
    if is_within(importer, f"{project}.maths"):
        # threadpoolctl: how many threads NumPy's BLAS may take
        allowed = {"numpy", "scipy", "threadpoolctl", *sys.stdlib_module_names}
        if not is_within(imported, f"{project}.maths"):
            return imported.partition(".")[0] not in allowed
    if is_within(importer, f"{project}.estimators"):
        frameworks = {"kedro", "tensorflow", "keras"}
        if imported.partition(".")[0] in frameworks or is_within(imported, f"{project}.datasets"):
            return True
    if is_within(importer, f"{project}.training") and (
        is_within(imported, "kedro") or is_within(imported, f"{project}.datasets")
    ):
        return True
    if is_within(importer, f"{project}.pipelines"):
        own = ".".join(importer.split(".")[:3])
        if is_within(imported, f"{project}.datasets"):
            return True
        return is_within(imported, f"{project}.pipelines") and not is_within(imported, own)
    return is_within(imported, f"{project}.pipelines")


def violations(sources: dict[str, str]) -> list[str]:
    return [
        f"{importer} imports {imported}"
        for importer, source in sources.items()
        for imported in sorted(imports(source))
        if is_forbidden(importer, imported)
    ]


def test_imports_run_one_way():
    sources = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): (
            path.read_text(encoding="utf-8")
        )
        for path in SOURCE.glob("mnist_gradients/**/*.py")
    }
    assert "mnist_gradients.maths.softmax" in sources
    assert violations(sources) == []


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("maths.softmax", "import pandas"),
        ("maths.softmax", "from mnist_gradients.core.labelled_images import LabelledImages"),
        ("maths.softmax", "from mnist_gradients import figures"),
        ("maths.softmax", "from .. import figures"),
        ("maths.softmax", "def f():\n    import tensorflow as tf"),
        ("estimators", "from mnist_gradients.pipelines.fnn import nodes"),
        ("estimators", "from kedro.io import DataCatalog"),
        ("datasets.idx", "import mnist_gradients.pipelines.fnn.nodes"),
        ("training.loop", "from mnist_gradients.pipelines.fnn import nodes"),
        ("training.loop", "from mnist_gradients.datasets import CheckpointsDataset"),
        ("training.loop", "import kedro"),
        ("pipelines.fnn.nodes", "from mnist_gradients.pipelines.ingestion import nodes"),
        ("pipelines.fnn.nodes", "from mnist_gradients.pipelines import ingestion"),
        ("pipelines.fnn.nodes", "from mnist_gradients.datasets import IdxDataset"),
    ],
)
def test_import_against_the_arrows_is_noticed(importer, source):
    assert violations({f"mnist_gradients.{importer}": source}) != []


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("maths.softmax", "import numpy as np\nfrom scipy.special import expit\nimport math"),
        ("maths.softmax", "from mnist_gradients.maths.logistic import sigmoid"),
        ("estimators", "from sklearn.base import BaseEstimator"),
        ("pipelines.fnn.nodes", "from mnist_gradients.pipelines.fnn.parameters import P"),
        ("pipelines.fnn.nodes", "from mnist_gradients.maths.softmax import softmax"),
    ],
)
def test_import_along_the_arrows_passes(importer, source):
    assert violations({f"mnist_gradients.{importer}": source}) == []


def imported_by(code: str) -> set[str]:
    """The top-level packages that a fresh Python has imported after running some code."""
    lines = [code, "import sys", "print(*{name.partition('.')[0] for name in sys.modules})"]
    command = [sys.executable, "-c", "\n".join(lines)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(run.stdout.splitlines()[-1].split())


def test_looking_at_pipelines_and_catalog_imports_nothing_heavy():
    """`kedro catalog`, `kedro registry` and `kedro viz` stay quick."""
    code = """
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
bootstrap_project('.')
with KedroSession.create(env='test') as session:
    catalog = session.load_context().catalog
    catalog['fnn.model']
from kedro.framework.project import pipelines
assert {'ingestion', 'logistic_regression', 'fnn', 'reporting'} <= set(pipelines)
"""
    imported = imported_by(code)
    assert {"kedro", "mnist_gradients"} <= imported
    assert imported & HEAVY == set()


def test_heavy_import_would_be_noticed():
    assert "sympy" in imported_by("import sympy")

"""Imports run one way, folders have one shape, and slow libraries are imported only when needed."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "mnist_gradients"

ENGINES = {"verification", "regression", "benchmarking", "training", "preprocessing"}
# Each room of the package, and the other rooms that it may import.
ARROWS = {
    "maths": set(),
    "console": {"maths"},
    "core": {"maths"},
    "datasets": {"core", "maths"},
    "plotting": {"core", "maths"},
    "report": {"core", "maths"},
    "estimators": {"core", "maths"},
    "preprocessing": {"core", "maths"},
    "training": {"core", "maths"},
    "verification": {"core", "maths"},
    "regression": {"core", "maths"},
    "benchmarking": {"core", "maths", "estimators", "training"},
    "pipelines": {"core", "maths", "estimators", "plotting", "report", *ENGINES},
    "hooks": {"console", "core", "training"},
    "runner": {"core", "maths"},
    "settings": {"console", "hooks"},
    "cli": {"console"},
    "__main__": {"cli"},
    "pipeline_registry": set(),
}
# Where a framework may be imported; anywhere else it is refused.
FRAMEWORKS = {
    "kedro": {
        "console",
        "datasets",
        "pipelines",
        "hooks",
        "settings",
        "pipeline_registry",
        "cli",
        "runner",
        "__main__",
    },
    "keras": {"core", "datasets", "benchmarking", "training", "verification"},
    "tensorflow": {"core", "datasets", "benchmarking", "training", "verification"},
    "matplotlib": {"datasets", "pipelines", "plotting"},
    "dask": {"core", "datasets", "runner"},
    "distributed": {"benchmarking", "core", "runner"},
}
# threadpoolctl sets the number of threads of NumPy's BLAS.
MATHS = {"numpy", "scipy", "threadpoolctl", *sys.stdlib_module_names}

PIPELINE_FILES = {"__init__.py", "nodes.py", "pipeline.py", "parameters.py", "plots.py"}
PIPELINE_FILES |= {"README.md"}
ROOT_FILES = {"__init__.py", "settings.py", "pipeline_registry.py", "hooks.py", "cli.py"}
ROOT_FILES |= {"__main__.py", "runner.py"}


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


def is_forbidden(importer: str, imported: str) -> bool:
    """Whether a module, named without `mnist_gradients.`, may not import another."""
    room = importer.partition(".")[0]
    library, _, rest = imported.partition(".")
    if library == "":  # a relative import; one dot leads nowhere else inside a room
        return imported.startswith("..") or "." not in importer
    if library != "mnist_gradients":
        if room == "maths":
            return library not in MATHS
        return library in FRAMEWORKS and room not in FRAMEWORKS[library]
    if rest == "":
        return False  # the name that follows is looked at by itself
    target, _, inside = rest.partition(".")
    if room == "pipelines" and target == "pipelines":
        own = importer.split(".")[1]
        return inside != "" and inside.partition(".")[0] != own
    return target != room and target not in ARROWS[room]


def violations(sources: dict[str, str]) -> list[str]:
    return [
        f"{importer} imports {imported}"
        for importer, source in sources.items()
        for imported in sorted(imports(source))
        if is_forbidden(importer, imported)
    ]


def test_imports_run_one_way():
    sources = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in PACKAGE.glob("**/*.py")
        if path != PACKAGE / "__init__.py"
    }
    assert {name.partition(".")[0] for name in sources} == set(ARROWS)
    assert violations(sources) == []


def test_rooms_form_no_circle():
    remaining = dict(ARROWS)
    while remaining:
        free = {room for room, targets in remaining.items() if not targets & set(remaining)}
        assert free, f"circle among {sorted(remaining)}"
        remaining = {room: targets for room, targets in remaining.items() if room not in free}


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("maths.softmax", "import pandas"),
        ("maths.softmax", "from mnist_gradients.core.labelled_images import LabelledImages"),
        ("maths.softmax", "from mnist_gradients import core"),
        ("maths.softmax", "from .. import core"),
        ("hooks", "from .pipelines.fnn import nodes"),
        ("maths.softmax", "def f():\n    import tensorflow as tf"),
        ("core.metrics", "from mnist_gradients.datasets import IdxDataset"),
        ("datasets.idx", "import mnist_gradients.pipelines.fnn.nodes"),
        ("estimators", "from kedro.io import DataCatalog"),
        ("estimators.network", "import keras"),
        ("training.loop", "from mnist_gradients.pipelines.fnn import nodes"),
        ("training.loop", "from mnist_gradients.benchmarking import worker"),
        ("training.loop", "import kedro"),
        ("plotting.figures", "from mnist_gradients.training import loop"),
        ("pipelines.fnn.nodes", "from mnist_gradients.pipelines.ingestion import nodes"),
        ("pipelines.fnn.nodes", "from mnist_gradients.pipelines import ingestion"),
        ("pipelines.fnn.nodes", "from mnist_gradients.datasets import IdxDataset"),
        ("pipelines.fnn.nodes", "import keras"),
        ("hooks", "from mnist_gradients.pipelines.fnn import nodes"),
    ],
)
def test_import_against_the_arrows_is_refused(importer, source):
    assert violations({importer: source}) != []


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("maths.softmax", "import numpy as np\nfrom scipy.special import expit\nimport math"),
        ("maths.softmax", "from mnist_gradients.maths.logistic import sigmoid"),
        ("core.linear_model", "from mnist_gradients import maths"),
        ("estimators.network", "from sklearn.base import BaseEstimator"),
        ("training.loop", "import keras"),
        ("pipelines.fnn.nodes", "from mnist_gradients.pipelines.fnn.parameters import P"),
        ("pipelines.fnn.nodes", "from mnist_gradients.pipelines.fnn import plots"),
        ("pipelines.fnn.nodes", "from mnist_gradients.training.loop import train"),
        ("pipelines.fnn.pipeline", "from kedro.pipeline import Node"),
        ("pipelines.fnn.__init__", "from .pipeline import create_pipeline"),
    ],
)
def test_import_along_the_arrows_passes(importer, source):
    assert violations({importer: source}) == []


def strangers(folder: Path, allowed: set[str]) -> set[str]:
    """The files and folders of a folder that are not allowed in it."""
    found = {path.name for path in folder.iterdir()} - {"__pycache__"}
    return found - allowed


@pytest.mark.parametrize(
    "name", sorted(path.parent.name for path in PACKAGE.glob("pipelines/*/pipeline.py"))
)
def test_pipeline_folder_has_the_common_shape(name):
    folder = PACKAGE / "pipelines" / name
    others = strangers(folder, PIPELINE_FILES)
    assert not others, f"pipelines/{name} has {others}; its code belongs in nodes.py or in a room"
    required = PIPELINE_FILES - {"parameters.py", "plots.py"}
    missing = {file for file in required if not (folder / file).is_file()}
    assert not missing, f"pipelines/{name} lacks {missing}; see CONTRIBUTING.md, Add a pipeline"


def test_root_of_the_package_holds_what_kedro_looks_for():
    rooms = {room for room in ARROWS if f"{room}.py" not in ROOT_FILES}
    assert strangers(PACKAGE, ROOT_FILES | rooms) == set()


def test_another_file_in_a_folder_is_noticed(tmp_path):
    for name in ("nodes.py", "helpers.py"):
        (tmp_path / name).touch()
    (tmp_path / "__pycache__").mkdir()
    assert strangers(tmp_path, PIPELINE_FILES) == {"helpers.py"}


@cache
def modules_after(code: str) -> set[str]:
    """The modules that a fresh Python has imported after running some code."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(run.stdout.splitlines()[-1].split())


def imported_by(code: str) -> set[str]:
    """The top-level packages among them."""
    return {name.partition(".")[0] for name in modules_after(code)}


ESTIMATORS = "from mnist_gradients.estimators import *"


def test_estimators_import_no_framework():
    imported = imported_by(ESTIMATORS)
    assert {"mnist_gradients", "sklearn"} <= imported
    unwanted = {"kedro", "keras", "tensorflow", "matplotlib", "pydantic", "sympy", "dask"}
    assert imported & unwanted == set()


def test_estimators_import_no_more_than_scikit_learns_linear_models():
    ours = modules_after(ESTIMATORS)
    theirs = modules_after("import sklearn.linear_model")
    assert "mnist_gradients.estimators.network" in ours
    assert {name for name in ours - theirs if not name.startswith("mnist_gradients")} == set()


def test_heavy_import_would_be_noticed():
    assert "sympy" in imported_by("import sympy")

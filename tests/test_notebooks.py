"""The notebooks run on the outputs of a full run, and are committed without their own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LOAD = "%load_ext kedro.ipython"


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def test_there_are_three_notebooks():
    assert [path.stem for path in NOTEBOOKS] == [
        "01_derivations",
        "02_logistic_regression",
        "03_feed_forward_network",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path):
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_from_top_to_bottom(path, full_run):
    _, data_root = full_run
    notebook = read(path)
    (load,) = (cell for cell in notebook.cells if cell.source == LOAD)
    load.source += f"\n%reload_kedro --env=test --params=data_root={data_root}"
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": path.parent}})
    client.execute()
    errors = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]
    assert errors == []
    assert any(cell.get("outputs") for cell in notebook.cells)

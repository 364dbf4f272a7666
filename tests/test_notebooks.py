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
def test_notebooks_run_from_top_to_bottom(full_run):
    """One after the other in one process, each without the names of the one before."""
    notebooks = [read(path) for path in NOTEBOOKS]
    for notebook in notebooks:
        (load,) = (cell for cell in notebook.cells if cell.source == LOAD)
        load.source += f"\n%reload_kedro --env=test --params=data_root={full_run[1]}"
    together = nbformat.v4.new_notebook(metadata=notebooks[0].metadata)
    for notebook in notebooks:
        together.cells += [nbformat.v4.new_code_cell("%reset -f"), *notebook.cells]
    client = NotebookClient(
        together, timeout=120, resources={"metadata": {"path": ROOT / "notebooks"}}
    )
    client.execute()  # fails at the first error
    for notebook in notebooks:
        assert any(cell.get("outputs") for cell in notebook.cells)

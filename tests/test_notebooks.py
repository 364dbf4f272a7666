"""The notebooks run on the outputs of a full run; docs/notebooks shows them with outputs."""

import re
from pathlib import Path

import nbformat
import pytest
from notebooks import NOTEBOOKS, PAGES, execute, missing_cells, simplify


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
    execute(notebooks, f"--env=test --params=data_root={full_run[1]}")  # fails at the first error
    for notebook in notebooks:
        assert any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_page_shows_the_cells_of_the_notebook_and_its_figures(path):
    page = (PAGES / f"{path.stem}.md").read_text(encoding="utf-8")
    assert missing_cells(read(path).cells, page) == []
    figures = re.findall(r"!\[.*?\]\(([^)]+)\)", page)
    assert figures
    assert [name for name in figures if not (PAGES / name).is_file()] == []


def test_cell_that_was_changed_or_moved_is_noticed():
    cells = [nbformat.v4.new_code_cell(source) for source in ("a = 1", "b = 2", "a = 1")]
    assert missing_cells(cells, "a = 1\n\nb = 2\n\na = 1") == []
    assert missing_cells(cells, "b = 2\n\na = 1\n\na = 1") == ["b = 2"]
    assert missing_cells(cells, "a = 1\n\nb = 3\n\na = 1") == ["b = 2"]


def test_tables_keep_no_style_and_text_no_colours():
    rows = '<tr>\n    <td id="T_1" class="a" >1</td>\n    <td>2</td>\n  </tr>'
    data = {
        "text/html": f'<style>x</style><table border="1">\n  {rows}\n</table>',
        "text/latex": r"\PY{n}{f}",
        "text/plain": "\x1b[1;36m0.5\x1b[0m",
    }
    simplify(data)
    assert data == {
        "text/html": "<table>\n<tr><td>1</td><td>2</td></tr>\n</table>",
        "text/plain": "0.5",
    }

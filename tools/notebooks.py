"""Run the notebooks on the outputs of a full run, and show them in docs/notebooks.

`python tools/notebooks.py FOLDER` reads the run whose data_root is FOLDER. It needs the extra
`notebook`. The notebooks themselves stay without outputs.
"""

import argparse
import io
import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = ROOT / "docs" / "notebooks"
LOAD = "%load_ext kedro.ipython"
TABLE = re.compile(r"<table.*?</table>", flags=re.DOTALL)


def main() -> None:
    """Write a page and its figures for each notebook."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="data_root of a full run")
    folder = parser.parse_args().folder.resolve()
    PAGES.mkdir(exist_ok=True)
    for old in PAGES.iterdir():
        old.unlink()
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        execute([notebook], f"--params=data_root={folder}")
        page, figures = rendered(notebook, path.stem)
        for name, content in figures.items():
            # 256 colours take a third of the space.
            with Image.open(io.BytesIO(content)) as figure:
                figure.convert("RGB").quantize(256).save(PAGES / name, optimize=True)
        note = f"Outputs of [`{path.name}`](../../notebooks/{path.name}).\n\n"
        (PAGES / f"{path.stem}.md").write_text(note + page, encoding="utf-8")


def execute(notebooks: list[nbformat.NotebookNode], options: str) -> None:
    """Run notebooks one after the other, each without the names of the one before.

    Args:
        notebooks: Get their outputs.
        options: Options of `%reload_kedro`, such as the data folder.
    """
    together = nbformat.v4.new_notebook(metadata=notebooks[0].metadata)
    loads = [cell for notebook in notebooks for cell in notebook.cells if cell.source == LOAD]
    for cell in loads:
        cell.source += f"\n%reload_kedro {options}"
    for notebook in notebooks:
        together.cells += [nbformat.v4.new_code_cell("%reset -f"), *notebook.cells]
    resources = {"metadata": {"path": ROOT / "notebooks"}}
    NotebookClient(together, timeout=120, resources=resources).execute()
    for cell in loads:
        cell.source = LOAD
        cell.outputs = []


def rendered(notebook: nbformat.NotebookNode, name: str) -> tuple[str, dict[str, bytes]]:
    """Return a notebook with outputs as Markdown, and its figures by file name."""
    from nbconvert import MarkdownExporter

    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            simplify(output.get("data", {}))
    resources = {"unique_key": name, "output_files_dir": "."}
    page, resources = MarkdownExporter().from_notebook_node(notebook, resources)
    figures = {Path(file).name: content for file, content in resources["outputs"].items()}
    page = re.sub(r"^ +$", "", page, flags=re.MULTILINE).replace("![png](./", "![Figure](")
    return re.sub(r"\n{4,}", "\n\n", page).strip() + "\n", figures


def simplify(data: dict[str, str]) -> None:
    """Keep of an output's HTML the table, a line per row, and of coloured text the text."""
    data.pop("text/latex", None)
    if "text/plain" in data:
        data["text/plain"] = re.sub(r"\x1b\[[0-9;]*m", "", data["text/plain"])
    if table := TABLE.search(data.pop("text/html", "")):
        bare = re.sub(r' (id|class|style|border)="[^"]*"', "", table[0]).replace(" >", ">")
        lines = re.sub(r"\n\s*", "\n", bare)
        data["text/html"] = re.sub(r"\n(?!<tr|</?table|</?thead|</?tbody)", "", lines)


def missing_cells(cells: Iterable[nbformat.NotebookNode], page: str) -> list[str]:
    """Return the cells that do not stand in a page in their order.

    A semicolon at the end of a cell is left out by nbconvert.
    """
    missing, start = [], 0
    for cell in cells:
        source = cell.source.removesuffix(";")
        found = page.find(source, start)
        if found < 0:
            missing.append(source)
        else:
            start = found + len(source)
    return missing


if __name__ == "__main__":
    main()

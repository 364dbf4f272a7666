"""The documents have links that lead somewhere, lines of at most 100 characters, and real code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnist_gradients.console.renamed_parameters import RENAMED

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"),
    *(
        str(path.relative_to(ROOT))
        for folder in ("docs", "src")
        for path in sorted((ROOT / folder).rglob("*.md"))
        if path.parent.name != "notebooks"  # written by tools/notebooks.py
    ),
]
WIDTH = 100
README_WORDS = 800


def broken_links(text: str, folder: Path) -> list[str]:
    """Relative links of a text in which no file is found."""
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    return [link for link in links if not (folder / link).exists()]


def long_lines(text: str) -> list[str]:
    """Lines of prose beyond the width; blocks of code, tables and links cannot be wrapped."""
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = (line for line in prose.splitlines() if len(line) > WIDTH)
    return [line for line in lines if not line.startswith("|") and not re.search(r"\]\(", line)]


def wrong_code(text: str, folder: Path) -> Iterator[str]:
    """Functions that are not in the file of their link, and lines that are not in it."""
    pattern = r"\[`(\w+)`\]\(([^)]+\.py)\)(?::\s`([^`]+)`)?"
    for name, path, line in re.findall(pattern, text):
        code = (folder / path).read_text(encoding="utf-8")
        if not re.search(rf"^(?:def|class) {name}\b", code, re.MULTILINE):
            yield name
        if line not in code:
            yield line


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_and_lines_are_wrapped(name):
    path = ROOT / name
    text = path.read_text(encoding="utf-8")
    assert broken_links(text, path.parent) == []
    assert long_lines(text) == []


def test_assignment_quotes_real_code():
    path = ROOT / "docs" / "assignment.md"
    text = path.read_text(encoding="utf-8")
    assert len(re.findall(r"\.py\):\s`", text)) >= 7
    assert list(wrong_code(text, path.parent)) == []


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= README_WORDS


def test_faults_are_noticed(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    return 1\n")
    code = "[`f`](a.py): `return 1`, [`f`](a.py):\n`return 2`, [`g`](a.py)"
    assert list(wrong_code(code, tmp_path)) == ["return 2", "g"]
    links = "[a](a.py#L1) [b](b.py) ![c](c.png) [web](https://example.org)"
    assert broken_links(links, tmp_path) == ["b.py", "c.png"]
    long = "x" * 101
    assert long_lines(f"{long}\n```text\n{long}\n```\n| {long} |\n[a]({long})\nx") == [long]


def test_changelog_names_every_renamed_parameter():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert [old for old in RENAMED if f"`{old}`" not in text] == []

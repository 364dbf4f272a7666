"""One term for one thing: the replaced terms occur in no document, configuration or code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "pyproject.toml",
    "docs",
    "conf",
    "notebooks",
    "src",
    "tests",
    "tools",
)
SUFFIXES = {".md", ".yml", ".ipynb", ".py", ".jinja", ".css", ".toml"}
# This list, and the old names of parameters, which an error message answers with the new ones.
LEFT_OUT = {"tests/test_words.py", "src/mnist_gradients/console/renamed_parameters.py"}

# Replaced term (a regular expression between non-letters): the term that stands for it.
REPLACED = {
    "committees?(?! of simple neural nets)": "ensemble",
    "deform\\w*": "augment",
    "max_shift": "translation",
    "shifted (?:copies|digits|images|training images)": "translated images",
    "slant\\w*": "shear",
    "upright|stretched": "deskewed, width-normalised",
    "views": "normalisations",
    "(?<!\\.)margins?(?![:(-])": "logits",
    "packed": "parameter vector",
    "(?:one|few|each|every|two)[ _]sweeps?|sweeps? (?:over|through|per)": "pass over the data",
    "whitened\\w*": "preconditioned objective",
    "void": "undefined",
    "rac(?:es?|ed|ing)": "benchmark",
    "contenders?|rivals?": "solvers, baselines",
    "judges?|judged": "reference objective",
    "twins?": "parity check, reference network",
    "complain\\w*": "error message",
    "shares? of": "fraction",
    "on[ _]demand": "optional",
    "heartbeats?|signs? of life": "progress",
    "include_validation": "train_on_validation",
    "hidden_widths": "hidden_units",
    "no say|takes? part|sits? it out": "a plain statement",
}


ANY = re.compile(f"(?<![a-z])(?:{'|'.join(REPLACED)})(?![a-z])", re.IGNORECASE)


def found(text: str) -> Iterator[str]:
    """Every replaced term in a text, with its line and the standard term."""
    for match in ANY.finditer(text):
        number = text.count("\n", 0, match.start()) + 1
        term = next(
            term
            for replaced, term in REPLACED.items()
            if re.match(f"(?:{replaced})(?![a-z])", text[match.start() :], re.IGNORECASE)
        )
        yield f"{number}: found {match[0]}, expected {term}"


def texts() -> Iterator[Path]:
    for place in PLACES:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.suffix in SUFFIXES and str(file.relative_to(ROOT)) not in LEFT_OUT:
                yield file


def test_replaced_terms_are_gone():
    hits = [
        f"{path.relative_to(ROOT)}:{hit}"
        for path in texts()
        for hit in found(path.read_text(encoding="utf-8"))
    ]
    assert hits == []


def test_replaced_term_is_named_with_its_line_and_the_standard_term():
    assert list(found("first\na Twin, on-demand\non demand")) == [
        "2: found Twin, expected parity check, reference network",
        "3: found on demand, expected optional",
    ]


@pytest.mark.parametrize(
    "line", ["a Committee of six", "hidden_widths: [512]", "twin_plot", "deformed", "one sweep"]
)
def test_replaced_term_is_noticed(line):
    assert len(list(found(f"first\n{line}"))) == 1


@pytest.mark.parametrize(
    "line", ["step_sweep, a sweep of steps", "avoid", "trace", "axes.margins(0)", "margin: 0"]
)
def test_other_words_pass(line):
    assert list(found(line)) == []

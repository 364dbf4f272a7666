"""The examples of docs/estimator.md run one after another, and their assertions hold."""

import re
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "estimator.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


def test_the_examples_run():
    names = {}
    for example in EXAMPLES:
        exec(compile(example, str(DOCUMENT), "exec"), names)  # noqa: S102 - our own document


def test_every_example_asserts_something():
    assert len(EXAMPLES) == 7
    assert all("assert " in example for example in EXAMPLES)


def test_a_wrong_example_is_noticed():
    first = EXAMPLES[0].replace("> 0.88", "> 1.88")
    with pytest.raises(AssertionError):
        exec(first, {})  # noqa: S102 - our own document

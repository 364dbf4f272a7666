"""What kedro-viz says beside a node: the docstring of its function."""

import inspect
import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from kedro.pipeline import Node, Pipeline
from kedro.pipeline.preview_contract import TextPreview
from kedro.utils import KedroExperimentalWarning

_SECTION = re.compile(r"\n(?=(?:Args|Returns|Raises):\n)")


def described(pipeline: Pipeline) -> Pipeline:
    """Return the same pipeline, each node of which can say what it does."""
    with warnings.catch_warnings():
        # Kedro warns that the previews of nodes may change.
        warnings.simplefilter("ignore", KedroExperimentalWarning)
        return Pipeline([_described(node) for node in pipeline.nodes])


def describe(function: Callable[..., Any]) -> TextPreview:
    """Return what a function does and returns, one line per paragraph of its docstring."""
    sections = _SECTION.split(inspect.getdoc(function) or f"{function.__name__}.")
    said = [section for section in sections if not section.startswith(("Args:", "Raises:"))]
    paragraphs = re.split(r"\n\s*\n", "\n\n".join(said))
    return TextPreview("\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs))


def _described(node: Node) -> Node:
    return node._copy(preview_fn=partial(describe, node.func))

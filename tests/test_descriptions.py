import pickle

import pytest
from kedro.pipeline import Node, Pipeline

from mnist_gradients.descriptions import describe, described


def fit(numbers):
    """Fit a line, to the numbers
    that are given.

    It is straight.

    Args:
        numbers: What it is fitted to.

    Returns:
        The slope, and
        the intercept.

    Raises:
        ValueError: If there are none.
    """
    return numbers


def nameless(numbers):
    return numbers


def test_description_says_what_a_function_does_and_returns():
    assert describe(fit).content == (
        "Fit a line, to the numbers that are given.\n\nIt is straight.\n\n"
        "Returns: The slope, and the intercept."
    )


def test_function_without_docstring_is_called_by_its_name():
    assert describe(nameless).content == "nameless."


def test_described_pipeline_is_the_same_and_goes_to_other_processes():
    node = Node(fit, "numbers", "line", name="fit", tags="quick")
    pipeline = Pipeline([node], namespace="x", inputs="numbers")
    (found,) = pickle.loads(pickle.dumps(described(pipeline))).nodes  # noqa: S301 - our own
    assert (found.name, found.inputs, found.outputs, found.tags) == (
        *("x.fit", ["numbers"], ["x.line"]),
        {"quick"},
    )
    assert found.preview().content == describe(fit).content
    assert pipeline.nodes[0].preview() is None


def test_every_node_says_what_it_does(pipelines):
    nodes = pipelines["__default__"].nodes
    assert len(nodes) > 40
    for node in nodes:
        first = node.func.__doc__.splitlines()[0]
        assert first.endswith("."), node.name
        assert node.preview().content.partition("\n")[0].startswith(first), node.name


@pytest.mark.parametrize("name", ["ablation", "benchmark", "download"])
def test_nodes_of_pipelines_on_demand_do_so_too(pipelines, name):
    assert {
        node.preview().content == f"{node.func.__name__}." for node in pipelines[name].nodes
    } == {False}

import json

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.pipelines.fnn import plots
from mnist_gradients.plotting.interactive import MOST_POINTS

DRAW = {
    "loss": (plots.plot_loss_curves, plots.plot_interactive_loss_curves),
    "accuracy": (plots.plot_accuracy_curves, plots.plot_interactive_accuracy_curves),
}


def history(count):
    """A history that falls, evaluated every tenth iteration."""
    iteration = np.arange(1, count + 1)
    rng = np.random.default_rng(0)
    evaluated = iteration % 10 == 0
    columns = {"iteration": iteration, "epoch": iteration // 30 + 1}
    for part in ("train", "validation", "test"):
        loss = rng.uniform(0.9, 1.1, count) / np.sqrt(iteration)
        seen = True if part == "train" else evaluated
        columns[f"{part}_loss"] = np.where(seen, loss, np.nan)
        columns[f"{part}_accuracy"] = np.where(seen, 1 - loss / 10, np.nan)
    return pd.DataFrame(columns)


@pytest.mark.parametrize("measure", DRAW)
def test_curves_are_those_of_the_static_figure(measure):
    table = history(200)
    draw, draw_interactive = DRAW[measure]
    (axes,) = draw(table).axes
    figure = draw_interactive(table)
    assert [trace.name for trace in figure.data] == [
        f"training {measure}, each mini-batch",
        f"training {measure}, mean of 10 mini-batches",
        f"test {measure}",
    ]
    for line, trace in zip(axes.lines, figure.data, strict=True):
        np.testing.assert_array_equal(trace.x, line.get_xdata())
        np.testing.assert_allclose(trace.y, line.get_ydata(), rtol=1e-4)
        assert trace.line.color == line.get_color()
    np.testing.assert_allclose(figure.data[2].y, table[f"test_{measure}"].dropna(), rtol=1e-4)
    assert figure.layout.title.text == axes.get_title()
    assert figure.layout.xaxis.title.text == axes.get_xlabel()
    assert figure.layout.yaxis.title.text == axes.get_ylabel()
    assert tuple(figure.layout.xaxis.range) == axes.get_xlim() == (0, 200)
    assert (figure.layout.yaxis.type or "linear") == axes.get_yscale()


def test_loss_is_logarithmic_and_accuracy_ends_at_one():
    table = history(50)
    loss = plots.plot_interactive_loss_curves(table).layout.yaxis
    assert loss.type == "log"
    assert {"0.1", "0.2", "0.5", "1"} <= set(loss.ticktext)
    accuracy = plots.plot_interactive_accuracy_curves(table).layout.yaxis
    assert tuple(accuracy.range) == plots.accuracy_limits(table) == (0.9, 1.001)


@pytest.mark.parametrize(
    ("measure", "value"), [("loss", "%{y:.4g} nats"), ("accuracy", "%{y:.2%}")]
)
def test_hover_text_gives_iteration_and_value(measure, value):
    for trace in DRAW[measure][1](history(20)).data:
        assert trace.hovertemplate == (
            f"iteration %{{x:,d}}<br>{trace.name}: {value}<extra></extra>"
        )


def test_file_of_a_long_training_stays_small():
    table = history(60_000)
    figure = plots.plot_interactive_loss_curves(table)
    of_batch, mean, test = figure.data
    assert len(of_batch.x) == len(mean.x) == MOST_POINTS
    assert (of_batch.x[0], of_batch.x[-1]) == (1, 60_000)
    assert len(test.x) == 6000
    written = figure.to_json()
    assert len(written) < 500_000
    assert json.loads(written)["data"][2]["y"][0] == pytest.approx(table["test_loss"][9], rel=1e-4)


def test_accuracies_of_the_first_epoch_do_not_widen_the_limits():
    table = history(200)
    table.loc[9, "test_accuracy"] = 0.1  # in the first epoch
    assert plots.accuracy_limits(table) == (0.9, 1.001)
    table.loc[199, "test_accuracy"] = 0.5
    assert plots.accuracy_limits(table) == (0.49, 1.001)
    assert plots.accuracy_limits(history(20)) == (0.9, 1.001)

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.pipelines.logistic_regression import plots
from mnist_gradients.plotting.solver_styles import SOLVER_STYLES

HISTORY = pd.DataFrame(
    {
        "solver": ["gradient_descent"] * 3 + ["lbfgs"] * 3 + ["scikit_learn"],
        "iteration": [0, 1, 2, 0, 1, 2, 40],
        "seconds": [0.1, 0.2, 0.3, 0.1, 0.3, 0.5, 1.0],
        "objective": [0.7, 0.6, 0.5, 0.7, 0.45, 0.4, 0.4 * (1 + 1e-9)],
    }
)
COMPARISON = pd.DataFrame(
    {
        "solver": ["gradient_descent", "lbfgs", "scikit_learn"],
        "objective": [0.5, 0.4, 0.4 * (1 + 1e-9)],
        "relative_gap": [0.25, 0.0, 1e-9],
    }
)


@pytest.fixture
def figure():
    return plots.plot_interactive_convergence(HISTORY, COMPARISON)


def test_both_panels_show_the_data_of_the_static_figure(figure):
    picture = plots.plot_convergence(HISTORY, COMPARISON)
    for axes, axis in zip(picture.axes, ("x", "x2"), strict=True):
        traces = [trace for trace in figure.data if trace.xaxis == axis]
        for line, trace in zip(axes.lines, traces, strict=True):
            assert trace.name == line.get_label()
            np.testing.assert_allclose(trace.x, line.get_xdata())
            np.testing.assert_allclose(trace.y, line.get_ydata(), rtol=1e-4)
    assert figure.layout.title.text == picture.get_suptitle()
    assert figure.layout.xaxis.title.text == picture.axes[0].get_xlabel() == "iterations"
    assert figure.layout.xaxis2.title.text == picture.axes[1].get_xlabel()
    assert figure.layout.yaxis.title.text == picture.axes[0].get_ylabel()


def test_lines_have_the_colour_and_style_of_their_solver(figure):
    lines = plots.plot_convergence(HISTORY, COMPARISON).axes[0].lines
    for trace, line in zip(figure.data[:4:2], lines[:2], strict=True):
        style = SOLVER_STYLES[trace.name]
        assert (trace.line.color, trace.line.dash) == (style.colour, style.dash)
        assert (line.get_color(), line.get_linestyle()) == (style.colour, style.line_style)
    reference = figure.data[4]
    assert (reference.mode, reference.marker.symbol) == ("markers", "star")


def test_gap_is_that_to_the_lowest_objective(figure):
    descent, lbfgs, reference = figure.data[::2]
    assert descent.y == (0.5, 0.25)
    assert lbfgs.y == (0.125, plots.SMALLEST_GAP)
    np.testing.assert_allclose(reference.y, [1e-9], rtol=1e-3)


def test_all_axes_are_logarithmic(figure):
    layout = figure.layout
    axes = (layout.xaxis, layout.xaxis2, layout.yaxis, layout.yaxis2)
    assert [axis.type for axis in axes] == ["log"] * 4


def test_tooltip_shows_iteration_seconds_and_gap(figure):
    for trace in figure.data[2:4]:
        assert trace.hovertemplate == (
            "lbfgs<br>iteration %{customdata[0]:,d}, %{customdata[1]:.3g} s<br>"
            "gap %{y:.2e}<extra></extra>"
        )
        assert [tuple(point) for point in trace.customdata] == [(1, 0.3), (2, 0.5)]


def test_legend_names_every_solver_once(figure):
    shown = [trace.name for trace in figure.data if trace.showlegend]
    assert shown == ["gradient_descent", "lbfgs", plots.REFERENCE_LABEL]

import json

import numpy as np
import pytest

from mnist_gradients.plotting import interactive


def test_panels_share_their_y_axis_and_have_titles():
    figure = interactive.new_figure("convergence", ["iterations", "seconds"], "gap")
    assert figure.layout.title.text == "convergence"
    assert figure.layout.xaxis.title.text == "iterations"
    assert figure.layout.xaxis2.title.text == "seconds"
    assert figure.layout.yaxis.title.text == "gap"
    assert figure.layout.yaxis2.matches == "y"
    assert figure.layout.yaxis2.title.text is None
    assert figure.layout.xaxis.gridcolor == figure.layout.xaxis2.gridcolor


def test_numbers_are_rounded_and_remain_a_list():
    numbers = interactive.short(np.array([1 / 3, 123456.7, 1e-13 / 3, 0.0]))
    assert numbers == [0.33333, 123460.0, 3.3333e-14, 0.0]
    figure = interactive.new_figure("", ["x"], "y").add_scatter(y=numbers)
    assert json.loads(figure.to_json())["data"][0]["y"] == numbers


@pytest.mark.parametrize("count", [1, 2, interactive.MOST_POINTS])
def test_few_points_are_all_drawn(count):
    assert interactive.thinned(count).tolist() == list(range(count))


def test_many_points_are_thinned_evenly():
    drawn = interactive.thinned(100_000)
    assert len(drawn) == interactive.MOST_POINTS
    assert (drawn[0], drawn[-1]) == (0, 99_999)
    assert set(np.diff(drawn)) == {20, 21}


def test_logarithmic_ticks_are_written_out_and_enclose_the_values():
    axis = interactive.log_ticks([0.0, 0.07, 2.5])
    assert axis["type"] == "log"
    assert axis["ticktext"] == [
        *("0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50")
    ]
    assert axis["tickvals"] == [float(text) for text in axis["ticktext"]]

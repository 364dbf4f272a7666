"""The error of difference quotients against their step: its slopes and its minimum."""

import io

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.pipelines.derivations import plots
from mnist_gradients.verification.parameters import StepSweepParameters
from mnist_gradients.verification.step_sweep import sweep


@pytest.fixture(scope="module")
def errors() -> pd.DataFrame:
    parameters = StepSweepParameters(largest=1e-1, smallest=1e-14, points_per_decade=2)
    return sweep(parameters, seed=0).set_index("step")


def order(errors: pd.Series, high: float, low: float) -> float:
    """Exponent of the step with which the error falls between two steps."""
    near = [errors.iloc[np.abs(np.log(errors.index / h)).argmin()] for h in (high, low)]
    return np.log(near[0] / near[1]) / np.log(high / low)


def test_one_row_per_step_from_the_largest_to_the_smallest(errors):
    assert list(errors.columns) == ["forward", "central", "complex_step"]
    assert len(errors) == 27
    assert errors.index[0] == pytest.approx(1e-1)
    assert errors.index[-1] == pytest.approx(1e-14)


@pytest.mark.parametrize(
    ("quotient", "truncation", "best_step", "best_error"),
    [("forward", 1, 1e-8, 1e-7), ("central", 2, 1e-5, 1e-9)],
)
def test_error_has_a_minimum_at_the_best_step(errors, quotient, truncation, best_step, best_error):
    column = errors[quotient]
    assert order(column, 1e-1, 1e-3) == pytest.approx(truncation, abs=0.1)
    assert order(column, 1e-10, 1e-14) == pytest.approx(-1, abs=0.3)
    assert best_step / 30 < column.idxmin() < best_step * 30
    assert column.min() < best_error


def test_complex_step_has_no_rounding_error(errors):
    assert order(errors["complex_step"], 1e-1, 1e-3) == pytest.approx(2, abs=0.1)
    assert errors.loc[errors.index < 1e-9, "complex_step"].max() < 1e-15


def test_the_plot_shows_every_curve_on_logarithmic_axes(errors):
    figure = plots.plot_step_sweep(errors.reset_index())
    figure.savefig(io.BytesIO(), format="png")
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    for line, column in zip(axes.lines, errors, strict=False):
        np.testing.assert_array_equal(line.get_xdata(), errors.index)
        np.testing.assert_array_equal(line.get_ydata(), errors[column].clip(lower=1e-17))
    assert "step" in axes.get_xlabel()
    assert "error" in axes.get_ylabel()

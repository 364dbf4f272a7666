"""The error of softmax on shifted logits: none but rounding, and no number without care."""

import io

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.pipelines.derivations import plots
from mnist_gradients.verification.shift_sweep import sweep


@pytest.fixture(scope="module")
def errors() -> pd.DataFrame:
    return sweep(seed=0)


def test_error_is_that_of_rounding_the_shifted_logits(errors):
    rounding = np.finfo(float).eps * errors["shift"].abs()
    assert (errors["stable"] <= rounding).all()
    assert errors.loc[errors["shift"] == 0, "stable"].item() == 0


def test_definition_is_undefined_beyond_the_range_of_float64(errors):
    assert errors.loc[errors["shift"].abs() <= 700, "plain"].max() < 1e-12
    assert errors.loc[errors["shift"].abs() >= 750, "plain"].isna().all()


def test_plot_shows_both_curves(errors):
    figure = plots.plot_shift_sweep(errors)
    figure.savefig(io.BytesIO(), format="png")
    (axes,) = figure.axes
    for line, column in zip(axes.lines, ("stable", "plain"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), errors["shift"])
        np.testing.assert_array_equal(line.get_ydata(), errors[column].clip(lower=1e-17))
    assert axes.get_yscale() == "log"

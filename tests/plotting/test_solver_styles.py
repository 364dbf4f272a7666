import numpy as np
import pytest
from matplotlib.colors import to_rgb

from mnist_gradients.benchmarking.solvers import SOLVERS as BENCHMARKED
from mnist_gradients.maths.solvers import SOLVERS
from mnist_gradients.plotting.solver_styles import LINE_STYLES, SOLVER_STYLES


def test_every_solver_has_a_style_of_its_own():
    assert {*SOLVERS, *BENCHMARKED, "scikit_learn"} == set(SOLVER_STYLES)
    assert len(set(SOLVER_STYLES.values())) == len(SOLVER_STYLES)


def test_our_solvers_differ_in_colour_and_in_line_style():
    ours = [SOLVER_STYLES[name] for name in SOLVERS]
    assert len({style.colour for style in ours}) == len({style.dash for style in ours}) == len(ours)


# Machado et al. (2009), severity 1, on linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)
PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)


@pytest.mark.parametrize("blindness", [DEUTERANOPIA, PROTANOPIA, np.eye(3)])
def test_colour_blind_readers_can_tell_our_colours_apart(blindness):
    linear = np.array([to_rgb(SOLVER_STYLES[name].colour) for name in SOLVERS]) ** 2.2
    seen = np.clip(linear @ blindness.T, 0, 1) ** (1 / 2.2)
    distances = np.linalg.norm(seen[:, None] - seen, axis=2)
    assert distances[~np.eye(len(seen), dtype=bool)].min() > 0.15
    assert np.linalg.norm(seen[0] - np.clip(blindness @ np.zeros(3), 0, 1)) > 0.15


def test_line_styles_are_those_of_matplotlib():
    from matplotlib.lines import Line2D

    for style in LINE_STYLES.values():
        Line2D([], [], linestyle=style)

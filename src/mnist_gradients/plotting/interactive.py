"""Interactive figures: their style, and short numbers that keep the files small.

Plotly is imported where a figure is made: most commands do not need it.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

MOST_POINTS = 5000


def new_figure(title: str, x_titles: Iterable[str], y_title: str, *, height: int = 480) -> Any:
    """Return a plotly figure without traces: panels side by side that share their y-axis.

    Args:
        title: Title of the figure.
        x_titles: Title of the x-axis of each panel.
        y_title: Title of the common y-axis.
        height: Height in pixels; the width is that of the page.
    """
    from plotly.subplots import make_subplots

    names = list(x_titles)
    figure = make_subplots(1, len(names), shared_yaxes=True, horizontal_spacing=0.04)
    figure.update_layout(
        title=title,
        template="plotly_white",
        height=height,
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"},
    )
    # kedro-viz adapts only the first panel to its dark page. These colours suit light and dark.
    look = {
        "gridcolor": "rgba(128, 128, 128, 0.3)",
        "zeroline": False,
        "exponentformat": "power",
        "title": {"font": {"size": 13}},
        "tickfont": {"size": 11},
    }
    figure.update_xaxes(**look)
    figure.update_yaxes(**look)
    for panel, name in enumerate(names, start=1):
        figure.update_xaxes(title_text=name, row=1, col=panel)
    figure.update_yaxes(title_text=y_title, row=1, col=1)
    return figure


def log_ticks(values: Iterable[float]) -> dict[str, Any]:
    """Return the options of a logarithmic axis with ticks at 1, 2 and 5 of each decade."""
    values = [value for value in values if value > 0]
    decades = range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
    ticks = [float(f"{digit}e{decade}") for decade in decades for digit in (1, 2, 5)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def short(values: Any) -> list[float]:
    """Return numbers rounded to five significant digits.

    The result is a list: plotly writes arrays in a form that older viewers cannot read.
    """
    return [float(f"{value:.5g}") for value in np.asarray(values, dtype=float)]


def thinned(count: int) -> np.ndarray:
    """Return the indices of the points to draw: at most `MOST_POINTS`, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).astype(int))

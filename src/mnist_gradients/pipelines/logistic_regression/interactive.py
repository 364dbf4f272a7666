"""Node that draws the race of the solvers once more, to be zoomed and asked for numbers."""

from itertools import cycle
from typing import Any

import pandas as pd

from mnist_gradients.pipelines.logistic_regression import plots
from mnist_gradients.pipelines.logistic_regression.nodes import REFERENCE
from mnist_gradients.plotting import interactive


def plot_interactive_convergence(history: pd.DataFrame, comparison: pd.DataFrame) -> Any:
    """Draw each solver's gap against iterations and against seconds, as a plotly figure."""
    from matplotlib.colors import TABLEAU_COLORS  # in which plot_convergence draws its lines

    figure = interactive.new_figure(
        plots.convergence_title(comparison), plots.CONVERGENCE_AXES.values(), plots.GAP_LABEL
    )
    colours = cycle(TABLEAU_COLORS.values())
    for solver, path in plots.convergence_paths(history, comparison).items():
        look: dict[str, Any]
        if solver == REFERENCE:
            name = plots.REFERENCE_LABEL
            # The white rim shows it on a dark page.
            rim = {"color": "white", "width": 1}
            star = {"symbol": "star", "size": 13, "color": "black", "line": rim}
            look = {"mode": "markers", "marker": star}
        else:
            name = solver
            look = {"mode": "lines", "line": {"color": next(colours), "width": 2}}
        drawn = path.iloc[interactive.thinned(len(path))]
        for panel, x in enumerate(plots.CONVERGENCE_AXES, start=1):
            figure.add_scatter(
                x=interactive.short(drawn[x]),
                y=interactive.short(drawn["gap"]),
                customdata=list(
                    zip(drawn["iteration"], interactive.short(drawn["seconds"]), strict=True)
                ),
                name=name,
                legendgroup=name,  # one entry for both panels
                showlegend=panel == 1,
                hovertemplate=f"{name}<br>iteration %{{customdata[0]:,d}}, "
                "%{customdata[1]:.3g} s<br>gap %{y:.2e}<extra></extra>",
                row=1,
                col=panel,
                **look,
            )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log")
    return figure

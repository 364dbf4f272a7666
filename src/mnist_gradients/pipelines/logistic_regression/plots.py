"""Nodes that draw the figures of the logistic-regression pipeline."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.pipelines.logistic_regression.parameters import TaskParameters
from mnist_gradients.plotting import figures, interactive
from mnist_gradients.plotting.solver_styles import SOLVER_STYLES
from mnist_gradients.regression.solvers import REFERENCE, best_solver
from mnist_gradients.regression.task import design_matrix, name_classes, targets

SMALLEST_GAP = 1e-13  # the resolution of float64
CONVERGENCE_AXES = {"iteration": "iterations", "seconds": "seconds, set-up included"}
GAP_LABEL = "relative gap to the optimum, (J − J*) / J*"
REFERENCE_LABEL = "scikit_learn (last iteration)"
FIGURES = (
    *("convergence", "convergence_plotly", "regularisation_path_plot"),
    *("weights_plot", "roc_curves_plot", "confusion_matrix_plot"),
)


def plot_regularisation_path(
    regularisation_path: pd.DataFrame, penalty: dict[str, float]
) -> Figure:
    """Draw training and validation error against the strength of the penalty."""
    figure, axes = figures.new_figure(width=7.5, height=4.5)
    path, chosen = regularisation_path, penalty["l2"]
    for part, colour, style in (
        ("train", figures.TRAINING_DARK, "--"),
        ("validation", figures.TEST, "-"),
    ):
        axes.plot(
            path["l2"],
            100 * path[f"{part}_error"],
            color=colour,
            linestyle=style,
            marker="o",
            label=f"{part} error",
        )
    axes.axvline(chosen, color="0.4", linestyle=":", label=f"chosen: {chosen:g}")
    axes.set(
        xlim=(path["l2"].min() / 2, path["l2"].max() * 2),  # so wide that one strength is visible
        xscale="log",
        xlabel="strength of the L2 penalty, lambda",
        ylabel="error (% of images)",
        title="Regularisation path: the penalty is chosen by validation error",
    )
    axes.legend(frameon=False)
    return figure


def plot_convergence(history: pd.DataFrame, comparison: pd.DataFrame) -> Figure:
    """Draw each solver's relative gap to the optimum against iterations and against seconds."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for solver, path in convergence_paths(history, comparison).items():
        style = SOLVER_STYLES[solver]
        look: dict[str, Any] = {"color": style.colour, "label": solver}
        if solver == REFERENCE:
            look |= {"linestyle": "none", "marker": "*", "markersize": 12, "label": REFERENCE_LABEL}
        else:
            look |= {"linestyle": style.line_style, "linewidth": 1.8}
        for axes, x in zip(panels, CONVERGENCE_AXES, strict=True):
            axes.plot(path[x], path["gap"], **look)
    for axes, label in zip(panels, CONVERGENCE_AXES.values(), strict=True):
        figures.tidy(axes)
        axes.set(xscale="log", yscale="log", xlabel=label)
        figures.label_1_2_5(axes.xaxis)
    panels[0].set_ylabel(GAP_LABEL)
    figures.legend_outside(panels[1])
    figure.suptitle(convergence_title(comparison))
    return figure


def plot_interactive_convergence(history: pd.DataFrame, comparison: pd.DataFrame) -> Any:
    """Draw the same as `plot_convergence`, as a plotly figure."""
    figure = interactive.new_figure(
        convergence_title(comparison), CONVERGENCE_AXES.values(), GAP_LABEL
    )
    for solver, path in convergence_paths(history, comparison).items():
        name = REFERENCE_LABEL if solver == REFERENCE else solver
        drawn = path.iloc[interactive.thinned(len(path))]
        for panel, x in enumerate(CONVERGENCE_AXES, start=1):
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
                **_plotly_look(solver),
            )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log")
    return figure


def _plotly_look(solver: str) -> dict[str, Any]:
    """Return the options of a solver's trace: a line, or for scikit-learn's only point a star."""
    style = SOLVER_STYLES[solver]
    if solver == REFERENCE:
        rim = {"color": "white", "width": 1}  # visible on a dark page
        star = {"symbol": "star", "size": 13, "color": style.colour, "line": rim}
        return {"mode": "markers", "marker": star}
    return {"mode": "lines", "line": {"color": style.colour, "dash": style.dash, "width": 2}}


def convergence_paths(history: pd.DataFrame, comparison: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return what to draw of each solver: the history, less its start, with a column gap.

    A logarithmic axis has no place for iteration 0, the start; of scikit-learn only the end is
    known.
    """
    optimum = comparison["objective"].min()
    gap = ((history["objective"] - optimum) / optimum).clip(lower=SMALLEST_GAP)
    drawn = history.assign(gap=gap)[(history["iteration"] > 0) | (history["solver"] == REFERENCE)]
    return {str(solver): path for solver, path in drawn.groupby("solver", sort=False)}


def convergence_title(comparison: pd.DataFrame) -> str:
    """Return a title that names the solvers that stopped early."""
    unfinished = comparison.loc[comparison["relative_gap"] > 1e-3, "solver"].tolist()
    note = f"; stopped far from converged: {', '.join(unfinished)}" if unfinished else ""
    return f"Solvers on one objective, one thread each{note}"


def plot_weights(
    models: dict[str, LinearModel],
    comparison: pd.DataFrame,
    train: LabelledImages,
    class_names: Sequence[str],
    parameters: TaskParameters,
) -> Figure:
    """Draw the weights of the best model as images, one per class."""
    model = models[best_solver(comparison)]
    names = name_classes(class_names, parameters)
    shown = names[1:] if model.weights.shape[1] == 1 else names
    n_columns = min(5, len(shown))
    n_rows = -(-len(shown) // n_columns)
    figure = Figure(figsize=(2.4 * n_columns + 1.8, 2.5 * n_rows + 0.5), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    largest = np.abs(model.weights).max()
    for axes in grid.ravel():
        axes.set_axis_off()
    for axes, name, w in zip(grid.ravel(), shown, model.weights.T, strict=False):
        image = axes.imshow(
            w.reshape(train.images.shape[1:]), cmap="RdBu_r", vmin=-largest, vmax=largest
        )
        axes.set_title(name, fontsize=10)
    figure.colorbar(image, ax=grid, label="weight (nats per unit of pixel)", shrink=0.8)
    figure.suptitle("Ink on red raises the probability of the class,\nink on blue lowers it")
    return figure


def plot_roc_curves(
    models: dict[str, LinearModel],
    comparison: pd.DataFrame,
    test: LabelledImages,
    class_names: Sequence[str],
    parameters: TaskParameters,
) -> Figure:
    """Draw the best model's ROC curve on the test images, one per class against the rest.

    Of several classes the best one, the worst one and their mean stand out; the others are grey.
    """
    from sklearn.metrics import roc_auc_score, roc_curve

    model = models[best_solver(comparison)]
    scores = model.log_probabilities(design_matrix(test))
    y = targets(test, parameters)
    names = name_classes(class_names, parameters)
    shown = range(1 if len(names) == 2 else 0, len(names))
    areas = {k: float(roc_auc_score(y == k, scores[:, k])) for k in shown}
    highest, lowest = max(shown, key=areas.__getitem__), min(shown, key=areas.__getitem__)
    looks = {lowest: (figures.COLOURS[1], "--"), highest: (figures.COLOURS[0], "-")}
    grid = np.linspace(0, 1, 2001)
    rates = []
    figure, axes = figures.new_figure(width=7.5, height=4.8)
    for k in shown:
        false_positives, true_positives, _ = roc_curve(y == k, scores[:, k])
        rates.append(np.interp(grid, false_positives, true_positives))
        colour, style = looks.get(k, ("0.7", "-"))
        label = f"{names[k]}: {areas[k]:.4f}"
        axes.plot(
            *(false_positives, true_positives, style),
            color=colour,
            linewidth=1.6 if k in looks else 0.8,
            zorder=2 if k in looks else 1.5,
            label=label,
        )
    if len(areas) > 1:
        mean = np.mean(list(areas.values()))
        label = f"mean of the classes: {mean:.4f}"
        axes.plot(grid, np.mean(rates, axis=0), "-.", color="black", linewidth=1.8, label=label)
    axes.set(
        xlabel="false positive rate (fraction of the other images)",
        ylabel="true positive rate (fraction of the class)",
        xlim=(-0.005, 0.3),
        ylim=(0.7, 1.005),
        title="ROC curves on the test images (upper left part)",
    )
    figures.legend_outside(axes, title="class: area under the curve")
    return figure


def plot_confusion_matrix(
    models: dict[str, LinearModel],
    comparison: pd.DataFrame,
    test: LabelledImages,
    class_names: Sequence[str],
    parameters: TaskParameters,
) -> Figure:
    """Draw the confusion matrix of the best model on the test images."""
    solver = best_solver(comparison)
    y, predicted = targets(test, parameters), models[solver].predict(design_matrix(test))
    wrong = int((y != predicted).sum())
    return figures.confusion_matrix(
        y,
        predicted,
        name_classes(class_names, parameters),
        title=f"{solver}\n{wrong:,} mistakes in {len(y):,} test images",
    )

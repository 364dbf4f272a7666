import io

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.pipelines.logistic_regression import plots

NAMES = "abcdefghij"  # of the ten digits


@pytest.fixture
def fitted():
    """Models with one non-zero weight, at the middle pixel; lbfgs is the better of ours."""

    def model(weight, columns):
        W = np.zeros((49, columns))
        W[24] = weight * np.linspace(-1, 1, columns) if columns > 1 else weight
        return LinearModel(W, np.zeros(columns), np.arange(max(2, columns)), l2=0.1)

    def fitted(columns):
        models = {
            "gradient_descent": model(1.0, columns),
            "lbfgs": model(-2.0, columns),
            "scikit_learn": model(5.0, columns),
        }
        comparison = pd.DataFrame(
            {
                "solver": list(models),
                "objective": [0.5, 0.4, 0.3999],
                "relative_gap": [0.25, 0.00025, 0.0],
            }
        )
        return models, comparison

    return fitted


def drawn(figure):
    """Draw the figure and return it; a warning fails the test."""
    figure.savefig(io.BytesIO(), format="png")
    return figure


def test_regularisation_path_of_one_strength_can_be_drawn():
    row = {"l2": [0.1], "train_error": [0.1], "validation_error": [0.2]}
    drawn(plots.plot_regularisation_path(pd.DataFrame(row), {"l2": 0.1}))


def test_regularisation_path_marks_the_chosen_penalty():
    path = pd.DataFrame(
        {
            "l2": [0.1, 0.01],
            "train_error": [0.12, 0.08],
            "validation_error": [0.13, 0.11],
        }
    )
    axes = drawn(plots.plot_regularisation_path(path, {"l2": 0.01})).axes[0]
    train, validation, mark = axes.lines
    np.testing.assert_allclose(train.get_ydata(), [12, 8])
    np.testing.assert_allclose(validation.get_ydata(), [13, 11])
    assert mark.get_xdata() == [0.01, 0.01]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "strength of the L2 penalty, lambda",
        "error (% of images)",
    )
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["train error", "validation error", "chosen: 0.01"]


class TestConvergence:
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
    def figure(self):
        return drawn(plots.plot_convergence(self.HISTORY, self.COMPARISON))

    def test_both_panels_show_the_gap_of_every_solver(self, figure):
        by_iterations, by_seconds = figure.axes
        assert by_iterations.get_xlabel() == "iterations"
        assert by_seconds.get_xlabel() == "seconds, set-up included"
        assert by_iterations.get_ylabel() == "relative gap to the optimum, (J − J*) / J*"
        for axes, x in ((by_iterations, [1, 2]), (by_seconds, [0.2, 0.3])):
            assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
            descent, lbfgs, optimum = axes.lines
            np.testing.assert_allclose(descent.get_xdata(), x)
            np.testing.assert_allclose(descent.get_ydata(), [0.5, 0.25])
            np.testing.assert_allclose(lbfgs.get_ydata(), [0.125, plots.SMALLEST_GAP])
            np.testing.assert_allclose(optimum.get_ydata(), [1e-9], rtol=1e-3)
            assert optimum.get_marker() == "*"
        legend = [text.get_text() for text in by_seconds.get_legend().get_texts()]
        assert legend == ["gradient_descent", "lbfgs", "scikit_learn (last iteration)"]

    def test_title_names_the_solvers_that_stopped_early(self, figure):
        assert figure.get_suptitle().endswith("; stopped far from converged: gradient_descent")

    def test_title_names_no_solver_if_all_converged(self):
        comparison = self.COMPARISON.assign(relative_gap=1e-9)
        title = plots.plot_convergence(self.HISTORY, comparison).get_suptitle()
        assert title == "Solvers on one objective, one thread each"


@pytest.mark.parametrize(
    ("columns", "titles"),
    [(1, ["b d f h j"]), (10, list(NAMES))],
)
def test_weights_of_our_best_model_are_one_image_per_class(sets, task, fitted, columns, titles):
    models, comparison = fitted(columns)
    parameters = task(positive_classes=(1, 3, 5, 7, 9) if columns == 1 else None)
    figure = drawn(plots.plot_weights(models, comparison, sets[0], NAMES, parameters))
    images = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in images] == titles
    shown = images[0].images[0]
    # Not scikit-learn's weights, though its objective is lower still.
    expected = models["lbfgs"].weights[:, 0].reshape(7, 7)
    np.testing.assert_array_equal(shown.get_array(), expected)
    assert shown.get_clim() == (-2, 2)
    assert figure.axes[-1].get_ylabel() == "weight (nats per unit of pixel)"


@pytest.mark.parametrize("positive_classes", [(1, 3, 5, 7, 9), None])
def test_roc_curves_name_their_area(sets, task, fitted, positive_classes):
    models, comparison = fitted(1 if positive_classes else 10)
    parameters = task(positive_classes=positive_classes)
    axes = drawn(plots.plot_roc_curves(models, comparison, sets[2], NAMES, parameters)).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert len(axes.lines) == len(labels) == (1 if positive_classes else 11)
    pixel = sets[2].images[:, 3, 3].astype(float)
    if positive_classes:  # the model predicts odd if the pixel is light
        area = roc_auc_score(sets[2].labels % 2, -pixel)
        assert labels == [f"b d f h j: {area:.4f}"]
    else:
        names, areas = zip(*(label.split(": ") for label in labels), strict=True)
        assert names == (*NAMES, "mean of the classes")
        areas = np.array(areas, dtype=float)
        assert areas[-1] == pytest.approx(areas[:-1].mean(), abs=1e-4)
        styles = [line.get_linestyle() for line in axes.lines]
        assert styles.index("--") == areas[:-1].argmin()
        assert styles[-1] == "-."
    assert axes.get_xlabel() == "false positive rate (fraction of the other images)"
    assert axes.get_ylabel() == "true positive rate (fraction of the class)"


def test_confusion_matrix_counts_the_predictions_of_our_best_model(sets, task, fitted):
    models, comparison = fitted(1)
    figure = drawn(plots.plot_confusion_matrix(models, comparison, sets[2], NAMES, task()))
    counts = [int(text.get_text()) for text in figure.axes[0].texts]
    # Its logit is never above zero: every prediction is even.
    odd = int((sets[2].labels % 2).sum())
    assert counts == [150 - odd, 0, odd, 0]
    assert figure.axes[0].get_title() == f"lbfgs\n{odd} mistakes in 150 test images"

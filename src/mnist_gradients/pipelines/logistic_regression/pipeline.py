"""Wiring of the logistic-regression pipeline: one template, one namespace per task."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.logistic_regression import nodes, plots

TASKS = ("binary", "multinomial")


def create_pipeline() -> Pipeline:
    """Return the template pipeline once per task."""
    return sum((create_task_pipeline(task) for task in TASKS), Pipeline([]))


def create_task_pipeline(task: str) -> Pipeline:
    """Return the pipeline that fits, measures and compares the solvers on one task."""
    template = Pipeline(
        [
            Node(
                nodes.trace_regularisation_path,
                inputs=["train", "validation", "params:task"],
                outputs="regularisation_path",
                name="trace_regularisation_path",
            ),
            Node(
                nodes.choose_penalty,
                inputs="regularisation_path",
                outputs="penalty",
                name="choose_penalty",
            ),
            Node(
                nodes.fit_models,
                inputs=["train", "penalty", "params:task"],
                outputs=["models", "history"],
                name="fit_models",
            ),
            Node(
                nodes.measure_models,
                inputs=["models", "train", "validation", "test", "params:task"],
                outputs="measures",
                name="measure_models",
            ),
            Node(
                nodes.compare_solvers,
                inputs=["models", "history", "measures"],
                outputs=["comparison", "metrics"],
                name="compare_solvers",
            ),
            Node(
                plots.plot_regularisation_path,
                inputs=["regularisation_path", "penalty"],
                outputs="regularisation_path_plot",
                name="plot_regularisation_path",
            ),
            Node(
                plots.plot_convergence,
                inputs=["history", "comparison"],
                outputs="convergence",
                name="plot_convergence",
            ),
            Node(
                plots.plot_interactive_convergence,
                inputs=["history", "comparison"],
                outputs="convergence_plotly",
                name="plot_interactive_convergence",
            ),
            Node(
                plots.plot_weights,
                inputs=["models", "comparison", "train", "params:task"],
                outputs="weights_plot",
                name="plot_weights",
            ),
            Node(
                plots.plot_roc_curves,
                inputs=["models", "comparison", "test", "params:task"],
                outputs="roc_curves_plot",
                name="plot_roc_curves",
            ),
            Node(
                plots.plot_confusion_matrix,
                inputs=["models", "comparison", "test", "params:task"],
                outputs="confusion_matrix_plot",
                name="plot_confusion_matrix",
            ),
        ]
    )
    return Pipeline(
        template,
        namespace=f"logistic_regression.{task}",
        inputs={"train", "validation", "test"},
        parameters={"params:task": f"params:logistic_regression.{task}"},
        tags=["logistic_regression", task],
    )

"""Wiring of the logistic-regression pipeline: one template, one namespace per task."""

import warnings

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.logistic_regression import nodes, plots

TASKS = ("binary", "multinomial")


def create_pipeline() -> Pipeline:
    """Return the template pipeline once per task, and what joins the tasks."""
    return sum((create_task_pipeline(task) for task in TASKS), create_joining_pipeline())


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
                nodes.measure_classes,
                inputs=["models", "comparison", "test", "class_names", "params:task"],
                outputs="class_metrics",
                name="measure_classes",
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
                inputs=["models", "comparison", "train", "class_names", "params:task"],
                outputs="weights_plot",
                name="plot_weights",
            ),
            Node(
                plots.plot_roc_curves,
                inputs=["models", "comparison", "test", "class_names", "params:task"],
                outputs="roc_curves_plot",
                name="plot_roc_curves",
            ),
            Node(
                plots.plot_confusion_matrix,
                inputs=["models", "comparison", "test", "class_names", "params:task"],
                outputs="confusion_matrix_plot",
                name="plot_confusion_matrix",
            ),
            Node(
                nodes.write_subsection,
                inputs={
                    "comparison": "comparison",
                    "class_metrics": "class_metrics",
                    "class_names": "class_names",
                    "parameters": "params:task",
                    **{figure: figure for figure in plots.FIGURES},
                },
                outputs="subsection",
                name="write_subsection",
            ),
        ]
    )
    return Pipeline(
        template,
        namespace=f"logistic_regression.{task}",
        inputs={"train", "validation", "test", "class_names"},
        parameters={"params:task": f"params:logistic_regression.{task}"},
        tags=["logistic_regression", task],
    )


def create_joining_pipeline() -> Pipeline:
    """Return the pipeline that joins the metrics and the report of all tasks."""
    with warnings.catch_warnings():
        # Kedro warns of dots in names; these are the namespaces of the tasks.
        warnings.filterwarnings("ignore", "One or more dataset names contain '.'")
        return Pipeline(
            [
                Node(
                    nodes.join_metrics,
                    inputs={task: f"{task}.metrics" for task in TASKS},
                    outputs="metrics",
                    name="join_metrics",
                ),
                Node(
                    nodes.write_section,
                    inputs=[f"{task}.subsection" for task in TASKS],
                    outputs="section",
                    name="write_section",
                ),
            ],
            namespace="logistic_regression",
            tags="logistic_regression",
        )

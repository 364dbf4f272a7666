"""Wiring of the preprocessing check."""

import warnings

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.preprocessing_check import nodes, plots


def create_pipeline() -> Pipeline:
    """Return the pipeline that measures the accuracy on photographed digits of many kinds."""
    linear = {task: f"logistic_regression.{task}.models" for task in ("binary", "multinomial")}
    with warnings.catch_warnings():
        # The dots are those of the pipelines that the models come from.
        warnings.filterwarnings("ignore", "One or more dataset names contain '.'")
        return Pipeline(
            [
                Node(
                    nodes.render_digits,
                    inputs=["test", "params:preprocessing_check", "params:seed"],
                    outputs="digits",
                    name="render_digits",
                ),
                Node(
                    nodes.measure_network,
                    inputs=["digits", "fnn.model"],
                    outputs="fnn",
                    name="measure_network",
                ),
                Node(
                    nodes.measure_linear_model,
                    inputs=["digits", linear["binary"], "params:preprocessing_check"],
                    outputs="binary",
                    name="measure_binary",
                ),
                Node(
                    nodes.measure_linear_model,
                    inputs=["digits", linear["multinomial"], "params:preprocessing_check"],
                    outputs="multinomial",
                    name="measure_multinomial",
                ),
                Node(
                    nodes.compare_accuracies,
                    inputs=["fnn", "binary", "multinomial", "params:preprocessing_check"],
                    outputs="accuracy",
                    name="compare_accuracies",
                ),
                Node(
                    plots.draw_accuracy,
                    inputs=["accuracy", "params:preprocessing_check"],
                    outputs="accuracy_plot",
                    name="draw_accuracy",
                ),
            ],
            namespace="preprocessing_check",
            inputs={"test", "fnn.model", *linear.values()},
            parameters={"params:preprocessing_check", "params:seed"},
            tags="preprocessing_check",
        )

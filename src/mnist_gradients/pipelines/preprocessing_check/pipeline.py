"""Wiring of the round trip."""

import warnings

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.preprocessing_check import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that measures what the way through an image file costs."""
    linear = {task: f"logistic_regression.{task}.models" for task in ("binary", "multinomial")}
    with warnings.catch_warnings():
        # The dots are those of the pipelines that the models come from.
        warnings.filterwarnings("ignore", "One or more dataset names contain '.'")
        return Pipeline(
            [
                Node(
                    nodes.send_digits_round,
                    inputs=["test", "params:preprocessing_check", "params:seed"],
                    outputs="digits",
                    name="send_digits_round",
                ),
                Node(
                    nodes.measure_network,
                    inputs=["test", "digits", "fnn.model"],
                    outputs="fnn",
                    name="measure_network",
                ),
                Node(
                    nodes.measure_linear_model,
                    inputs=["test", "digits", linear["binary"], "params:preprocessing_check"],
                    outputs="binary",
                    name="measure_binary",
                ),
                Node(
                    nodes.measure_linear_model,
                    inputs=["test", "digits", linear["multinomial"], "params:preprocessing_check"],
                    outputs="multinomial",
                    name="measure_multinomial",
                ),
                Node(
                    nodes.compare_accuracies,
                    inputs=["fnn", "binary", "multinomial", "params:preprocessing_check"],
                    outputs="accuracy",
                    name="compare_accuracies",
                ),
            ],
            namespace="preprocessing_check",
            inputs={"test", "fnn.model", *linear.values()},
            parameters={"params:preprocessing_check", "params:seed"},
            tags="preprocessing_check",
        )

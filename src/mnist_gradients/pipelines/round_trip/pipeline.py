"""Wiring of the round trip."""

import warnings

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.round_trip import nodes


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
                    inputs=["test", "params:round_trip", "params:seed"],
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
                    inputs=["test", "digits", linear["binary"], "params:round_trip"],
                    outputs="binary",
                    name="measure_binary",
                ),
                Node(
                    nodes.measure_linear_model,
                    inputs=["test", "digits", linear["multinomial"], "params:round_trip"],
                    outputs="multinomial",
                    name="measure_multinomial",
                ),
                Node(
                    nodes.compare_accuracies,
                    inputs=["fnn", "binary", "multinomial", "params:round_trip"],
                    outputs="accuracy",
                    name="compare_accuracies",
                ),
            ],
            namespace="round_trip",
            inputs={"test", "fnn.model", *linear.values()},
            parameters={"params:round_trip", "params:seed"},
            tags="round_trip",
        )

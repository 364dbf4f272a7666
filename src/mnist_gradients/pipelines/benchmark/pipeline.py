"""Wiring of the benchmark pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.benchmarking import robustness, throughput
from mnist_gradients.pipelines.benchmark import nodes, plots


def create_pipeline() -> Pipeline:
    """Return the pipeline that races the solvers and measures how their cost grows."""
    return Pipeline(
        [
            Node(
                nodes.describe_environment,
                inputs=None,
                outputs="environment",
                name="describe_environment",
            ),
            Node(
                nodes.find_optima,
                inputs=["train", "validation", "params:benchmark"],
                outputs="optima",
                name="find_optima",
            ),
            Node(
                nodes.race_contenders,
                inputs=["train", "validation", "optima", "params:benchmark", "params:seed"],
                outputs=["runs", "paths"],
                name="race_contenders",
            ),
            Node(
                nodes.tabulate_time_to_gap,
                inputs=["runs", "paths", "params:benchmark"],
                outputs="time_to_gap",
                name="tabulate_time_to_gap",
            ),
            Node(
                nodes.summarise_headline,
                inputs=["time_to_gap", "params:benchmark"],
                outputs="headline",
                name="summarise_headline",
            ),
            Node(
                plots.plot_convergence,
                inputs=["paths", "params:benchmark"],
                outputs="convergence",
                name="plot_convergence",
            ),
            Node(
                nodes.measure_scaling,
                inputs=["train", "validation", "time_to_gap", "params:benchmark", "params:seed"],
                outputs="scaling",
                name="measure_scaling",
            ),
            Node(
                plots.plot_scaling,
                inputs="scaling",
                outputs="scaling_plot",
                name="plot_scaling",
            ),
            Node(
                robustness.measure_robustness,
                inputs=["train", "validation", "params:benchmark", "params:seed"],
                outputs="robustness",
                name="measure_robustness",
            ),
            Node(
                throughput.measure_throughput,
                inputs=["train", "params:fnn", "params:benchmark", "params:seed"],
                outputs="training_throughput",
                name="measure_training_throughput",
            ),
            Node(
                throughput.measure_augmentation,
                inputs=["train", "params:fnn", "params:benchmark", "params:seed"],
                outputs="augmentation_cost",
                name="measure_augmentation_cost",
            ),
        ],
        namespace="benchmark",
        inputs={"train", "validation"},
        parameters={"params:benchmark", "params:fnn", "params:seed"},
        tags="benchmark",
    )

"""Wiring of the benchmark pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.benchmark import nodes, plots


def create_pipeline() -> Pipeline:
    """Return the pipeline that measures solvers at equal gap, and the training of networks."""
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
                nodes.measure_solvers,
                inputs=["train", "validation", "optima", "params:benchmark", "params:seed"],
                outputs="fits",
                name="measure_solvers",
            ),
            Node(
                nodes.tabulate_time_to_gap,
                inputs=["fits", "params:benchmark"],
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
                inputs=["fits", "params:benchmark"],
                outputs="convergence",
                name="plot_convergence",
            ),
            Node(
                nodes.measure_tricks,
                inputs=["train", "validation", "optima", "params:benchmark", "params:seed"],
                outputs="tricks",
                name="measure_tricks",
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
                nodes.measure_robustness,
                inputs=["train", "validation", "params:benchmark", "params:seed"],
                outputs="robustness",
                name="measure_robustness",
            ),
            Node(
                nodes.measure_throughput,
                inputs=["train", "params:benchmark", "params:seed"],
                outputs="training_throughput",
                name="measure_training_throughput",
            ),
            Node(
                nodes.measure_augmentation,
                inputs=["train", "params:benchmark", "params:seed"],
                outputs="augmentation_cost",
                name="measure_augmentation_cost",
            ),
            Node(
                nodes.write_section,
                inputs={name: name for name in nodes.REPORTED},
                outputs="section",
                name="write_section",
            ),
        ],
        namespace="benchmark",
        inputs={"train", "validation"},
        parameters={"params:benchmark", "params:seed"},
        tags="benchmark",
    )

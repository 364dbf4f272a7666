"""Wiring of the comparison of runs."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.compare_runs import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that compares the networks of several runs."""
    return Pipeline(
        [
            Node(
                nodes.select_runs,
                inputs=["all_metrics", "params:compare_runs"],
                outputs="runs",
                name="select_runs",
            ),
            Node(
                nodes.tabulate_runs,
                inputs=["runs", "all_metrics", "all_parameters"],
                outputs="comparison",
                name="tabulate_runs",
            ),
            Node(
                nodes.plot_runs,
                inputs=["runs", "all_histories"],
                outputs="loss_curves_plot",
                name="plot_runs",
            ),
            Node(
                nodes.write_section,
                inputs=["comparison", "loss_curves_plot"],
                outputs="section",
                name="write_section",
            ),
        ],
        namespace="compare_runs",
        parameters={"params:compare_runs"},
        tags="compare_runs",
    )

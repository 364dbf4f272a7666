"""Wiring of the ablation pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.ablation import nodes, plots


def create_pipeline() -> Pipeline:
    """Return the pipeline that measures the effect of single parameters of the network."""
    inputs = ["train", "validation", "params:ablation", "params:seed"]
    return Pipeline(
        [
            Node(
                nodes.compare_variants, inputs=inputs, outputs="variants", name="compare_variants"
            ),
            Node(nodes.compare_sizes, inputs=inputs, outputs="sizes", name="compare_sizes"),
            Node(nodes.compare_lengths, inputs=inputs, outputs="lengths", name="compare_lengths"),
            Node(plots.plot_sizes, inputs="sizes", outputs="sizes_plot", name="plot_sizes"),
            Node(plots.plot_lengths, inputs="lengths", outputs="lengths_plot", name="plot_lengths"),
            Node(
                plots.write_section,
                inputs=["variants", "sizes_plot", "lengths_plot"],
                outputs="section",
                name="write_section",
            ),
        ],
        namespace="ablation",
        inputs={"train", "validation"},
        parameters={"params:ablation", "params:seed"},
        tags="ablation",
    )

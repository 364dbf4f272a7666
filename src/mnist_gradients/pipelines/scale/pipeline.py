"""Wiring of the scale pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.scale import nodes, plots


def create_pipeline() -> Pipeline:
    """Return the pipeline that fits softmax regression on shards of augmented images."""
    return Pipeline(
        [
            Node(
                nodes.augment_shards,
                inputs=["train", "validation", "test", "params:scale", "params:seed"],
                outputs="shards",
                name="augment_shards",
            ),
            Node(
                nodes.measure_scale,
                inputs=["shards", "test", "params:scale"],
                outputs="fits",
                name="measure_scale",
            ),
            Node(plots.plot_fits, inputs="fits", outputs="fits_plot", name="plot_fits"),
            Node(
                plots.write_section,
                inputs=["fits", "fits_plot"],
                outputs="section",
                name="write_section",
            ),
        ],
        namespace="scale",
        inputs={"train", "validation", "test"},
        parameters={"params:scale", "params:seed"},
        tags="scale",
    )

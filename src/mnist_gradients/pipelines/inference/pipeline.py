"""Wiring of the inference pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.inference import nodes, plots


def create_pipeline() -> Pipeline:
    """Return the pipeline that reads a folder of images with a trained model."""
    return Pipeline(
        [
            Node(
                nodes.prepare_digits,
                inputs=["own_digits", "params:inference"],
                outputs="prepared",
                name="prepare_digits",
            ),
            Node(
                nodes.classify_digits,
                inputs=["prepared", "classifier", "class_names", "params:inference"],
                outputs="predictions",
                name="classify_digits",
            ),
            Node(
                plots.draw_sheet,
                inputs=["prepared", "predictions", "params:inference"],
                outputs="sheet",
                name="draw_sheet",
            ),
        ],
        namespace="inference",
        inputs={"own_digits", "classifier", "class_names"},
        parameters={"params:inference"},
        tags="inference",
    )

"""Wiring of the import_data pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.import_data import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that converts published images to four IDX files."""
    return Pipeline(
        [
            Node(
                nodes.convert_images,
                inputs=["source", "params:import_data", "params:seed"],
                outputs=[
                    "train_images",
                    "train_labels",
                    "test_images",
                    "test_labels",
                    "class_names",
                ],
                name="convert_images",
            ),
        ],
        namespace="import_data",
        parameters={"params:import_data", "params:seed"},
        tags="import_data",
    )

"""Wiring of the download pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.download import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that fetches the raw files of a named data set."""
    return Pipeline(
        [
            Node(
                nodes.fetch_dataset,
                inputs=["folder", "params:download"],
                outputs="files",
                name="fetch_dataset",
            ),
        ],
        namespace="download",
        parameters={"params:download"},
        tags="download",
    )

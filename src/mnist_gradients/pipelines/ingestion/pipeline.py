"""Wiring of the ingestion pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.ingestion import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that makes `train`, `validation` and `test` from the raw IDX files."""
    return Pipeline(
        [
            Node(
                nodes.label_images,
                inputs=[
                    "raw_train_images",
                    "raw_train_labels",
                    "raw_test_images",
                    "raw_test_labels",
                    "params:ingestion",
                ],
                outputs=["labelled_train", "labelled_test"],
                name="label_images",
            ),
            Node(
                nodes.split_images,
                inputs=["labelled_train", "labelled_test", "params:ingestion", "params:seed"],
                outputs=["train", "validation", "test"],
                name="split_images",
            ),
            Node(
                nodes.name_classes,
                inputs=["raw_class_names", "params:ingestion"],
                outputs="class_names",
                name="name_classes",
            ),
            Node(
                nodes.count_classes,
                inputs=["train", "validation", "test", "class_names"],
                outputs="class_counts",
                name="count_classes",
            ),
            Node(
                nodes.plot_class_counts,
                inputs="class_counts",
                outputs="class_counts_plot",
                name="plot_class_counts",
            ),
            Node(
                nodes.plot_sample_digits,
                inputs=["train", "class_names"],
                outputs="sample_digits_plot",
                name="plot_sample_digits",
            ),
            Node(
                nodes.write_section,
                inputs=[
                    "class_counts",
                    "class_counts_plot",
                    "sample_digits_plot",
                    "params:ingestion",
                    "params:seed",
                ],
                outputs="section",
                name="write_section",
            ),
        ],
        namespace="ingestion",
        inputs={
            "raw_train_images",
            "raw_train_labels",
            "raw_test_images",
            "raw_test_labels",
            "raw_class_names",
        },
        outputs={"train", "validation", "test", "class_names"},
        parameters={"params:ingestion", "params:seed"},
        tags="ingestion",
    )

"""Wiring of the feed-forward network pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.fnn import nodes, plots


def create_pipeline() -> Pipeline:
    """Return the pipeline that trains a Keras network and draws its two curves."""
    return Pipeline(
        [
            Node(
                nodes.train_network,
                inputs=["train", "validation", "test", "params:fnn", "params:seed"],
                outputs=["model", "history", "training_cost", "run_parameters"],
                name="train_network",
            ),
            Node(
                nodes.evaluate_network,
                inputs=["model", "validation", "test", "training_cost", "params:fnn"],
                outputs=["metrics", "predictions"],
                name="evaluate_network",
            ),
            Node(
                nodes.measure_classes,
                inputs=["predictions", "class_names"],
                outputs="class_metrics",
                name="measure_classes",
            ),
            Node(
                plots.plot_augmentation_samples,
                inputs=["train", "class_names", "params:fnn", "params:seed"],
                outputs="augmentation_samples_plot",
                name="plot_augmentation_samples",
            ),
            Node(
                plots.plot_loss_curves,
                inputs="history",
                outputs="loss_curves",
                name="plot_loss_curves",
            ),
            Node(
                plots.plot_accuracy_curves,
                inputs="history",
                outputs="accuracy_curves",
                name="plot_accuracy_curves",
            ),
            Node(
                plots.plot_interactive_loss_curves,
                inputs="history",
                outputs="loss_curves_plotly",
                name="plot_interactive_loss_curves",
            ),
            Node(
                plots.plot_interactive_accuracy_curves,
                inputs="history",
                outputs="accuracy_curves_plotly",
                name="plot_interactive_accuracy_curves",
            ),
            Node(
                plots.plot_confusion_matrix,
                inputs=["predictions", "class_names"],
                outputs="confusion_matrix_plot",
                name="plot_confusion_matrix",
            ),
            Node(
                plots.plot_calibration,
                inputs="predictions",
                outputs="calibration_plot",
                name="plot_calibration",
            ),
            Node(
                plots.plot_worst_mistakes,
                inputs=["predictions", "test", "class_names"],
                outputs="worst_mistakes_plot",
                name="plot_worst_mistakes",
            ),
            Node(
                plots.write_section,
                inputs={name: name for name in (*plots.TABLES, *plots.FIGURES)},
                outputs="section",
                name="write_section",
            ),
        ],
        namespace="fnn",
        inputs={"train", "validation", "test", "class_names"},
        parameters={"params:fnn", "params:seed"},
        tags="fnn",
    )

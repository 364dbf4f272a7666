"""Wiring of the ensemble pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.ensemble import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that trains several networks and evaluates them together."""
    return Pipeline(
        [
            Node(
                nodes.train_members,
                inputs=["train", "validation", "test", "params:ensemble", "params:seed"],
                outputs=["trained", "members"],
                name="train_members",
            ),
            Node(
                nodes.evaluate_ensemble,
                inputs=["trained", "members", "validation", "test", "params:ensemble"],
                outputs=["metrics", "comparison", "predictions"],
                name="evaluate_ensemble",
            ),
            Node(
                nodes.write_section,
                inputs=["metrics", "comparison"],
                outputs="section",
                name="write_section",
            ),
        ],
        namespace="ensemble",
        inputs={"train", "validation", "test"},
        parameters={"params:ensemble", "params:seed"},
        tags="ensemble",
    )

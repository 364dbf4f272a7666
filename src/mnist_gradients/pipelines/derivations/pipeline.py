"""Wiring of the derivations pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.derivations import nodes, plots


def create_pipeline() -> Pipeline:
    """Return the pipeline that proves every gradient and trains the twin networks."""
    return Pipeline(
        [
            Node(
                nodes.check_identities,
                inputs=["params:derivations", "params:seed"],
                outputs="checks",
                name="check_identities",
            ),
            Node(
                nodes.sweep_step,
                inputs=["params:derivations", "params:seed"],
                outputs="step_sweep",
                name="sweep_step",
            ),
            Node(
                plots.plot_step_sweep,
                inputs="step_sweep",
                outputs="step_sweep_plot",
                name="plot_step_sweep",
            ),
            Node(
                nodes.train_twins,
                inputs=["train", "params:derivations", "params:seed"],
                outputs=["twin_history", "twin_summary"],
                name="train_twins",
            ),
            Node(
                plots.plot_twins,
                inputs="twin_history",
                outputs="twin_plot",
                name="plot_twins",
            ),
            Node(
                nodes.require_checks_hold,
                inputs=["checks", "twin_summary"],
                outputs=None,
                name="require_checks_hold",
            ),
        ],
        namespace="derivations",
        inputs={"train"},
        parameters={"params:derivations", "params:seed"},
        tags="derivations",
    )

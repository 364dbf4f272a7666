"""Wiring of the derivations pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.derivations import nodes, plots


def create_pipeline() -> Pipeline:
    """Return the pipeline that checks every gradient and trains one network twice."""
    return Pipeline(
        [
            Node(
                nodes.check_identities,
                inputs=["params:derivations", "params:seed"],
                outputs="checks",
                name="check_identities",
            ),
            Node(
                nodes.sweep_shift,
                inputs="params:seed",
                outputs="shift_sweep",
                name="sweep_shift",
            ),
            Node(
                plots.plot_shift_sweep,
                inputs="shift_sweep",
                outputs="shift_sweep_plot",
                name="plot_shift_sweep",
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
                nodes.run_parity_check,
                inputs=["train", "params:derivations", "params:seed"],
                outputs=["parity_check_history", "parity_check_summary"],
                name="run_parity_check",
            ),
            Node(
                plots.plot_parity_check,
                inputs="parity_check_history",
                outputs="parity_check_plot",
                name="plot_parity_check",
            ),
            Node(
                nodes.require_checks_hold,
                inputs=["checks", "parity_check_summary"],
                outputs=None,
                name="require_checks_hold",
            ),
            Node(
                nodes.write_section,
                inputs={
                    "table": "checks",
                    "parity_check_summary": "parity_check_summary",
                    "parameters": "params:derivations",
                    **{name: name for name in plots.FIGURES},
                },
                outputs="section",
                name="write_section",
            ),
        ],
        namespace="derivations",
        inputs={"train"},
        parameters={"params:derivations", "params:seed"},
        tags="derivations",
    )

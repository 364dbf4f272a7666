"""Wiring of the reporting pipeline."""

import warnings

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.reporting import nodes

METRICS = (
    "logistic_regression.binary.metrics",
    "logistic_regression.multinomial.metrics",
    "fnn.metrics",
)
PICTURES = {
    "loss_curves": "fnn.loss_curves",
    "accuracy_curves": "fnn.accuracy_curves",
    "worst_mistakes": "fnn.worst_mistakes",
    "confusion_matrix": "fnn.confusion_matrix",
    "binary_convergence": "logistic_regression.binary.convergence",
    "multinomial_convergence": "logistic_regression.multinomial.convergence",
    "multinomial_weights": "logistic_regression.multinomial.weights",
    "step_sweep": "derivations.step_sweep_plot",
    "twin": "derivations.twin_plot",
}
CHECKS = "derivations.checks"


def create_pipeline() -> Pipeline:
    """Return the pipeline that compares all models and writes the report."""
    with warnings.catch_warnings():
        # Kedro warns of dots in names; these are the namespaces of the other pipelines.
        warnings.filterwarnings("ignore", "One or more dataset names contain '.'")
        return Pipeline(
            [
                Node(
                    nodes.compare_models,
                    inputs=list(METRICS),
                    outputs="model_comparison",
                    name="compare_models",
                ),
                Node(
                    nodes.write_report,
                    inputs={
                        "model_comparison": "model_comparison",
                        "checks": CHECKS,
                        "parameters": "parameters",
                        **PICTURES,
                    },
                    outputs="report",
                    name="write_report",
                ),
            ],
            namespace="reporting",
            inputs={*METRICS, *PICTURES.values(), CHECKS},
            parameters={"parameters"},
            tags="reporting",
        )

"""Wiring of the reporting pipeline."""

import warnings

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.reporting import nodes

METRICS = (
    "logistic_regression.binary.metrics",
    "logistic_regression.multinomial.metrics",
    "fnn.metrics",
)
TABLES = {
    "binary": "logistic_regression.binary.comparison",
    "multinomial": "logistic_regression.multinomial.comparison",
    "checks": "derivations.checks",
    "twins": "derivations.parity_check_summary",
    "benchmark": "benchmark.headline",  # empty where the benchmark, which runs on demand, never ran
}
PICTURES = {
    "loss_curves": "fnn.loss_curves",
    "accuracy_curves": "fnn.accuracy_curves",
    "worst_mistakes": "fnn.worst_mistakes",
    "confusion_matrix": "fnn.confusion_matrix",
    "binary_convergence": "logistic_regression.binary.convergence",
    "multinomial_convergence": "logistic_regression.multinomial.convergence",
    "multinomial_weights": "logistic_regression.multinomial.weights_plot",
    "step_sweep": "derivations.step_sweep_plot",
    "twin": "derivations.parity_check_plot",
}


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
                        "parameters": "parameters",
                        **TABLES,
                        **PICTURES,
                    },
                    outputs="report",
                    name="write_report",
                ),
            ],
            namespace="reporting",
            inputs={*METRICS, *TABLES.values(), *PICTURES.values()},
            parameters={"parameters"},
            tags="reporting",
        )

"""Wiring of the reporting pipeline."""

import warnings

from kedro.pipeline import Node, Pipeline

from mnist_gradients.pipelines.reporting import nodes

# In the order of the page.
SECTIONS = {
    name: f"{name}.section" for name in ("fnn", "logistic_regression", "derivations", "ingestion")
}
# Models in the comparison beside the linear ones, by pipeline; each has its `<pipeline>.metrics`.
COMPARED = ["fnn"]
METRICS = {
    "linear_models": "logistic_regression.metrics",
    **{name: f"{name}.metrics" for name in COMPARED},
}
MODELS = [
    "fnn.model",
    "logistic_regression.binary.models",
    "logistic_regression.multinomial.models",
]


def create_pipeline() -> Pipeline:
    """Return the pipeline that compares all models and writes the report."""
    with warnings.catch_warnings():
        # Kedro warns of dots in names; these are the namespaces of the other pipelines.
        warnings.filterwarnings("ignore", "One or more dataset names contain '.'")
        return Pipeline(
            [
                Node(
                    nodes.compare_models,
                    inputs=METRICS,
                    outputs="model_comparison",
                    name="compare_models",
                ),
                Node(
                    nodes.time_predictions,
                    inputs=[*MODELS, "test"],
                    outputs="prediction_times",
                    name="time_predictions",
                ),
                Node(
                    nodes.write_report,
                    inputs={
                        "model_comparison": "model_comparison",
                        "prediction_times": "prediction_times",
                        "file_times": "file_times",
                        "all_sections": "all_sections",
                        **SECTIONS,
                    },
                    outputs="report",
                    name="write_report",
                ),
            ],
            namespace="reporting",
            inputs={*METRICS.values(), *MODELS, *SECTIONS.values(), "test"},
            tags="reporting",
        )

"""The results of a run, for its last lines on the console."""

from collections.abc import Mapping
from typing import Any

SUFFIX = ".metrics"


def models_with_results(datasets: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the metrics of each model that has a test error.

    Args:
        datasets: Content of each dataset `<model>.metrics`, and of each `<task>.metrics`, which
            holds metrics by solver.
    """
    models: dict[str, Any] = {}
    for dataset, content in datasets.items():
        name = dataset.removesuffix(SUFFIX)
        models |= {name: content} | {f"{name}.{solver}": row for solver, row in content.items()}
    return {
        name: metrics
        for name, metrics in models.items()
        if isinstance(metrics, Mapping) and "test_error" in metrics
    }


def result_lines(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line per model: test error in per cent, training time in seconds.

    The models of a task stand together. The best model, and the task with the best model, come
    first.
    """

    def task_of(name: str) -> str:
        return name.rpartition(".")[0] or name

    best: dict[str, float] = {}
    for name, metrics in models.items():
        task = task_of(name)
        best[task] = min(metrics["test_error"], best.get(task, 1.0))
    order = sorted(models, key=lambda name: (best[task_of(name)], models[name]["test_error"]))
    width = max(map(len, models))
    lines = [f"{'model':<{width}}  test error  training time"]
    for name in order:
        seconds = models[name].get("train_seconds")
        time = "" if seconds is None else f"{seconds:11.1f} s"
        lines.append(f"{name:<{width}}  {100 * models[name]['test_error']:8.2f} %  {time}".rstrip())
    return lines


def numbers(name: str, content: Any) -> dict[str, float]:
    """Return the numbers in blocks of metrics by their dotted names."""
    if isinstance(content, dict):
        return {
            path: number
            for key, value in content.items()
            for path, number in numbers(f"{name}.{key}", value).items()
        }
    return {name: content} if isinstance(content, int | float) else {}

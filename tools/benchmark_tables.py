"""The tables of docs/benchmark.md and its sentences with numbers, from docs/results/benchmark."""

import json
from pathlib import Path

import pandas as pd

EVIDENCE = Path(__file__).parents[1] / "docs" / "results" / "benchmark"
TASKS = {"ten_class": "ten classes", "odd_even": "odd against even"}


def quotations() -> dict[str, str]:
    """Return the Markdown of every quotation in docs/benchmark.md by its name."""
    return {
        "headline": headline_table(),
        "headline-machine": machine("headline_environment.json"),
    }


def read_headline() -> pd.DataFrame:
    """Return the comparison with scikit-learn's L-BFGS on MNIST."""
    return pd.read_csv(EVIDENCE / "headline.csv")


def machine(name: str) -> str:
    """Return a sentence on the machine of a measurement."""
    found = json.loads((EVIDENCE / name).read_text(encoding="utf-8"))
    kernel = found["blas"][0]
    return (
        f"Measured on {found['cores']} cores of {found['processor']} ({kernel['architecture']} "
        f"kernels of OpenBLAS), scikit-learn {found['scikit-learn']}, commit `{found['commit']}`."
    )


def sentence_on_headline() -> str:
    """Return the result of the headline in a sentence."""
    spans = {
        task: [
            f"{rows[name].min():.0f} to {rows[name].max():.0f}"
            for name in ("times_faster_than_lbfgs", "times_faster_than_best")
        ]
        for task, rows in read_headline().groupby("task")
    }
    (ten, ten_float32), (odd, odd_float32) = spans["ten_class"], spans["odd_even"]
    return (
        f"Preconditioned L-BFGS comes within 1e-4 of the optimum {ten} times as fast as "
        f"scikit-learn's default solver on ten classes ({ten_float32} in float32), {odd} times on "
        f"odd against even ({odd_float32}): [docs/benchmark.md](docs/benchmark.md)."
    )


def headline_table() -> str:
    """Return the table of times on MNIST against scikit-learn's L-BFGS."""
    rows = [
        (
            *(TASKS[row.task], f"{row.l2:g}", f"{row.seconds:.2f}"),
            *(f"{row.times_faster_than_lbfgs:.1f}", f"{row.times_faster_than_best:.1f}"),
            f"{row.peak_memory_mib:.0f}",
        )
        for row in read_headline().itertuples()
    ]
    float64, float32 = (f"times `lbfgs`, {rows}" for rows in ("float64", "float32"))
    return table(("task", "λ", "seconds here", float64, float32, "MiB"), rows)


def table(heads: tuple, rows: list[tuple]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)

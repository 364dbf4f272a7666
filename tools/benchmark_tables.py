"""The tables of docs/benchmark.md and its sentences with numbers, from docs/results/benchmark."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

EVIDENCE = Path(__file__).parents[1] / "docs" / "results" / "benchmark"
OURS, SCIKIT_LEARN = "preconditioned_lbfgs", "scikit_learn_"
TASKS = {"ten_class": "ten classes", "odd_even": "odd against even"}
PROBLEM = ["problem", "rows", "columns", "classes", "l2"]
LARGE = 100_000  # N d from where times are compared


def quotations() -> dict[str, str]:
    """Return the Markdown of every quotation in docs/benchmark.md by its name."""
    found = field()
    return {
        "headline-machine": machine("headline_environment.json"),
        "headline": headline_table("headline.csv"),
        "headline-avx512-machine": machine("headline_avx512_environment.json"),
        "headline-avx512": headline_table("headline_avx512.csv"),
        "field-machine": machine("robustness_environment.json"),
        "field-summary": summary(found),
        "field-time": field_table(found, time_cell),
        "field-memory": field_table(found, memory_cell),
        "field-large": sentence_on_large(found),
        "field-slower": slower_table(found),
    }


def read_headline(name: str = "headline.csv") -> pd.DataFrame:
    """Return the comparison with scikit-learn's L-BFGS on MNIST."""
    return pd.read_csv(EVIDENCE / name)


def field() -> pd.DataFrame:
    """Return the comparison of all solvers on problems of many shapes.

    The time of a fit is its wall time with one thread, or the CPU time of all threads if that is
    longer: some libraries start more, and some systems count CPU time in steps of milliseconds.
    """
    found = pd.read_csv(EVIDENCE / "robustness.csv")
    return found.assign(time=found[["seconds", "cpu_seconds"]].max(axis=1))


def machine(name: str) -> str:
    """Return a sentence on the machine of a measurement."""
    found = json.loads((EVIDENCE / name).read_text(encoding="utf-8"))
    kernel = found["blas"][0]
    return wrapped(
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
    return wrapped(
        f"Preconditioned L-BFGS comes within 1e-4 of the optimum {ten} times as fast as "
        f"scikit-learn's default solver on ten classes ({ten_float32} in float32), {odd} times on "
        f"odd against even ({odd_float32}): [docs/benchmark.md](docs/benchmark.md)."
    )


def headline_table(name: str) -> str:
    """Return the table of times on MNIST against scikit-learn's L-BFGS."""
    rows = [
        (
            *(TASKS[row.task], f"{row.l2:g}", f"{row.seconds:.2f}"),
            *(f"{row.times_faster_than_lbfgs:.1f}", f"{row.times_faster_than_best:.1f}"),
            f"{row.peak_memory_mib:.0f}",
        )
        for row in read_headline(name).itertuples()
    ]
    float64, float32 = (f"times `lbfgs`, {rows}" for rows in ("float64", "float32"))
    return table(("task", "λ", "seconds here", float64, float32, "MiB"), rows)


def field_table(found: pd.DataFrame, cell: Any) -> str:
    """Return a table with a row for each problem and a column for each solver."""
    solvers = list(found["solver"].unique())
    rows = []
    for (name, N, d, K, l2), of_problem in found.groupby(PROBLEM, sort=False):
        by_solver = {row.solver: row for row in of_problem.itertuples()}
        cells = (cell(by_solver[solver]) if solver in by_solver else "" for solver in solvers)
        rows.append((name, f"{N:,} x {d:,}", K, f"{l2:g}", *cells))
    return table(("problem", "size", "classes", "λ", *map(short, solvers)), rows)


def time_cell(row: Any) -> str:
    """Return the milliseconds of a solver on a problem, or how its fits ended."""
    if row.wrong:
        return "**wrong**"
    return f"{1e3 * row.time:.3g}" if row.outcome == "reached" else row.outcome


def memory_cell(row: Any) -> str:
    """Return the peak memory of a solver on a problem beyond X, in MiB."""
    return f"{row.added_memory_mib:.0f}" if row.added_memory_mib >= 0 else ""


def summary(found: pd.DataFrame) -> str:
    """Return a table with the outcomes of each solver."""
    rows = []
    for solver, of_solver in found.groupby("solver", sort=False):
        counts = of_solver["outcome"].value_counts()
        ends = (counts.get(end, 0) for end in ("reached", "warned", "capped", "failed"))
        wrong = of_solver["wrong"].sum()
        version = of_solver["version"].iloc[0]
        rows.append((short(solver), version, len(of_solver), *ends, wrong))
    heads = ("solver", "version", "problems", "reached", "warned", "capped", "failed", "wrong")
    return table(heads, rows)


def compared(found: pd.DataFrame) -> pd.DataFrame:
    """Return for each problem the time of the solver here by that of scikit-learn's fastest."""
    right = found[(found["outcome"] == "reached") & ~found["wrong"]]
    ours = right[right["solver"] == OURS].set_index(PROBLEM)["time"]
    others = right[right["solver"].str.startswith(SCIKIT_LEARN)]
    best = others.loc[others.groupby(PROBLEM)["time"].idxmin()].set_index(PROBLEM)
    both = best.join(ours.rename("ours"), how="inner")
    return both.assign(ratio=both["ours"] / both["time"]).reset_index()


def sentence_on_large(found: pd.DataFrame) -> str:
    """Return on how many large problems the solver here is faster than all of scikit-learn's."""
    both = compared(found)
    large = both[both["rows"] * both["columns"] >= LARGE]
    return wrapped(
        f"On {(large['ratio'] < 1).sum()} of the {len(large)} problems with N d of at least "
        f"{LARGE:,} the solver here is faster than each of scikit-learn's. On the others:"
    )


def slower_table(found: pd.DataFrame) -> str:
    """Return the large problems on which a solver of scikit-learn is the faster one."""
    both = compared(found)
    both = both[(both["rows"] * both["columns"] >= LARGE) & (both["ratio"] > 1)]
    rows = [
        (
            *(row.problem, f"{row.rows:,} x {row.columns:,}", row.classes, short(row.solver)),
            *(f"{1e3 * row.time:.3g}", f"{1e3 * row.ours:.3g}", f"{row.ratio:.1f}"),
        )
        for row in both.sort_values("ratio", ascending=False).itertuples()
    ]
    return table(("problem", "size", "classes", "fastest", "ms", "ms here", "times as long"), rows)


def sentence_on_small(found: pd.DataFrame) -> str:
    """Return on how many small problems a solver of scikit-learn is faster, and by how much."""
    both = compared(found)
    small = both[both["rows"] * both["columns"] < LARGE]
    slower = small[small["ratio"] > 1]
    longest = 1e3 * (slower["ours"] - slower["time"]).max()
    return wrapped(
        f"- **Small data**: on {len(slower)} of the {len(small)} problems with N d below {LARGE:,} "
        f"in [benchmark.md](benchmark.md) a solver of scikit-learn is faster, "
        f"{slower['ratio'].median():.1f} times in the median, by at most {longest:.0f} ms. "
        "`newton-cholesky` solves for a hundred parameters exactly.",
        indent="  ",
    )


def short(solver: str) -> str:
    """Return a solver's name in a table."""
    name = solver.removeprefix(SCIKIT_LEARN).replace("_lbfgs", "").replace("_", "-")
    return "**here**" if solver == OURS else f"`{name}`"


def wrapped(text: str, indent: str = "") -> str:
    """Return a text in lines of at most 100 characters, the second and further ones indented."""
    options = {"break_on_hyphens": False, "break_long_words": False}
    return textwrap.fill(text, 100, subsequent_indent=indent, **options)


def table(heads: tuple, rows: list[tuple]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)

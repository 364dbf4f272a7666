"""From fits to the tables of times and ratios."""

import numpy as np
import pandas as pd

from mnist_gradients.benchmarking.solvers import SCIKIT_LEARN
from mnist_gradients.benchmarking.time_to_gap import ENTRY, loosest_within

COLUMNS = [
    *("task", "l2", "gap", "solver", "input", "threads", "tolerance"),
    *("seconds", "seconds_min", "seconds_max", "cpu_seconds", "iterations"),
    *("ratio_to_best_scikit_learn", "repeats", "peak_memory_mib", "capped", "outcome"),
]


def time_to_gap(fits: pd.DataFrame, gaps: tuple[float, ...]) -> pd.DataFrame:
    """Return the time of whole fits to each gap.

    Of each entry and gap the fits with the loosest tolerance that always reaches the gap count.

    Args:
        fits: Output of `measure_all`.
        gaps: Relative suboptimality gaps.

    Returns:
        One row per entry and gap, `COLUMNS`. Seconds (wall), cpu_seconds and iterations are
        medians over the repeats, empty where the gap was not reached; iterations are the
        estimator's n_iter_. ratio_to_best_scikit_learn is the time of scikit-learn's fastest
        solver, of any input type, with at most as many threads, divided by the entry's time.
        peak_memory_mib is the largest of the repeats. outcome is "reached", "capped" (the cap came
        first), "stopped" (no tolerance reaches the gap) or "failed".
    """
    rows = []
    for key, own_fits in fits.groupby(ENTRY, sort=False):
        for gap in gaps:
            tolerance = loosest_within(own_fits, gap)
            counted = own_fits[own_fits["tolerance"] == tolerance]
            row = dict(zip(ENTRY, key, strict=True)) | {"gap": gap, "tolerance": tolerance}
            rows.append(row | _summary(counted) | _outcome(own_fits, reached=len(counted) > 0))
    table = pd.DataFrame(rows).astype({"iterations": "Int64", "tolerance": float})
    best = [_seconds(best_scikit_learn(table, row)) for row in table.to_dict("records")]
    table["ratio_to_best_scikit_learn"] = best / table["seconds"]
    return table[COLUMNS]


def best_scikit_learn(table: pd.DataFrame, row: dict, **only: str) -> pd.Series | None:
    """Return the fastest row of scikit-learn at a row's task, l2 and gap, at equal threads.

    A row with fewer threads counts as well: the solver could leave the others idle.

    Args:
        table: Output of `time_to_gap`.
        row: Values of task, l2, gap and threads.
        only: Values of further columns, such as one solver and one type of input.

    Returns:
        The row; None if no solver reached the gap.
    """
    wanted = {name: row[name] for name in ("task", "l2", "gap")} | only
    baselines = table[
        (table[list(wanted)] == list(wanted.values())).all(axis=1)
        & table["solver"].str.startswith(SCIKIT_LEARN)
        & (table["threads"] <= row["threads"])
        & table["seconds"].notna()
    ]
    return None if baselines.empty else baselines.loc[baselines["seconds"].idxmin()]


def headline(table: pd.DataFrame, solver: str, gaps: tuple[float, ...]) -> pd.DataFrame:
    """Return how many times faster a solver is than the baselines, and in which settings.

    Args:
        table: Output of `time_to_gap`.
        solver: A solver of the project, measured on float32.
        gaps: Gaps to keep.

    Returns:
        One row per task, l2, gap and number of threads: seconds on float32; how many times as long
        others took, times_faster_than_lbfgs (scikit-learn's on float64), times_faster_than_best
        (scikit-learn's fastest, named in best) and times_faster_than_one_thread; how many times as
        long it took itself as on uint8, times_faster_on_uint8; and the peak memory on both.
        Empty where one of the two did not reach the gap or was not measured.
    """
    ours = table[(table["solver"] == solver) & table["gap"].isin(gaps)]
    rows = []
    for row in ours[ours["input"] == "float32"].to_dict("records"):
        same = (table[["task", "l2", "gap"]] == [row["task"], row["l2"], row["gap"]]).all(axis=1)
        others = table[same].set_index(["solver", "input", "threads"])
        lbfgs = best_scikit_learn(table, row, solver=f"{SCIKIT_LEARN}lbfgs", input="float64")
        uint8 = _find(others, (solver, "uint8", row["threads"]))
        single = _find(others, (solver, "float32", 1)) if row["threads"] > 1 else None
        best = best_scikit_learn(table, row)
        rows.append(
            {name: row[name] for name in ("task", "l2", "gap", "threads", "seconds")}
            | {
                "times_faster_than_lbfgs": _seconds(lbfgs) / row["seconds"],
                "times_faster_than_best": _seconds(best) / row["seconds"],
                "best": ""
                if best is None
                else "{solver} {input}, threads {threads}".format(**best),
                "times_faster_than_one_thread": _seconds(single) / row["seconds"],
                "times_faster_on_uint8": row["seconds"] / _seconds(uint8),
                "peak_memory_mib": row["peak_memory_mib"],
                "peak_memory_mib_on_uint8": np.nan if uint8 is None else uint8["peak_memory_mib"],
            }
        )
    return pd.DataFrame(rows)


def _summary(fits: pd.DataFrame) -> dict[str, float]:
    """Return medians and spread over the repeats of a fit; NaN without any."""
    medians = fits[["seconds", "cpu_seconds", "iterations"]].median()
    return {
        "seconds": medians["seconds"],
        "seconds_min": fits["seconds"].min(),
        "seconds_max": fits["seconds"].max(),
        "cpu_seconds": medians["cpu_seconds"],
        "iterations": round(medians["iterations"]) if len(fits) else np.nan,
        "repeats": len(fits),
    }


def _outcome(fits: pd.DataFrame, *, reached: bool) -> dict[str, object]:
    """Return how the fits of an entry ended for a gap."""
    states = set(fits["state"])
    ends = [state for state in ("capped", "failed") if state in states]
    outcome = "reached" if reached else (ends or ["stopped"])[0]
    return {
        "peak_memory_mib": fits["peak_memory_mib"].max(),
        "capped": outcome == "capped",
        "outcome": outcome,
    }


def _find(table: pd.DataFrame, key: tuple) -> pd.Series | None:
    return table.loc[key] if key in table.index else None


def _seconds(row: pd.Series | None) -> float:
    return np.nan if row is None else float(row["seconds"])

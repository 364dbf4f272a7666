"""From runs and their paths to the tables that say who is how fast."""

import numpy as np
import pandas as pd

from mnist_gradients.benchmarking.solvers import SCIKIT_LEARN
from mnist_gradients.benchmarking.time_to_gap import ENTRY

COLUMNS = [
    *("task", "l2", "gap", "solver", "input", "threads"),
    *("seconds", "seconds_min", "seconds_max", "cpu_seconds", "iterations"),
    *("ratio_to_best_scikit_learn", "repeats", "peak_memory_mib", "capped", "outcome"),
]


def time_to_gap(runs: pd.DataFrame, paths: pd.DataFrame, gaps: tuple[float, ...]) -> pd.DataFrame:
    """Return when each entry first reached each gap.

    Returns:
        One row per entry and gap, `COLUMNS`. Seconds (wall), cpu_seconds and iterations are
        medians over the repeats, empty where the gap was not reached; iterations are evaluations
        of the objective, or passes over the data where the solver only knows those.
        ratio_to_best_scikit_learn says how many times as long scikit-learn's fastest solver took,
        of any input type, with at most as many threads. peak_memory_mib is the largest of the
        repeats. outcome is "reached", "capped" (the cap came first), "stopped" (the solver ended
        by itself, such as where float32 can go no lower) or "failed".
    """
    rows = []
    paths = paths.sort_values("seconds", kind="stable")
    for key, entry_runs in runs.groupby(ENTRY, sort=False):
        path = paths[(paths[ENTRY] == list(key)).all(axis=1)]
        for gap in gaps:
            first = path[path["gap"] <= gap].groupby("repeat").first()
            first = first.reindex(entry_runs["repeat"])
            row = dict(zip(ENTRY, key, strict=True)) | {"gap": gap}
            row |= _summary(first) | _outcome(first, entry_runs)
            rows.append(row)
    table = pd.DataFrame(rows).astype({"iterations": "Int64"})
    best = [_seconds(best_scikit_learn(table, row)) for row in table.to_dict("records")]
    table["ratio_to_best_scikit_learn"] = best / table["seconds"]
    return table[COLUMNS]


def best_scikit_learn(table: pd.DataFrame, row: dict, **only: str) -> pd.Series | None:
    """Return the fastest row of scikit-learn at a row's task, l2 and gap, at equal threads.

    A solver that has been given fewer threads than that takes part as well: it could have had more
    and left them alone.

    Args:
        table: Output of `time_to_gap`.
        row: Says at which task, l2, gap and threads.
        only: Values of further columns, such as one solver and one type of input.

    Returns:
        The row; None if no solver reached the gap.
    """
    wanted = {name: row[name] for name in ("task", "l2", "gap")} | only
    rivals = table[
        (table[list(wanted)] == list(wanted.values())).all(axis=1)
        & table["solver"].str.startswith(SCIKIT_LEARN)
        & (table["threads"] <= row["threads"])
        & table["seconds"].notna()
    ]
    return None if rivals.empty else rivals.loc[rivals["seconds"].idxmin()]


def headline(table: pd.DataFrame, solver: str, gaps: tuple[float, ...]) -> pd.DataFrame:
    """Return how many times faster a solver is than others, and than itself in other settings.

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


def _summary(first: pd.DataFrame) -> dict[str, float]:
    """Return medians and spread over the repeats; a repeat that did not arrive took for ever."""

    def finite(value: float) -> float:
        return value if np.isfinite(value) else np.nan

    medians = first[["seconds", "cpu_seconds", "iteration"]].fillna(np.inf).median()
    arrived = np.isfinite(medians["seconds"])
    return {
        "seconds": finite(medians["seconds"]),
        "seconds_min": first["seconds"].min() if arrived else np.nan,
        "seconds_max": finite(first["seconds"].fillna(np.inf).max()),
        "cpu_seconds": finite(medians["cpu_seconds"]),
        "iterations": round(medians["iteration"]) if arrived else np.nan,
    }


def _outcome(first: pd.DataFrame, entry_runs: pd.DataFrame) -> dict[str, object]:
    """Return how the runs of an entry ended, as seen from one gap."""
    states = set(entry_runs["state"])
    if np.isfinite(first["seconds"].fillna(np.inf).median()):
        outcome = "reached"
    else:
        outcome = next((state for state in ("capped", "failed") if state in states), "stopped")
    return {
        "repeats": len(entry_runs),
        "peak_memory_mib": entry_runs["peak_memory_mib"].max(),
        "capped": outcome == "capped",
        "outcome": outcome,
    }


def _find(table: pd.DataFrame, key: tuple) -> pd.Series | None:
    return table.loc[key] if key in table.index else None


def _seconds(row: pd.Series | None) -> float:
    return np.nan if row is None else float(row["seconds"])

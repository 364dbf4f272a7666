"""Short tables that the sections show in place of long ones."""

from typing import Any

import pandas as pd

OPTIMUM = 1e-6  # relative gap at or below which a solver counts as converged
REFERENCE = "scikit_learn"


def rank_solvers(comparison: pd.DataFrame) -> dict[str, Any]:
    """Rank the solvers of a task by their time to the optimum.

    Args:
        comparison: One row per solver with the columns solver, seconds, relative_gap, ...

    Returns:
        rows: the converged solvers, fastest first, then the others. fastest: the row of the first
        converged solver of this project, or None. speed_up: the seconds of scikit-learn divided by
        those of `fastest`, or None where one of them did not converge.
    """
    converged = comparison["relative_gap"] <= OPTIMUM
    order = comparison.assign(late=~converged).sort_values(["late", "seconds"], kind="stable")
    rows = _records(order.drop(columns="late"))
    arrived = {row["solver"]: row for row in rows[: converged.sum()]}
    reference = arrived.pop(REFERENCE, None)
    fastest = next(iter(arrived.values()), None)
    speed_up = reference["seconds"] / fastest["seconds"] if fastest and reference else None
    return {"rows": rows, "fastest": fastest, "speed_up": speed_up}


def summarise_checks(checks: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row per oracle: oracle, checks, held, and the largest error."""
    return [
        {
            "oracle": oracle,
            "checks": len(rows),
            "held": int(rows["holds"].sum()),
            "max_abs_error": rows["max_abs_error"].max(),
        }
        for oracle, rows in checks.groupby("oracle", sort=False)
    ]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]

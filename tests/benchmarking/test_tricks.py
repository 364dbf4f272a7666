from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.benchmarking import tricks
from mnist_gradients.benchmarking.jobs import Fit
from mnist_gradients.benchmarking.parameters import TricksParameters

OPTIMA = pd.DataFrame({"task": ["odd_even"], "l2": [0.01], "objective": [0.3]})


def fit(seconds, state="converged", gap=5e-5):
    return Fit(1e-4, state, "", seconds, 2 * seconds, 7.0, gap, 60.0, 40.0, 8.5)


@pytest.fixture
def table(reference, time_to_gap_parameters):
    """Tabulates given fits, by change; asks for the settings of each."""

    class Files:
        def __init__(self, fits):
            self.fits, self.asked = fits, []

        def reference(self, *_):
            return reference()

        def measure(self, entry, _, optimum, gap, **options):
            assert (optimum, gap, options["tolerances"]) == (0.3, np.inf, (1e-4,))
            self.asked.append((options["change"], entry.input, entry.threads, options["repeats"]))
            return self.fits[options["change"]]

    def table(fits):
        files = Files(fits)
        parameters = TricksParameters(
            changes=list(fits), gap=1e-4, repeats=3, enough_seconds=5, cap_seconds=9
        )
        found = tricks.measure_tricks(files, OPTIMA, time_to_gap_parameters(), parameters)
        return found.set_index("change"), files.asked

    return table


def test_seconds_are_medians_and_ratios_are_to_the_unchanged_solver(table):
    found, asked = table(
        {
            "unchanged": [fit(1.0), fit(9.0), fit(2.0)],
            "two threads": [fit(1.0, gap=9e-5)],
            "uint8 rows": [fit(4.0)],
        }
    )
    assert asked == [
        ("unchanged", "float32", 1, 3),
        ("two threads", "float32", 2, 3),
        ("uint8 rows", "uint8", 1, 3),
    ]
    assert found["seconds"].tolist() == [2.0, 1.0, 4.0]
    assert found["cpu_seconds"].tolist() == [4.0, 2.0, 8.0]
    assert found["times_as_long"].tolist() == [1.0, 0.5, 2.0]
    assert found["repeats"].tolist() == [3, 1, 1]
    assert found["gap"].tolist() == [5e-5, 9e-5, 5e-5]
    assert found["passes"].tolist() == [8.5] * 3
    assert found["outcome"].eq("converged").all()


def test_capped_change_has_no_time(table):
    capped = replace(fit(30.0, "capped"), gap=np.nan)
    found, _ = table({"unchanged": [fit(1.0)], "no curvature factors": [fit(20.0), capped]})
    row = found.loc["no curvature factors"]
    assert row["outcome"] == "capped"
    assert row[["seconds", "times_as_long", "passes"]].isna().all()


def test_without_the_unchanged_solver_there_is_no_ratio(table):
    found, _ = table({"no warm start": [fit(1.0)]})
    assert found["seconds"].tolist() == [1.0]
    assert found["times_as_long"].isna().all()

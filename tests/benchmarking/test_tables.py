import numpy as np
import pandas as pd
import pytest

from mnist_gradients.benchmarking import tables
from mnist_gradients.benchmarking.time_to_gap import ENTRY

GAPS = (1e-2, 1e-4)


def fits(solver, points, *, input="float32", threads=1, repeat=0, end="converged", memory=100.0):  # noqa: A002
    """The fits of an entry: (tolerance, seconds, gap) each; the last one ends as `end`."""
    key = dict(zip(ENTRY, ("odd_even", 1e-3, solver, input, threads), strict=True))
    states = ["converged"] * (len(points) - 1) + [end]
    return [
        key
        | {"repeat": repeat, "tolerance": tolerance, "state": state, "iterations": 10 * seconds}
        | {"seconds": seconds, "cpu_seconds": 2 * seconds, "gap": gap, "peak_memory_mib": memory}
        for (tolerance, seconds, gap), state in zip(points, states, strict=True)
    ]


def tabulate(*entries):
    return tables.time_to_gap(pd.DataFrame([row for rows in entries for row in rows]), GAPS)


def row(table, solver, gap, input="float32", threads=1):  # noqa: A002
    keys = ["solver", "gap", "input", "threads"]
    return table.set_index(keys).loc[(solver, gap, input, threads)]


class TestTimeToGap:
    def test_loosest_fit_within_the_gap_counts(self):
        points = [(0.1, 1.0, 0.5), (0.03, 2.0, 9e-3), (0.01, 4.0, 1e-4), (0.003, 3.0, 1e-5)]
        table = tabulate(fits("lbfgs", points))
        assert table.columns.tolist() == tables.COLUMNS
        wide, narrow = row(table, "lbfgs", 1e-2), row(table, "lbfgs", 1e-4)
        assert (wide["seconds"], wide["cpu_seconds"], wide["iterations"]) == (2.0, 4.0, 20)
        assert (narrow["seconds"], narrow["tolerance"]) == (4.0, 0.01)
        assert narrow["outcome"] == "reached"
        assert not narrow["capped"]

    def test_median_spread_and_largest_memory_of_the_repeats(self):
        table = tabulate(
            *(
                fits("lbfgs", [(0.1, seconds, 1e-3)], repeat=i, memory=100.0 + i)
                for i, seconds in enumerate((3.0, 1.0, 8.0))
            )
        )
        wide = row(table, "lbfgs", 1e-2)
        measured = wide[["seconds", "seconds_min", "seconds_max", "iterations", "repeats"]]
        assert measured.tolist() == [3.0, 1.0, 8.0, 30, 3]
        assert wide["peak_memory_mib"] == 102.0

    @pytest.mark.parametrize(
        ("end", "outcome"),
        [
            ("capped", "capped"),
            ("failed", "failed"),
            ("converged", "stopped"),
            ("warned", "stopped"),
        ],
    )
    def test_gap_out_of_reach_has_a_reason(self, end, outcome):
        table = tabulate(fits("lbfgs", [(0.1, 1.0, 5e-3), (0.01, 2.0, np.nan)], end=end))
        assert row(table, "lbfgs", 1e-2)["outcome"] == "reached"
        assert not row(table, "lbfgs", 1e-2)["capped"]
        missed = row(table, "lbfgs", 1e-4)
        assert missed["outcome"] == outcome
        assert missed["capped"] == (outcome == "capped")
        assert missed[["seconds", "seconds_min", "seconds_max", "iterations"]].isna().all()

    def test_repeat_above_the_gap_excludes_its_tolerance(self):
        points = ([(0.1, 1.0, 1e-3), (0.01, 2.0, 1e-3)], [(0.1, 1.0, 1e-1), (0.01, 2.0, 1e-3)])
        table = tabulate(*(fits("lbfgs", p, repeat=i) for i, p in enumerate(points)))
        reached = row(table, "lbfgs", 1e-2)
        assert (reached["seconds"], reached["tolerance"], reached["repeats"]) == (2.0, 0.01, 2)

    def test_ratio_is_to_the_best_of_scikit_learn_with_at_most_as_many_threads(self):
        table = tabulate(
            fits("lbfgs", [(0.1, 0.5, 1e-3)]),
            fits("lbfgs", [(0.1, 0.25, 1e-3)], threads=2),
            fits("scikit_learn_lbfgs", [(0.1, 6.0, 1e-3)], input="float64"),
            fits("scikit_learn_lbfgs", [(0.1, 3.0, 1e-3)], input="float64", threads=2),
            fits("scikit_learn_sag", [(0.1, 4.0, 1e-5)]),
        )
        ratio = "ratio_to_best_scikit_learn"
        assert row(table, "lbfgs", 1e-2)[ratio] == 8.0
        assert row(table, "lbfgs", 1e-2, threads=2)[ratio] == 12.0
        assert row(table, "scikit_learn_sag", 1e-2)[ratio] == 1.0
        assert row(table, "scikit_learn_lbfgs", 1e-2, "float64")[ratio] == pytest.approx(4 / 6)
        assert np.isnan(row(table, "lbfgs", 1e-4)[ratio])  # not reached
        assert row(table, "scikit_learn_sag", 1e-4)[ratio] == 1.0


class TestHeadline:
    def test_baseline_with_fewer_threads_counts(self):
        table = tabulate(
            fits("lbfgs", [(0.1, 0.5, 1e-5)], threads=2),
            fits("scikit_learn_lbfgs", [(0.1, 4.0, 1e-5)], input="float64"),
            fits("scikit_learn_lbfgs", [(0.1, 9.0, 1e-5)], input="float64", threads=2),
        )
        (line,) = tables.headline(table, "lbfgs", (1e-4,)).to_dict("records")
        assert line["times_faster_than_lbfgs"] == 8.0
        assert line["best"] == "scikit_learn_lbfgs float64, threads 1"

    def test_ratios(self):
        def reaches(solver, seconds, **options):
            return fits(solver, [(0.1, seconds, 1e-5)], **options)

        table = tabulate(
            reaches("lbfgs", 0.5, memory=250.0),
            reaches("lbfgs", 0.4, threads=2),
            reaches("lbfgs", 0.25, input="uint8", memory=90.0),
            reaches("scikit_learn_lbfgs", 8.0, input="float64"),
            reaches("scikit_learn_lbfgs", 6.0, input="float64", threads=2),
            reaches("scikit_learn_lbfgs", 4.0, input="float32"),
            reaches("scikit_learn_newton_cg", 3.0),
            reaches("gradient_descent", 0.1),
        )
        headline = tables.headline(table, "lbfgs", (1e-4,)).set_index("threads")
        assert headline["gap"].tolist() == [1e-4, 1e-4]
        one, two = headline.loc[1], headline.loc[2]
        assert one["times_faster_than_lbfgs"] == 16.0
        assert one["times_faster_than_best"] == 6.0
        assert one["best"] == "scikit_learn_newton_cg float32, threads 1"
        assert one["times_faster_on_uint8"] == 2.0
        assert (one["peak_memory_mib"], one["peak_memory_mib_on_uint8"]) == (250.0, 90.0)
        assert np.isnan(one["times_faster_than_one_thread"])
        assert two["times_faster_than_lbfgs"] == 15.0
        assert two["times_faster_than_best"] == 7.5
        assert two["times_faster_than_one_thread"] == 1.25
        assert np.isnan(two["times_faster_on_uint8"])

    def test_gaps_out_of_reach_stay_empty(self):
        table = tabulate(
            fits("lbfgs", [(0.1, 0.5, 1e-5)]),
            fits("scikit_learn_lbfgs", [(0.1, 8.0, 1e-3)], input="float64", end="capped"),
        )
        (line,) = tables.headline(table, "lbfgs", (1e-4,)).to_dict("records")
        assert line["seconds"] == 0.5
        assert np.isnan(line["times_faster_than_lbfgs"])
        assert np.isnan(line["times_faster_than_best"])
        assert line["best"] == ""

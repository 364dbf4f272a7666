import numpy as np
import pandas as pd
import pytest

from mnist_gradients.benchmarking import tables
from mnist_gradients.benchmarking.time_to_gap import ENTRY

GAPS = (1e-2, 1e-4)


def make_run(solver, points, *, input="float32", threads=1, repeat=0, state="target", memory=100.0):  # noqa: A002
    """One run on a task: its row, and a row per point (iteration, seconds, gap)."""
    key = dict(zip(ENTRY, ("odd_even", 1e-3, solver, input, threads), strict=True))
    run = key | {"repeat": repeat, "state": state, "peak_memory_mib": memory}
    path = [
        key | {"repeat": repeat, "iteration": i, "seconds": s, "cpu_seconds": 2 * s, "gap": gap}
        for i, s, gap in points
    ]
    return run, path


def tabulate(*runs):
    columns = [*ENTRY, "repeat", "iteration", "seconds", "cpu_seconds", "gap"]
    paths = pd.DataFrame([point for _, path in runs for point in path], columns=columns)
    return tables.time_to_gap(pd.DataFrame([run for run, _ in runs]), paths, GAPS)


def row(table, solver, gap, input="float32", threads=1):  # noqa: A002
    keys = ["solver", "gap", "input", "threads"]
    return table.set_index(keys).loc[(solver, gap, input, threads)]


class TestTimeToGap:
    def test_first_point_below_the_gap_counts(self):
        # The gap may grow again in between.
        points = [(0, 1.0, 0.5), (1, 2.0, 9e-3), (2, 3.0, 2e-2), (3, 4.0, 1e-4), (4, 5.0, 1e-5)]
        table = tabulate(make_run("lbfgs", points))
        assert table.columns.tolist() == tables.COLUMNS
        wide, narrow = row(table, "lbfgs", 1e-2), row(table, "lbfgs", 1e-4)
        assert (wide["seconds"], wide["cpu_seconds"], wide["iterations"]) == (2.0, 4.0, 1)
        assert (narrow["seconds"], narrow["cpu_seconds"], narrow["iterations"]) == (4.0, 8.0, 3)
        assert narrow["outcome"] == "reached"
        assert not narrow["capped"]

    def test_median_spread_and_largest_memory_of_the_repeats(self):
        seconds = {0: 3.0, 1: 1.0, 2: 8.0}
        table = tabulate(
            *(
                make_run("lbfgs", [(5 + i, s, 1e-3)], repeat=i, memory=100.0 + i)
                for i, s in seconds.items()
            )
        )
        wide = row(table, "lbfgs", 1e-2)
        measured = wide[["seconds", "seconds_min", "seconds_max", "iterations", "repeats"]]
        assert measured.tolist() == [3.0, 1.0, 8.0, 6, 3]
        assert wide["peak_memory_mib"] == 102.0

    @pytest.mark.parametrize(
        ("state", "outcome"),
        [
            ("capped", "capped"),
            ("failed", "failed"),
            ("finished", "stopped"),
            ("target", "stopped"),
        ],
    )
    def test_gap_that_is_not_reached_says_why(self, state, outcome):
        table = tabulate(make_run("lbfgs", [(0, 1.0, 5e-3)], state=state))
        assert row(table, "lbfgs", 1e-2)["outcome"] == "reached"
        assert not row(table, "lbfgs", 1e-2)["capped"]
        missed = row(table, "lbfgs", 1e-4)
        assert missed["outcome"] == outcome
        assert missed["capped"] == (outcome == "capped")
        assert missed[["seconds", "seconds_min", "seconds_max", "iterations"]].isna().all()

    def test_run_without_any_point_stands_in_the_table(self):
        table = tabulate(
            make_run("lbfgs", [(0, 1.0, 1e-3)]), make_run("gradient_descent", [], state="capped")
        )
        assert row(table, "gradient_descent", 1e-2)["capped"]

    def test_repeat_that_does_not_arrive_took_for_ever(self):
        one, other = [(0, 1.0, 1e-3)], [(0, 1.0, 1e-1)]
        most = [make_run("lbfgs", p, repeat=i) for i, p in enumerate((one, one, other))]
        few = [make_run("lbfgs", p, repeat=i) for i, p in enumerate((one, other, other))]
        arrived = row(tabulate(*most), "lbfgs", 1e-2)
        assert (arrived["seconds"], arrived["outcome"]) == (1.0, "reached")
        assert np.isnan(arrived["seconds_max"])
        missed = row(tabulate(*few), "lbfgs", 1e-2)
        assert np.isnan(missed["seconds"])
        assert missed["outcome"] == "stopped"

    def test_ratio_is_to_the_best_of_scikit_learn_with_at_most_as_many_threads(self):
        table = tabulate(
            make_run("lbfgs", [(0, 0.5, 1e-3)]),
            make_run("lbfgs", [(0, 0.25, 1e-3)], threads=2),
            make_run("scikit_learn_lbfgs", [(0, 6.0, 1e-3)], input="float64"),
            make_run("scikit_learn_lbfgs", [(0, 3.0, 1e-3)], input="float64", threads=2),
            make_run("scikit_learn_sag", [(0, 4.0, 1e-5)]),
        )
        ratio = "ratio_to_best_scikit_learn"
        assert row(table, "lbfgs", 1e-2)[ratio] == 8.0
        assert row(table, "lbfgs", 1e-2, threads=2)[ratio] == 12.0
        assert row(table, "scikit_learn_sag", 1e-2)[ratio] == 1.0
        assert row(table, "scikit_learn_lbfgs", 1e-2, "float64")[ratio] == pytest.approx(4 / 6)
        assert np.isnan(row(table, "lbfgs", 1e-4)[ratio])  # did not arrive
        assert row(table, "scikit_learn_sag", 1e-4)[ratio] == 1.0


class TestHeadline:
    def test_threads_that_only_get_in_the_way_are_no_merit_of_others(self):
        table = tabulate(
            make_run("lbfgs", [(0, 0.5, 1e-5)], threads=2),
            make_run("scikit_learn_lbfgs", [(0, 4.0, 1e-5)], input="float64"),
            make_run("scikit_learn_lbfgs", [(0, 9.0, 1e-5)], input="float64", threads=2),
        )
        (line,) = tables.headline(table, "lbfgs", (1e-4,)).to_dict("records")
        assert line["times_faster_than_lbfgs"] == 8.0
        assert line["best"] == "scikit_learn_lbfgs float64, threads 1"

    def test_ratios(self):
        def arrives(solver, seconds, **options):
            return make_run(solver, [(0, seconds, 1e-5)], **options)

        table = tabulate(
            arrives("lbfgs", 0.5, memory=250.0),
            arrives("lbfgs", 0.4, threads=2),
            arrives("lbfgs", 0.25, input="uint8", memory=90.0),
            arrives("scikit_learn_lbfgs", 8.0, input="float64"),
            arrives("scikit_learn_lbfgs", 6.0, input="float64", threads=2),
            arrives("scikit_learn_lbfgs", 4.0, input="float32"),
            arrives("scikit_learn_newton_cg", 3.0),
            arrives("gradient_descent", 0.1),
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

    def test_what_was_not_reached_stays_empty(self):
        table = tabulate(
            make_run("lbfgs", [(0, 0.5, 1e-5)]),
            make_run("scikit_learn_lbfgs", [(0, 8.0, 1e-3)], input="float64", state="capped"),
        )
        (line,) = tables.headline(table, "lbfgs", (1e-4,)).to_dict("records")
        assert line["seconds"] == 0.5
        assert np.isnan(line["times_faster_than_lbfgs"])
        assert np.isnan(line["times_faster_than_best"])
        assert line["best"] == ""

from itertools import islice

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.benchmarking import time_to_gap
from mnist_gradients.benchmarking.measurement import exact_path
from mnist_gradients.benchmarking.time_to_gap import Entry, Schedule, entries
from mnist_gradients.benchmarking.worker import Result


def ended(state="target", seconds=1.0):
    return Result(state, "", seconds, seconds, 50.0, 60.0, 40.0)


@pytest.fixture
def three(parameters):
    """Three contenders, three repeats."""
    return parameters(
        contenders=[{"solver": "lbfgs", "inputs": ["float32"], "threads": [1, 2, 4]}], repeats=3
    )


def run(schedule, results):
    """Goes through a schedule; `results` says how the runs of a number of threads end."""
    order = []
    for repeat, entry, _ in schedule:
        order.append((repeat, entry.threads))
        schedule.note(entry, results.get(entry.threads, ended()))
    return order


def test_entries_say_who_takes_part_where(parameters):
    found = entries(
        parameters(
            tasks=[
                {"name": "odd_even", "positive_classes": [1], "l2_values": [0.01, 0.001]},
                {"name": "ten_class", "l2_values": [0.01]},
            ],
            contenders=[
                {"solver": "lbfgs", "inputs": ["float32", "uint8"], "threads": [1]},
                {
                    "solver": "scikit_learn_sag",
                    "inputs": ["float64"],
                    "threads": [1, 2],
                    "tasks": ["ten_class"],
                    "cap_seconds": 3,
                },
            ],
        )
    )
    assert found == {
        Entry("odd_even", 0.01, "lbfgs", "float32", 1): 10,
        Entry("odd_even", 0.01, "lbfgs", "uint8", 1): 10,
        Entry("odd_even", 0.001, "lbfgs", "float32", 1): 10,
        Entry("odd_even", 0.001, "lbfgs", "uint8", 1): 10,
        Entry("ten_class", 0.01, "lbfgs", "float32", 1): 10,
        Entry("ten_class", 0.01, "lbfgs", "uint8", 1): 10,
        Entry("ten_class", 0.01, "scikit_learn_sag", "float64", 1): 3,
        Entry("ten_class", 0.01, "scikit_learn_sag", "float64", 2): 3,
    }


class TestSchedule:
    def test_all_run_once_before_any_runs_again(self, three):
        assert run(Schedule(three), {}) == [(i, n) for i in range(3) for n in (1, 2, 4)]

    @pytest.mark.parametrize("state", ["capped", "failed"])
    def test_capped_and_failed_are_not_repeated(self, three, state):
        order = run(Schedule(three), {2: ended(state)})
        assert order.count((0, 2)) == 1
        assert not {(1, 2), (2, 2)} & set(order)
        assert len(order) == 7

    def test_enough_is_enough(self, three):
        order = run(Schedule(three), {4: ended(seconds=6.0)})  # of 10 in all
        assert [repeat for repeat, threads in order if threads == 4] == [0, 1]

    def test_time_left_is_what_ran_before_once_more(self, three, monkeypatch):
        clock = iter([0, 60, 60, 180, 180, 240, 240])
        monkeypatch.setattr(time_to_gap.time, "perf_counter", lambda: next(clock))
        schedule = Schedule(three)
        words = []
        for _, entry, _ in islice(schedule, 3):
            schedule.note(entry, ended())
            words.append(schedule.time_left())
        # One and two minutes for the first two; their mean for the third. 2 x 3 + 1.5 x 2 = 9.
        assert words == ["8 runs left", "7 runs left, about 7 min", "6 runs left, about 9 min"]


class TestExactPath:
    def points(self, judge, seen):
        """Points on the way from zero to an optimum, one per seen gap, at 1, 2, ... seconds."""
        values = judge.values(self.parameters(judge, len(seen)))
        optimum = values[-1] / (1 + 1e-7)
        rows = [
            [i + 1.0, 2 * (i + 1.0), optimum * (1 + gap), *w]
            for i, (gap, w) in enumerate(zip(seen, self.parameters(judge, len(seen)), strict=True))
        ]
        return np.array(rows), optimum, values / optimum - 1

    @staticmethod
    def parameters(judge, n):
        from mnist_gradients.maths.logistic import LogisticObjective
        from mnist_gradients.maths.solvers.descent import lbfgs

        end = lbfgs(LogisticObjective(judge.pixels, judge.y, judge.l2)).weights
        return np.linspace(0, 1, n)[:, None] * end

    def test_the_judge_decides_when_a_gap_is_reached(self, judge):
        judge = judge()
        _, _, true = self.points(judge, np.zeros(200))
        first = int(np.flatnonzero(true <= 1e-2)[0])
        # The solver believes that it arrives three points earlier than it does.
        seen = np.append(true[3:], [1e-9] * 3)
        points, optimum, _ = self.points(judge, seen)
        path = exact_path(points, judge, optimum, (1e-2,))
        arrived = path[path["gap"] <= 1e-2].iloc[0]
        assert arrived["iteration"] == first
        assert arrived["seconds"] == first + 1
        assert arrived["cpu_seconds"] == 2 * (first + 1)
        assert arrived["gap"] == pytest.approx(true[first], rel=1e-9)
        assert len(path) < 40

    def test_the_last_point_is_judged_even_if_nobody_looked(self, judge):
        judge = judge()
        points, optimum, _ = self.points(judge, [np.nan] * 5)
        path = exact_path(points, judge, optimum, (1e-2,))
        assert path["iteration"].iloc[-1] == 4
        assert path["gap"].iloc[-1] == pytest.approx(1e-7, rel=1e-3)

    def test_no_points_no_path(self, judge):
        path = exact_path(np.empty((0, 53)), judge(), 0.3, (1e-2,))
        assert path.columns.tolist() == ["iteration", "seconds", "cpu_seconds", "gap"]
        assert path.empty


def test_what_a_run_reached_in_words():
    path = pd.DataFrame({"gap": [0.5, 2e-3]})
    assert time_to_gap.describe(ended(seconds=1.5), path) == "gap 2e-03 in 1.50 s"
    assert time_to_gap.describe(ended("capped", 60.0), path[:0]) == "capped at nothing in 60.00 s"
    failed = Result("failed", "MemoryError: ", 1.0, 1.0, None, None, None)
    assert time_to_gap.describe(failed, path) == "failed, MemoryError: "

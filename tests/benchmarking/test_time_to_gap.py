import pandas as pd
import pytest

from mnist_gradients.benchmarking import time_to_gap
from mnist_gradients.benchmarking.measurement import TOLERANCES, ladder
from mnist_gradients.benchmarking.time_to_gap import (
    Entry,
    Schedule,
    entries,
    first_tolerances,
    loosest_within,
)
from mnist_gradients.benchmarking.worker import Fit


def fit(tolerance=0.1, gap=1e-5, state="converged", seconds=1.0):
    return Fit(tolerance, state, "", seconds, seconds, 5.0, gap, 60.0, 40.0)


@pytest.fixture
def three(time_to_gap_parameters):
    """Three entries, three repeats."""
    return time_to_gap_parameters(
        solvers=[{"solver": "lbfgs", "inputs": ["float32"], "threads": [1, 2, 4]}], repeats=3
    )


def run(schedule, results):
    """Goes through a schedule; `results` holds the fits of a number of threads."""
    order = []
    for repeat, entry, tolerances in schedule:
        order.append((repeat, entry.threads, tolerances))
        schedule.note(entry, results.get(entry.threads, [fit()]))
    return order


def test_entries_are_the_settings_of_each_solver_on_its_tasks(time_to_gap_parameters):
    found = entries(
        time_to_gap_parameters(
            tasks=[
                {"name": "odd_even", "positive_classes": [1], "l2_values": [0.01, 0.001]},
                {"name": "ten_class", "l2_values": [0.01]},
            ],
            solvers=[
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
    lbfgs = [
        Entry(task, l2, "lbfgs", input_type, 1)
        for task, l2 in (("odd_even", 0.01), ("odd_even", 0.001), ("ten_class", 0.01))
        for input_type in ("float32", "uint8")
    ]
    sag = [Entry("ten_class", 0.01, "scikit_learn_sag", "float64", threads) for threads in (1, 2)]
    assert found == dict.fromkeys(lbfgs, 10) | dict.fromkeys(sag, 3)


def test_first_tolerances_are_those_given_or_the_ladder(time_to_gap_parameters):
    both = {"inputs": ["float32"], "threads": [1]}
    lbfgs = {"solver": "lbfgs", "tolerances": [1e-3, 1e-4]} | both
    found = first_tolerances(
        time_to_gap_parameters(solvers=[lbfgs, {"solver": "scikit_learn_sag"} | both])
    )
    assert list(found.values()) == [(1e-3, 1e-4), TOLERANCES]


def test_ladder_of_a_promised_gap_has_the_gaps_themselves():
    assert ladder("preconditioned_lbfgs", (1e-4, 1e-2))[:3] == (1e-2, 1e-4, 3.2e-5)
    assert ladder("lbfgs", (1e-4, 1e-2)) == TOLERANCES == tuple(sorted(TOLERANCES, reverse=True))


class TestSchedule:
    def test_all_entries_run_before_any_is_repeated(self, three):
        order = [(repeat, threads) for repeat, threads, _ in run(Schedule(three), {})]
        assert order == [(repeat, threads) for repeat in range(3) for threads in (1, 2, 4)]

    def test_repeats_are_of_the_fits_that_count(self, three):
        # Gaps of 1e-2 and 1e-4 are measured.
        fits = [fit(0.1, 0.5), fit(0.03, 5e-3), fit(0.01, 1e-3), fit(0.003, 1e-5)]
        order = run(Schedule(three), {2: fits})
        chosen = [tolerances for _, threads, tolerances in order if threads == 2]
        assert chosen == [TOLERANCES, (0.03, 0.003), (0.03, 0.003)]

    @pytest.mark.parametrize("state", ["capped", "failed"])
    def test_capped_or_failed_entry_is_not_repeated(self, three, state):
        order = run(Schedule(three), {2: [fit(), fit(0.01, state=state)]})
        assert [repeat for repeat, threads, _ in order if threads == 2] == [0]
        assert len(order) == 7

    def test_entry_without_a_gap_is_not_repeated(self, three):
        order = run(Schedule(three), {2: [fit(gap=0.5)]})
        assert [repeat for repeat, threads, _ in order if threads == 2] == [0]

    def test_entry_with_enough_seconds_is_not_repeated(self, three):
        order = run(Schedule(three), {4: [fit(seconds=3.0)] * 2})  # 10 are enough
        assert [repeat for repeat, threads, _ in order if threads == 4] == [0, 1]

    def test_time_left_is_that_of_the_last_runs(self, three, monkeypatch):
        clock = iter([0, 60, 60, 180, 180, 240, 240])
        monkeypatch.setattr(time_to_gap.time, "perf_counter", lambda: next(clock))
        schedule, words = Schedule(three), []
        for _, entry, _ in schedule:
            schedule.note(entry, [fit()])
            words.append(schedule.time_left())
            if len(words) == 3:
                break
        # One and two minutes for the first two; their mean for the third. 2 x 3 + 1.5 x 2 = 9.
        assert words == ["8 runs left", "7 runs left, about 7 min", "6 runs left, about 9 min"]


@pytest.mark.parametrize(
    ("gap", "tolerance"), [(1e-2, 0.1), (1e-3, 0.01), (1e-4, 0.001), (1e-6, None)]
)
def test_loosest_tolerance_always_reaches_the_gap(gap, tolerance):
    fits = pd.DataFrame(
        {
            "tolerance": [0.1, 0.01, 0.001, 0.01, 0.0001],
            "gap": [5e-3, 5e-5, 1e-5, 5e-4, float("nan")],
        }
    )
    assert loosest_within(fits, gap) == tolerance


@pytest.mark.parametrize(
    ("fits", "words"),
    [
        ([fit(gap=0.5), fit(gap=2e-3, seconds=0.5)], "gap 2e-03, 2 fits in 1.50 s"),
        ([fit(gap=float("nan"), state="capped")], "no result, 1 fits in 1.00 s, capped"),
    ],
)
def test_fits_in_words(fits, words):
    assert time_to_gap.describe(fits) == words


def test_failure_in_words_has_its_message():
    failed = Fit(0.1, "failed", "MemoryError: ", 1.0, 1.0)
    assert time_to_gap.describe([failed]) == "no result, 1 fits in 1.00 s, failed: MemoryError: "

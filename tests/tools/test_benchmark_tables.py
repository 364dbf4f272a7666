"""The tables of docs/benchmark.md say what the measurements say."""

import benchmark_tables
import numpy as np
import pandas as pd

OURS, LBFGS, SAG = "preconditioned_lbfgs", "scikit_learn_lbfgs", "scikit_learn_sag"


def measured(solver, seconds, outcome="reached", wrong=False, rows=10_000):
    problem = {"problem": "plain", "rows": rows, "columns": 10, "classes": 2, "l2": 1e-4}
    fits = {"outcome": outcome, "wrong": wrong, "time": seconds, "added_memory_mib": 12.3}
    return problem | fits | {"solver": solver, "version": "1.0"}


def test_the_time_of_a_fit_is_that_of_all_its_threads():
    found = benchmark_tables.field().query("outcome == 'reached'")
    one, several = found["cpu_seconds"] <= found["seconds"], found["cpu_seconds"] > found["seconds"]
    assert one.any()
    assert several.any()
    assert found["time"][one].equals(found["seconds"][one])
    assert found["time"][several].equals(found["cpu_seconds"][several])


def test_cells_are_times_or_the_end_of_the_fits():
    found = pd.DataFrame(
        [
            measured(OURS, 0.01234),
            measured(LBFGS, 0.02, wrong=True),
            measured(SAG, np.nan, outcome="capped"),
        ]
    )
    times = benchmark_tables.field_table(found, benchmark_tables.time_cell).splitlines()
    assert times[0] == "| problem | size | classes | λ | **here** | `lbfgs` | `sag` |"
    assert times[2] == "| plain | 10,000 x 10 | 2 | 0.0001 | 12.3 | **wrong** | capped |"
    memory = benchmark_tables.field_table(found, benchmark_tables.memory_cell).splitlines()
    assert memory[2] == "| plain | 10,000 x 10 | 2 | 0.0001 | 12 | 12 | 12 |"
    summary = benchmark_tables.summary(found).splitlines()
    assert summary[3] == "| `lbfgs` | 1.0 | 1 | 1 | 0 | 0 | 0 | 1 |"
    assert summary[4] == "| `sag` | 1.0 | 1 | 0 | 0 | 1 | 0 | 0 |"


def test_faster_solvers_are_named_where_the_problem_is_large_and_they_are_right():
    fast = [measured(OURS, 0.02), measured(LBFGS, 0.01), measured(SAG, 0.04)]
    found = pd.DataFrame(fast)
    assert "On 0 of the 1 problems" in benchmark_tables.sentence_on_large(found)
    (line,) = benchmark_tables.slower_table(found).splitlines()[2:]
    assert line == "| plain | 10,000 x 10 | 2 | `lbfgs` | 10 | 20 | 2.0 |"
    wrong = pd.DataFrame([fast[0], measured(LBFGS, 0.01, wrong=True), fast[2]])
    assert "On 1 of the 1 problems" in benchmark_tables.sentence_on_large(wrong)
    assert len(benchmark_tables.slower_table(wrong).splitlines()) == 2
    small = pd.DataFrame([row | {"rows": 100} for row in fast])
    assert "of the 0 problems" in benchmark_tables.sentence_on_large(small)
    sentence = " ".join(benchmark_tables.sentence_on_small(small).split())
    assert "on 1 of the 1 problems with N d below 100,000 " in sentence
    assert "faster, 2.0 times in the median, by at most 10 ms." in sentence

import pandas as pd

from mnist_gradients.report import summaries


def comparison(**gap_and_seconds: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"solver": solver, "seconds": seconds, "relative_gap": gap}
        for solver, (gap, seconds) in gap_and_seconds.items()
    )


class TestRankSolvers:
    def test_converged_solvers_come_first_and_the_fastest_own_one_is_named(self):
        ranking = summaries.rank_solvers(
            comparison(
                gradient_descent=(0.03, 1.0),  # the quickest to end, but not at the optimum
                slow=(1e-7, 20.0),
                scikit_learn=(9e-7, 2.0),
                fast=(0.0, 2.5),
            )
        )
        assert [row["solver"] for row in ranking["rows"]] == [
            *("scikit_learn", "fast", "slow", "gradient_descent")
        ]
        assert ranking["fastest"]["solver"] == "fast"
        assert ranking["speed_up"] == 0.8

    def test_no_solver_is_named_where_none_converged(self):
        ranking = summaries.rank_solvers(
            comparison(gradient_descent=(0.03, 1.0), scikit_learn=(0.0, 10.0))
        )
        assert ranking["fastest"] is None
        assert ranking["speed_up"] is None

    def test_no_speed_up_where_scikit_learn_did_not_converge(self):
        ranking = summaries.rank_solvers(comparison(fast=(0.0, 2.0), scikit_learn=(1e-5, 10.0)))
        assert ranking["fastest"]["solver"] == "fast"
        assert ranking["speed_up"] is None


def test_checks_are_counted_by_oracle():
    checks = pd.DataFrame(
        {
            "oracle": ["SymPy", "GradientTape", "GradientTape"],
            "max_abs_error": [0.0, 2.5e-3, 1e-10],
            "holds": [True, False, True],
        }
    )
    assert summaries.summarise_checks(checks) == [
        {"oracle": "SymPy", "checks": 1, "held": 1, "max_abs_error": 0.0},
        {"oracle": "GradientTape", "checks": 2, "held": 1, "max_abs_error": 2.5e-3},
    ]

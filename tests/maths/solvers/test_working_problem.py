"""The sample that the default solver holds of its rows."""

import numpy as np
import pytest

from mnist_gradients.maths.linear_objective import in_memory
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.solvers.working_problem import WorkingProblem

N, RARE = 20_000, [77, 5_321, 19_998]


@pytest.mark.parametrize("later", [False, True])
def test_rows_of_great_length_are_held_whenever_factors_are_taken(later):
    """Factors of data for which they cost much are taken once many passes were in vain."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((N, 20))
    X[:, 0] = 0
    X[RARE, 0] = 1.0  # a feature that a sample of the rows lacks
    problem = WorkingProblem(LogisticObjective(X, np.arange(N) % 2, 1e-6), generator)
    problem.model = "diagonal" if later else "classes"
    problem.hold_long_rows(generator)
    assert problem.columns.scale[0] == pytest.approx(X[:, 0].std(), rel=0.1)
    problem.model = "classes"
    problem.hold_curved_rows(generator, np.zeros(21), passes=1)
    assert in_memory(problem.few.rows).X[:, 0].sum() == len(RARE)

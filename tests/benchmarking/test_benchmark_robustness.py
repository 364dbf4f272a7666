import numpy as np
import pytest

from mnist_gradients.benchmarking import robustness
from mnist_gradients.benchmarking.robustness import Problem
from mnist_gradients.core.labelled_images import LabelledImages


@pytest.fixture
def table(mnist, parameters, monkeypatch):
    """Measured on the smaller problems alone."""
    everything = robustness.problems

    def some(images, n_rows, seed):
        assert len(images) == 600
        return [problem for problem in everything(images, n_rows, seed) if len(problem.y) < 2000]

    monkeypatch.setattr(robustness, "problems", some)
    monkeypatch.setattr(robustness, "ENOUGH_SECONDS", 0.0)
    train, validation = mnist.take(np.arange(500)), mnist.take(np.arange(500, 600))
    chosen = parameters(solver="preconditioned_lbfgs")
    return robustness.measure_robustness(train, validation, chosen, 0)


def test_every_problem_is_solved_to_the_gap_asked_for(table):
    assert len(table) == 18
    assert (table["gap"] <= robustness.GAP).all()
    assert (table["gap"] > -1e-8).all()
    reached = table.dropna(subset=["scikit_learn_gap"])
    assert len(reached) >= 15
    assert (reached["scikit_learn_gap"] <= robustness.GAP).all()
    np.testing.assert_allclose(
        reached["times_faster"], reached["scikit_learn_seconds"] / reached["seconds"]
    )


def test_problems_are_what_their_names_say(mnist):
    images = LabelledImages(mnist.images[:400], mnist.labels[:400])
    found = {}
    for problem in robustness.problems(images, 300, 0):
        found.setdefault(problem.name, problem)
    assert len(found["7 against the rest"].y) == 300
    np.testing.assert_array_equal(found["7 against the rest"].y, mnist.labels[:300] == 7)
    assert set(found["3 against 8"].y) == {0, 1}
    assert len(found["a hundred images, odd or even"].y) == 100
    ill = found["Gaussian, condition number 1e+06"]
    eigenvalues = np.linalg.eigvalsh(np.cov(ill.X.T))
    assert 5e5 < eigenvalues[-1] / eigenvalues[0] < 2e6
    apart = found["separable"]
    assert apart.X[apart.y == 1, 0].min() > 1
    assert apart.X[apart.y == 0, 0].max() < -1


def test_a_rival_that_does_not_get_there_is_left_out():
    X = np.random.default_rng(0).standard_normal((50, 2))
    problem = Problem("x", X, (X[:, 0] > 0).astype(int), 1e-3)
    exact = problem.objective(np.float64)
    gap, seconds = robustness._time_scikit_learn(problem, exact, lambda _: 1.0)
    assert np.isnan(gap)
    assert np.isnan(seconds)
    gap, seconds = robustness._time_scikit_learn(problem, exact, lambda _: 1e-5)
    assert gap == 1e-5
    assert seconds > 0

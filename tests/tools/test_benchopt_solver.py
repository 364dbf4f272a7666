import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "tools" / "benchopt_solver.py"


class BaseSolver:
    """The part of benchopt's base class that matters here."""

    sampling_strategy = "iteration"


@pytest.fixture
def solver(monkeypatch):
    """The solver of the file, on a stub where benchopt is not installed."""
    if importlib.util.find_spec("benchopt") is None:
        stub = ModuleType("benchopt")
        stub.BaseSolver = BaseSolver
        monkeypatch.setitem(sys.modules, "benchopt", stub)
    spec = importlib.util.spec_from_file_location("benchopt_solver", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Solver()


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 4)) + 1
    return X, np.where(X[:, 0] + rng.standard_normal(80) > 1, 1, -1)


def value(X, y, lmbd, beta):
    """The objective of benchmark_logreg_l2."""
    return np.logaddexp(0, -y * (X @ beta)).sum() + lmbd / 2 * beta @ beta


def test_result_minimises_the_objective_of_the_benchmark(solver, data):
    from scipy.optimize import minimize

    X, y = data
    solver.set_objective(X=X, y=y, lmbd=0.5)
    solver.run(1e-8)
    beta = solver.get_result()["beta"]
    assert beta.shape == (4,)
    least = minimize(lambda b: value(X, y, 0.5, b), np.zeros(4), tol=1e-10).fun
    assert value(X, y, 0.5, beta) == pytest.approx(least, rel=1e-7)


def test_tighter_tolerance_has_a_lower_objective(solver, data):
    X, y = data
    solver.set_objective(X=X, y=y, lmbd=0.5)
    found = []
    for tolerance in (np.inf, 1e-8):
        solver.run(tolerance)
        found.append(value(X, y, 0.5, solver.get_result()["beta"]))
    assert found[1] <= found[0]
    assert solver.sampling_strategy == "tolerance"
    assert solver.name == "mnist_gradients"

from dataclasses import replace

import numpy as np
import pytest

from mnist_gradients.benchmarking import solvers
from mnist_gradients.benchmarking.solvers import Setting, start_from_estimator, weights

BINARY = pytest.mark.parametrize("binary", [True, False], ids=["binary", "ten_class"])
# Neither accelerates: they reach a gap of 1e-3 in thousands of iterations on ten classes.
SLOW = {"gradient_descent", "accelerated_descent"}


@BINARY
@pytest.mark.parametrize("name", solvers.SOLVERS)
def test_every_solver_minimises_the_reference_objective(reference, optimum, name, binary):
    solver = solvers.find(name)
    if not solver.installed:
        pytest.skip(f"{solver.package} is not installed")
    if (solver.binary_only or name in SLOW) and not binary:
        pytest.skip(f"{name}: two classes only")
    reference = reference(binary)
    setting = Setting(len(reference.y), reference.l2, 1e-4, threads=1, seed=0)
    estimator = solver.make(setting).fit(reference.X / 255, reference.y)
    gap = reference.value(*weights(estimator)) / optimum(binary=binary) - 1
    assert -1e-9 <= gap <= 1e-3
    assert np.max(estimator.n_iter_) >= 1


@BINARY
def test_start_from_raw_pixels_is_close_to_the_optimum(reference, optimum, binary):
    reference = reference(binary)
    value = reference.value(*start_from_estimator(reference))
    assert value == pytest.approx(optimum(binary=binary), rel=1e-9)


def test_penalty_is_that_of_a_mean_loss():
    assert pytest.approx(0.2) == Setting(rows=500, l2=0.01, tolerance=1, threads=1, seed=0).C


def test_unknown_solver_is_refused():
    with pytest.raises(ValueError, match=r"^solver: found 'newton', expected one of "):
        solvers.find("newton")


def test_missing_package_is_not_installed():
    solver = solvers.find("scikit_learn_lbfgs")
    assert solver.installed
    assert solver.version.startswith("1.")
    assert not replace(solver, module="no_such_module").installed

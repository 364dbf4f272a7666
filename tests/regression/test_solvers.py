import numpy as np
import pytest

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.maths.solvers import SOLVERS
from mnist_gradients.regression.solvers import (
    ReferenceParameters,
    SolverParameters,
    fit,
    fit_reference,
)
from mnist_gradients.regression.task import make_objective

L2 = 0.01
REFERENCE = ReferenceParameters(
    solver="newton-cg", max_iterations=200, tolerance=1e-8, precision="float64"
)
# The norm of the gradient; for preconditioned L-BFGS the gap, which is quadratic in it.
TOLERANCES = dict.fromkeys(SOLVERS, 1e-6) | {"preconditioned_lbfgs": 1e-10}


def stop_after(iterations: int, **options: float) -> SolverParameters:
    return SolverParameters(max_iterations=iterations, tolerance=1e-9, **options)


@pytest.fixture(scope="module")
def two_digits(digits) -> LabelledImages:
    """The same digits labelled 0 (even) and 1 (odd)."""
    return LabelledImages(digits.images, digits.labels % 2)


@pytest.mark.parametrize("intercept", ["free", "penalised", "none"])
@pytest.mark.parametrize("kind", ["binary", "multinomial", "multinomial of two classes"])
def test_every_solver_finds_the_optimum_of_scikit_learn(digits, two_digits, task, kind, intercept):
    """Objective, weights, intercept and predictions agree at C = 1 / (N l2)."""
    images = two_digits if kind == "multinomial of two classes" else digits
    chosen = (
        task(intercept=intercept)
        if kind == "binary"
        else task(intercept=intercept, positive_classes=None)
    )
    reference, history = fit_reference(images, L2, chosen, REFERENCE)
    optimum = history["objective"].item()
    X = images.images.reshape(len(images), -1)
    for name, tolerance in TOLERANCES.items():
        options = SolverParameters(max_iterations=20_000, tolerance=tolerance)
        model, path = fit(name, images, L2, chosen, options)
        assert path["iteration"].iloc[-1] < 20_000  # the solver's own rule stopped it
        assert path["objective"].iloc[-1] == pytest.approx(optimum, rel=1e-7)
        np.testing.assert_allclose(model.weights, reference.weights, atol=1e-3)
        np.testing.assert_allclose(model.intercept, reference.intercept, atol=1e-3)
        np.testing.assert_array_equal(model.predict(X), reference.predict(X))
        assert model.intercept.any() == (intercept != "none")


def test_each_kind_of_intercept_has_its_own_optimum(digits, task):
    objectives = {
        kind: fit_reference(digits, 0.1, task(intercept=kind), REFERENCE)[1]["objective"].item()
        for kind in ("free", "penalised", "none")
    }
    assert objectives["free"] < objectives["penalised"] < objectives["none"]


def test_another_penalty_has_another_optimum(digits, task):
    """The agreement with scikit-learn would fail for any C but 1 / (N l2)."""
    other, _ = fit_reference(digits, 2 * L2, task(), REFERENCE)
    _, history = fit_reference(digits, L2, task(), REFERENCE)
    objective = make_objective(digits, L2, task())
    value, _ = objective(objective.pack(other.weights, other.intercept))
    assert value / history["objective"].item() - 1 > 1e-3


def test_reference_in_float32_ends_close_to_the_optimum(digits, task):
    rough = REFERENCE.model_copy(update={"precision": "float32", "tolerance": 1e-5})
    model, history = fit_reference(digits, L2, task(), rough)
    _, exact = fit_reference(digits, L2, task(), REFERENCE)
    assert 0 < history["objective"].item() / exact["objective"].item() - 1 < 1e-6
    assert model.weights.dtype == np.float64


def test_scikit_learn_has_one_row_of_history(digits, task):
    _, history = fit_reference(digits, L2, task(), REFERENCE)
    assert history["solver"].tolist() == ["scikit_learn"]
    assert history["iteration"].item() > 1
    assert history["gradient_norm"].item() < 1e-7


@pytest.mark.parametrize("solver", ["gradient_descent", "accelerated_descent"])
def test_history_starts_at_zero_weights_and_counts_iterations(digits, task, solver):
    _, history = fit(solver, digits, L2, task(), stop_after(5))
    assert history["iteration"].tolist() == list(range(6))
    assert history["objective"].iloc[0] == pytest.approx(np.log(2), abs=1e-14)
    assert history["seconds"].is_monotonic_increasing


def test_steps_of_one_over_lipschitz_never_increase_the_objective(digits, task):
    _, history = fit("gradient_descent", digits, L2, task(), stop_after(25))
    assert (history["objective"].diff().dropna() < 0).all()


def test_too_long_a_step_increases_the_objective(digits, task):
    _, history = fit("gradient_descent", digits, L2, task(), stop_after(5, step_size=10.0))
    assert (history["objective"].diff() > 0).any()

"""The oracles on functions with known derivatives."""

import numpy as np
import pytest

from mnist_gradients.verification.derivation import Derivation
from mnist_gradients.verification.oracles import autodiff, numeric, symbolic

X = np.array([[0.5, -1.0], [2.0, 0.25]])


@pytest.fixture
def exponential() -> Derivation:
    """J = a sum exp(x) over a matrix, and a number a."""
    return Derivation(
        statements={"dJ/dx": ["x"]},
        point={"x": X, "a": 3.0},
        objective=lambda x, a: a * np.exp(x).sum(),
        gradients=lambda x, a: [a * np.exp(x)],
        symbolic_objective=lambda sp, x, a: a * sum(x.applyfunc(sp.exp)),
        symbolic_gradients=lambda sp, x, a: [a * x.applyfunc(sp.exp)],
        tensor_objective=lambda tf, x, a: a * tf.reduce_sum(tf.exp(x)),
        analytic=True,
    )


@pytest.mark.parametrize(
    ("quotient", "error"),
    [
        (numeric.forward_difference, 3 * 0.25 * 0.01 + 0.01**2),  # of x^3 at 1/4: 3 x h + h^2
        (numeric.central_difference, 0.01**2),
        (numeric.complex_step, -(0.01**2)),
    ],
)
def test_error_of_difference_quotients_of_a_cube(quotient, error):
    slope = quotient(lambda x: (x**3).sum(), np.array([0.25]), np.array([1.0]), 0.01)
    assert slope - 3 * 0.25**2 == pytest.approx(error, rel=1e-9)


def test_numeric_gradients_have_the_shape_and_the_order_of_the_argument(exponential):
    (central,) = numeric.central_differences(exponential)
    np.testing.assert_allclose(central, 3 * np.exp(X), atol=1e-8)
    (complex_step,) = numeric.complex_steps(exponential)
    np.testing.assert_allclose(complex_step, 3 * np.exp(X), rtol=1e-15)


def test_exact_derivatives_agree_to_the_last_digit(exponential):
    (exact,) = symbolic.exact_derivatives(exponential)
    np.testing.assert_allclose(exact, 3 * np.exp(X), rtol=3e-16)


@pytest.mark.parametrize(("x", "slope"), [(0.5, 2 * np.exp(np.exp(0.5) + 0.5)), (-0.5, 0.0)])
def test_exact_derivatives_follow_shared_subexpressions_and_pieces(x, slope):
    """J = 2 exp(exp(relu(x))) - 2 e with a condition that occurs twice."""

    def objective(sp, x):
        positive = sp.Piecewise((x[0], x[0] > 0), (0, True))
        return sp.exp(sp.exp(positive)) + sp.exp(sp.exp(sp.Max(positive, 0))) - 2 * sp.E

    piecewise = Derivation({"dJ/dx": ["x"]}, {"x": np.array([x])}, None, None, objective, None)
    (exact,) = symbolic.exact_derivatives(piecewise)
    np.testing.assert_allclose(exact, [slope], rtol=1e-15)


@pytest.mark.tensorflow
def test_tape_gradients(exponential):
    (tape,) = autodiff.tape_gradients(exponential)
    assert tape.dtype == np.float64
    np.testing.assert_allclose(tape, 3 * np.exp(X), rtol=1e-15)


def test_exact_values_have_no_cancellation():
    values = symbolic.exact_values(
        lambda sp, x: [sp.exp(x[0]) - 1 - x[0], x[1] - x[0]], {"x": np.array([1e-9, 1.0])}
    )
    assert values[0] == pytest.approx(5e-19, rel=1e-8, abs=0)
    assert abs(np.exp(1e-9) - 1 - 1e-9) > 1e-17  # float64 loses every digit
    assert values[1] == 1 - 1e-9


def test_symbols_have_the_shapes_of_their_values():
    symbols = symbolic.declare({"s": 1.0, "v": np.zeros(3), "M": np.zeros((2, 3))})
    assert symbols["s"].is_Symbol
    assert symbols["v"].shape == (3, 1)
    assert symbols["M"].shape == (2, 3)
    entries = {symbols["s"], *symbols["v"], *symbols["M"]}
    assert len(entries) == 10
    assert all(entry.is_Symbol for entry in entries)


def test_probabilities_sum_to_one_for_all_symbols():
    symbols = symbolic.declare({"y": np.zeros(3), "Y": np.zeros((2, 3))}, ["y", "Y"])
    assert sum(symbols["y"]) == 1
    assert [sum(symbols["Y"][i, :]) for i in range(2)] == [1, 1]
    assert len(symbols["Y"].free_symbols) == 4


def test_vanishing_is_decided_for_all_values():
    import sympy as sp

    a, b = sp.symbols("a b")
    assert symbolic.vanishes([(a + b) ** 2 - a**2 - 2 * a * b - b**2, 0])
    assert symbolic.vanishes([1 / (1 + sp.exp(-a)) - sp.exp(a) / (1 + sp.exp(a))])
    assert symbolic.vanishes([sp.exp(a + b) - sp.exp(a) * sp.exp(b)])
    assert not symbolic.vanishes([sp.exp(a) - sp.exp(b)])
    assert not symbolic.vanishes([0, a * (a - 1) * (a + 1)])  # though zero at three points


def test_an_unproven_residual_has_an_infinite_error():
    errors = symbolic.unproven_residuals(
        lambda sp, x: [x[0] - x[0], x[0] - x[1], sp.sin(x[0]) - sp.sin(x[0])], {"x": np.ones(2)}
    )
    assert errors == [0.0, np.inf, 0.0]

"""The table of checks: coverage, agreement at several points, detection of wrong formulas."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_gradients.maths.network import ACTIVATIONS
from mnist_gradients.verification.checks import (
    ORACLES,
    largest_difference,
    run_checks,
    table,
)
from mnist_gradients.verification.derivation import (
    CENTRAL,
    COMPLEX,
    EXACT,
    KERAS,
    PROOF,
    TAPE,
    Derivation,
    Equality,
)

COLUMNS = ["identity", "oracle", "max_abs_error", "tolerance", "holds"]


def cube(claimed=lambda x: 3 * x**2, formula=lambda x: [3 * x_i**2 for x_i in x]) -> Derivation:
    """J = sum x^3, with its true gradient or another."""
    return Derivation(
        statements={"dJ/dx = 3 x^2": ["x"]},
        point={"x": np.array([0.5, -1.25, 2.0])},
        objective=lambda x: (x**3).sum(),
        gradients=lambda x: [claimed(x)],
        symbolic_objective=lambda sp, x: sum(x_i**3 for x_i in x),  # noqa: ARG005
        symbolic_gradients=lambda sp, x: [formula(x)],  # noqa: ARG005
        tensor_objective=lambda tf, x: tf.reduce_sum(x**3),
        analytic=True,
    )


@pytest.fixture(scope="module")
def checks():
    """The table that a run writes."""
    return run_checks(seed=0)


@pytest.mark.tensorflow
def test_every_identity_holds_by_every_oracle(checks):
    assert list(checks.columns) == COLUMNS
    assert checks["holds"].all(), checks[~checks["holds"]].to_string()
    assert len(checks) >= 25
    assert not checks.duplicated(["identity", "oracle"]).any()
    by_oracle = checks.groupby("oracle").size()
    assert by_oracle[TAPE] >= 25
    assert by_oracle[KERAS] == 3


@pytest.mark.parametrize("seed", range(1, 5))
def test_every_identity_holds_at_other_points(seed):
    rows = run_checks(seed, skipped=(PROOF, EXACT, TAPE, KERAS))
    assert rows["holds"].all(), rows[~rows["holds"]].to_string()


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("prefix", "oracles"),
    [
        ("P1.1 softmax(x + c 1)", {PROOF}),
        ("P1.2 dJ/dW", {PROOF, EXACT, COMPLEX, CENTRAL, TAPE}),
        ("P1.2 dJ/dc", {PROOF, EXACT, COMPLEX, CENTRAL, TAPE}),
        ("P1.2 printed (-1 + K p) x^T", {PROOF, EXACT, COMPLEX, CENTRAL, TAPE}),
        ("P1.2 printed -1 + K p", {PROOF, EXACT, COMPLEX, CENTRAL, TAPE}),
        ("P2 grad", {PROOF, EXACT, CENTRAL, TAPE}),
        ("P2 Hessian v", {PROOF, EXACT, CENTRAL, TAPE}),
        ("P2 update", {PROOF, EXACT, CENTRAL, TAPE}),
        ("P2 printed update, alpha' = alpha/N", {PROOF, EXACT, CENTRAL, TAPE}),
        ("P2 printed update, read literally", {PROOF, EXACT, CENTRAL, TAPE}),
        ("P2 sigma'", {PROOF, EXACT, CENTRAL, TAPE}),
        ("P3 dJ/dz", {PROOF, EXACT, COMPLEX, CENTRAL, TAPE}),
        ("P3 dJ/dW", {PROOF, EXACT, COMPLEX, CENTRAL, TAPE}),
        ("P3 dJ/db", {PROOF, EXACT, COMPLEX, CENTRAL, TAPE}),
        ("P3 softmax regression dJ/dW", {PROOF, EXACT, CENTRAL, TAPE}),
        ("P3 softmax regression Hessian (V, c)", {PROOF, EXACT, CENTRAL, TAPE}),
        ("P3 network of any phi", {PROOF}),
        *((f"P3 {name}'", {PROOF, EXACT, CENTRAL, TAPE}) for name in ACTIVATIONS),
        *(
            (f"P3 {name} network, 3 layers: dJ/dW_l", {EXACT, CENTRAL, TAPE})
            for name in ACTIVATIONS
        ),
        *(
            (f"P3 {name} network, 3 layers: dJ/db_l", {EXACT, CENTRAL, TAPE})
            for name in ACTIVATIONS
        ),
    ],
)
def test_every_identity_has_its_oracles(checks, prefix, oracles):
    rows = checks[checks["identity"].str.startswith(prefix)]
    assert oracles <= set(rows["oracle"])
    assert rows["holds"].all()


@pytest.mark.tensorflow
def test_tolerances_are_of_the_size_of_rounding(checks):
    proofs = checks["oracle"] == PROOF
    assert (checks.loc[proofs, "max_abs_error"] == 0).all()
    assert (checks.loc[proofs, "tolerance"] == 0).all()
    assert checks["tolerance"].max() <= 1e-5


def test_the_same_seed_gives_the_same_table():
    first, second = (run_checks(3, skipped=(PROOF, EXACT, TAPE, KERAS)) for _ in range(2))
    assert first.equals(second)
    assert not first.equals(run_checks(4, skipped=(PROOF, EXACT, TAPE, KERAS)))


def test_a_true_gradient_holds_by_every_oracle():
    rows = table([cube()], skipped=[TAPE])
    assert list(rows["oracle"]) == [PROOF, EXACT, COMPLEX, CENTRAL]
    assert rows["holds"].all()


@pytest.mark.parametrize("oracle", [EXACT, COMPLEX, CENTRAL])
def test_each_oracle_detects_wrong_code(oracle):
    wrong = cube(claimed=lambda x: 3 * x**2 + 1e-6)
    rows = table([wrong], skipped=set(ORACLES) - {oracle})
    assert list(rows["holds"]) == [False]
    assert rows["max_abs_error"].item() == pytest.approx(1e-6, rel=1e-3)


@pytest.mark.tensorflow
def test_the_gradient_tape_detects_wrong_code():
    rows = table([cube(claimed=lambda x: 3 * x**2 + 1e-6)], skipped=set(ORACLES) - {TAPE})
    assert rows["max_abs_error"].item() == pytest.approx(1e-6, rel=1e-6)
    assert not rows["holds"].item()


def test_the_proof_detects_a_wrong_formula_of_right_code():
    wrong = cube(formula=lambda x: [3 * x_i**2 + x_i * 10**-9 for x_i in x])
    rows = table([wrong], skipped=[TAPE]).set_index("oracle")
    assert rows["holds"].to_dict() == {PROOF: False, EXACT: True, COMPLEX: True, CENTRAL: True}
    assert rows.loc[PROOF, "max_abs_error"] == np.inf


def test_an_oracle_that_does_not_apply_gives_no_row():
    real = replace(cube(), analytic=False, symbolic_gradients=None)
    assert list(table([real], skipped=[TAPE])["oracle"]) == [EXACT, CENTRAL]


def test_a_statement_of_several_arguments_takes_their_largest_error():
    two = Derivation(
        statements={"both": ["a", "b"], "a alone": ["a"]},
        point={"a": 1.0 * np.arange(2), "b": np.array([3.0])},
        objective=lambda a, b: a.sum() + b.sum(),
        gradients=lambda a, b: [np.ones_like(a), 1.5 * np.ones_like(b), np.ones_like(a)],
        symbolic_objective=lambda sp, a, b: sum(a) + sum(b),  # noqa: ARG005
        tensor_objective=None,
    )
    rows = table([two], skipped=[TAPE, EXACT])
    assert rows["max_abs_error"].to_list() == pytest.approx([0.5, 0.0], abs=1e-9)


@pytest.mark.parametrize(
    ("difference", "holds"), [(0.0, True), (1e-13, True), (1e-11, False), (np.nan, False)]
)
def test_an_equality_holds_up_to_its_tolerance(difference, holds):
    equality = Equality("same", "arithmetic", lambda: [1.0 + difference, 2.0], lambda: [1.0, 2.0])
    assert table([equality])["holds"].to_list() == [holds]
    assert table([equality], skipped=["arithmetic"]).empty


@pytest.mark.parametrize(
    ("a", "b", "largest"),
    [
        ([1.0, -3.0], [1.5, -1.0], 2.0),
        ([[1.0]], [1.0], np.inf),
        ([1.0, 2.0], [1.0], np.inf),
        ([0.0, np.nan], [0.0, 0.0], np.inf),
        ([0.25, -0.5], 0.0, 0.5),
    ],
)
def test_largest_difference(a, b, largest):
    assert largest_difference(a, b) == largest

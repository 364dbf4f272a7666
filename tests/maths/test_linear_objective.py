"""What both objectives promise: true derivatives, and indifference to how X is stored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array

from mnist_gradients.maths import linear_objective
from mnist_gradients.maths.logistic import LogisticObjective
from mnist_gradients.maths.scaled_features import ScaledFeatures
from mnist_gradients.maths.softmax_regression import SoftmaxObjective

OBJECTIVES = [LogisticObjective, SoftmaxObjective]
INTERCEPTS = ["free", "penalised", "none"]


def make(objective_class, N=70, d=4, dtype=np.float64, l2=0.1, seed=0, **options):
    generator = np.random.default_rng(seed)
    X = generator.uniform(0, 256, size=(N, d)).astype(np.uint8)
    if dtype != np.uint8:
        X = X.astype(dtype) / dtype(255)
    y = np.arange(N) % (2 if objective_class is LogisticObjective else 3)
    return objective_class(X, y, l2, **options), generator


@pytest.mark.parametrize("objective_class", OBJECTIVES)
@settings(max_examples=30)
@given(
    N=st.integers(3, 40),
    d=st.integers(1, 6),
    l2=st.floats(0, 2),
    seed=st.integers(0, 9),
    intercept=st.sampled_from(INTERCEPTS),
)
def test_derivatives_are_those_of_central_differences(objective_class, N, d, l2, seed, intercept):
    objective, generator = make(objective_class, N, d, l2=l2, seed=seed, intercept=intercept)
    w, v = generator.normal(size=(2, objective.size))
    step = 1e-5
    after, before = objective(w + step * v), objective(w - step * v)
    assert objective(w)[1] @ v == pytest.approx((after[0] - before[0]) / (2 * step), abs=1e-7)
    difference = (after[1] - before[1]) / (2 * step)
    np.testing.assert_allclose(objective.hessian_vector(w, v), difference, atol=1e-7)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_the_second_derivative_of_a_loss_is_known_as_matrix_diagonal_and_product(objective_class):
    objective, generator = make(objective_class)
    Z = 3 * generator.normal(size=(50, objective.n_outputs))
    H = objective.logit_hessian(Z)
    assert H.shape == (objective.n_outputs, objective.n_outputs, 50)
    np.testing.assert_allclose(np.einsum("kkb->bk", H), objective.logit_curvature(Z), atol=1e-16)
    for k, unit in enumerate(np.eye(objective.n_outputs)):
        expected = objective.curvature_product(Z, np.broadcast_to(unit, Z.shape))
        np.testing.assert_allclose(H[k].T, expected, atol=1e-16)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_a_loss_is_above_its_tangents(objective_class):
    """Fenchel and Young: loss(z) + conjugate(r) >= r z, equal where r is the residual of z."""
    objective, generator = make(objective_class)
    y = np.arange(60) % objective.n_classes
    Z, others = 8 * generator.normal(size=(2, 60, objective.n_outputs))
    loss, R = objective.loss_and_residual(Z, y)
    np.testing.assert_allclose(loss + objective.conjugate(R, y), np.sum(R * Z, axis=1), atol=1e-12)
    slope = objective.loss_and_residual(others, y)[1]
    tangent = np.sum(slope * Z, axis=1) - objective.conjugate(slope, y)
    assert np.all(loss >= tangent - 1e-12)
    assert np.any(loss > tangent + 0.1)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_a_residual_beyond_all_logits_becomes_one_of_theirs(objective_class):
    objective, generator = make(objective_class)
    y = np.arange(9_000) % objective.n_classes
    shape = (9_000, objective.n_outputs)
    R = objective.loss_and_residual(generator.normal(size=shape), y)[1]
    np.testing.assert_array_equal(objective.feasible(R, y), R)  # without any rounding
    step = generator.normal(size=shape)
    if objective.n_outputs > 1:
        step -= step.mean(axis=1, keepdims=True)  # residuals of softmax sum to zero
    R = objective.feasible(R + step, y)
    if objective_class is LogisticObjective:
        P = np.where(y == 0, R[:, 0], -R[:, 0])[:, None]  # probability of the other label
    else:
        P = R + np.eye(objective.n_classes)[y]
        np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-15)
    assert np.all((P >= 0) & (P <= 1))
    assert {0, 1} <= set(P.ravel())
    assert np.isfinite(objective.conjugate(R, y)).all()


@pytest.mark.parametrize("objective_class", OBJECTIVES)
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_over_rows_are_those_of_their_logits(objective_class, weighted):
    weights = np.linspace(0, 3, 70) if weighted else None
    objective, generator = make(objective_class, weights=weights)
    v, w = generator.normal(size=(2, objective.size))
    total, product = objective.sum_rows(lambda y, Z, U: (y * Z[:, 0], Z * U), w, v)
    s, X, y = (np.ones(70) if weights is None else weights), objective.rows.X, objective.rows.y
    R = s[:, None] * objective.logits(w) * objective.logits(v)
    assert total == pytest.approx(np.sum(s * y * objective.logits(w)[:, 0]))
    np.testing.assert_allclose(product, np.r_[(X.T @ R).ravel(), R.sum(axis=0)], atol=1e-10)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_a_free_intercept_is_not_penalised(objective_class):
    weak, generator = make(objective_class, l2=0.0)
    strong, _ = make(objective_class, l2=5.0)
    w, v = generator.normal(size=(2, weak.size))
    W, _ = weak.unpack(w)
    V, c = weak.unpack(v)
    assert strong(w)[0] - weak(w)[0] == pytest.approx(2.5 * np.sum(W**2))
    difference = weak.unpack(strong(w)[1] - weak(w)[1])
    np.testing.assert_allclose(difference[0], 5 * W, rtol=1e-12)
    np.testing.assert_allclose(difference[1], 0, atol=1e-14)
    difference = weak.unpack(strong.hessian_vector(w, v) - weak.hessian_vector(w, v))
    np.testing.assert_allclose(difference[0], 5 * V, rtol=1e-12)
    np.testing.assert_allclose(difference[1], 0 * c, atol=1e-14)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_a_penalised_intercept_is_penalised(objective_class):
    weak, generator = make(objective_class, l2=0.0, intercept="penalised")
    strong, _ = make(objective_class, l2=5.0, intercept="penalised")
    w = generator.normal(size=weak.size)
    np.testing.assert_allclose(strong(w)[1] - weak(w)[1], 5 * w, rtol=1e-12)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_bytes_floats_and_memory_maps_give_the_same_objective(objective_class, tmp_path):
    exact, generator = make(objective_class, dtype=np.float64)
    w, v = generator.normal(size=(2, exact.size))
    pixels, _ = make(objective_class, dtype=np.uint8)
    single, _ = make(objective_class, dtype=np.float32)
    polished = type(pixels)(pixels.rows.X, pixels.rows.y, pixels.l2, compute_dtype=np.float64)
    np.save(tmp_path / "X.npy", pixels.rows.X)
    mapped = type(pixels)(np.load(tmp_path / "X.npy", mmap_mode="r"), pixels.rows.y, pixels.l2)
    for objective, tolerance in [(pixels, 1e-5), (single, 1e-5), (polished, 1e-13)]:
        assert objective(w)[0] == pytest.approx(exact(w)[0], rel=tolerance)
        np.testing.assert_allclose(objective(w)[1], exact(w)[1], atol=tolerance)
        assert objective(w)[1].dtype == np.float64
        product = objective.hessian_vector(w, v)
        np.testing.assert_allclose(product, exact.hessian_vector(w, v), atol=tolerance)
    np.testing.assert_array_equal(mapped(w)[1], pixels(w)[1])


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_blocks_have_the_computing_type(objective_class):
    for dtype, expected in [(np.uint8, "f4"), (np.float32, "f4"), (np.float64, "f8")]:
        assert make(objective_class, dtype=dtype)[0].dtype == expected


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_a_subset_is_the_objective_of_its_rows(objective_class):
    objective, generator = make(objective_class, intercept="penalised")
    rows = np.array([1, 5, 6, 41, 69])
    few = objective.subset(rows)
    X, y = objective.rows.X, objective.rows.y
    direct = type(objective)(X[rows], y[rows], 0.1, intercept="penalised")
    assert few.size == direct.size
    w = generator.normal(size=few.size)
    np.testing.assert_array_equal(few(w)[1], direct(w)[1])
    assert objective.rows.shape[0] == 70


@pytest.mark.parametrize("intercept", INTERCEPTS)
@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_a_class_hessian_is_its_block_of_the_hessian(objective_class, intercept):
    objective, generator = make(objective_class, intercept=intercept)
    w = generator.normal(size=objective.size)
    rows = np.arange(70)
    curvature = objective.curvature(w)
    K = objective.n_outputs
    hessian = np.array([objective.hessian_vector(w, v) for v in np.eye(objective.size)])
    for k in range(K):
        block = ScaledFeatures(objective).hessian(rows, curvature[:, k])
        assert block.dtype == np.float32
        np.testing.assert_allclose(block, hessian[k::K, k::K], atol=1e-6)
    features = ScaledFeatures(objective)
    diagonals = np.diag(hessian).reshape(-1, K).T - features.penalties
    np.testing.assert_allclose(features.curvature_along(rows, curvature), diagonals, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_one_pass_gives_value_gradient_and_curvature(objective_class, weighted):
    """The curvature of a row is the trace of its Hessian."""
    weights = np.random.default_rng(1).uniform(0.1, 2, 70) if weighted else None
    objective, generator = make(objective_class, weights=weights)
    w = generator.normal(size=objective.size)
    H = objective.logit_hessian(objective.logits(w))
    expected = np.einsum("kkb->b", H) * (1.0 if weights is None else weights)
    value, gradient, curvature = objective.with_curvature(w)
    assert value == objective(w)[0]
    np.testing.assert_array_equal(gradient, objective(w)[1])
    np.testing.assert_allclose(curvature, expected, rtol=1e-5)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_residuals_of_some_rows_are_those_of_their_loss(objective_class, sparse, monkeypatch):
    monkeypatch.setattr(linear_objective, "RESIDUAL_ROWS", 7)
    dense, generator = make(objective_class)
    w, some = generator.normal(size=dense.size), np.array([69, 3, 3, *range(20, 40)])
    X = csr_array(dense.rows.X) if sparse else dense.rows.X
    W, b = dense.unpack(w)
    expected = dense.loss_and_residual(dense.rows.X @ W + b, dense.rows.y)[1][some]
    objective = objective_class(X, dense.rows.y, 0.1)
    np.testing.assert_allclose(objective.residuals(w, some), expected, atol=1e-12)
    if not sparse:
        centred = objective.centred(np.full(objective.n_features, 0.5))
        moved = objective.pack(W, b + 0.5 * W.sum(axis=0))
        np.testing.assert_allclose(centred.residuals(moved, some), expected, atol=1e-12)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_inputs_are_unchanged(objective_class):
    objective, generator = make(objective_class)
    w, v = generator.normal(size=(2, objective.size))
    inputs = [objective.rows.X, objective.rows.y, w, v]
    copies = [array.copy() for array in inputs]
    for array in inputs:
        array.flags.writeable = False
    objective(w)
    objective.hessian_vector(w, v)
    objective.lipschitz()
    for array, copy in zip(inputs, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("intercept", INTERCEPTS)
def test_pack_and_unpack_are_inverse(intercept):
    objective, generator = make(SoftmaxObjective, intercept=intercept)
    w = generator.normal(size=objective.size)
    W, b = objective.unpack(w)
    assert (W.shape, b.shape) == ((4, 3), (3,))
    np.testing.assert_array_equal(objective.pack(W, b), w)


def test_a_single_feature_has_a_lipschitz_constant():
    X = np.array([[1.0], [2.0]])
    objective = LogisticObjective(X, np.array([0, 1]), 0.5, intercept="none")
    assert objective.lipschitz() == pytest.approx(5 / 8 + 0.5)


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        (np.zeros(3), [0, 1, 0], {}, r"X: found shape \(3,\), expected \(N, d\)"),
        (np.zeros((0, 2)), [], {}, r"X: found shape \(0, 2\)"),
        (
            np.zeros((2, 2), dtype=int),
            [0, 1],
            {},
            "X: found type int64, expected uint8 or",
        ),
        (np.zeros((2, 2)), [0, 1, 0], {}, r"y: found shape \(3,\), expected \(2,\)"),
        (np.zeros((2, 2)), [0.0, 1.0], {}, "y: found type float64, expected integers"),
        (np.zeros((2, 2)), [0, 1], {"l2": -1.0}, "l2: found -1.0, expected a finite number"),
        (np.zeros((2, 2)), [0, 1], {"intercept": "yes"}, "intercept: found 'yes', expected one of"),
    ],
)
@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_unfit_arguments_are_refused(objective_class, X, y, options, message):
    with pytest.raises(ValueError, match=message):
        objective_class(X, np.array(y, dtype=None if y else int), **{"l2": 0.1, **options})


def test_a_parameter_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"w: found shape \(3,\), expected \(5,\)"):
        make(LogisticObjective)[0](np.zeros(3))


def assert_same_derivatives(one, other, w, v, tolerance=1e-12):
    assert one(w)[0] == pytest.approx(other(w)[0], rel=tolerance)
    np.testing.assert_allclose(one(w)[1], other(w)[1], atol=tolerance)
    product = other.hessian_vector(w, v)
    np.testing.assert_allclose(one.hessian_vector(w, v), product, atol=tolerance)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_an_integer_weight_repeats_a_row(objective_class):
    plain, generator = make(objective_class, N=30)
    weights = generator.integers(1, 4, size=30)
    repeated = np.repeat(np.arange(30), weights)
    weighted = objective_class(plain.rows.X, plain.rows.y, 0.1, weights=weights)
    w, v = generator.normal(size=(2, plain.size))
    assert_same_derivatives(weighted, plain.subset(repeated), w, v)
    assert weighted.lipschitz() == pytest.approx(plain.subset(repeated).lipschitz())


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_a_weight_of_zero_leaves_a_row_out(objective_class):
    plain, generator = make(objective_class, N=30)
    weights = np.where(np.arange(30) % 5 == 0, 0.0, 1.0)
    weighted = objective_class(plain.rows.X, plain.rows.y, 0.1, weights=weights)
    w, v = generator.normal(size=(2, plain.size))
    assert_same_derivatives(weighted, plain.subset(np.flatnonzero(weights)), w, v)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_weights_of_a_subset_multiply_those_of_its_rows(objective_class):
    plain, generator = make(objective_class, N=30)
    own, factors = generator.uniform(size=(2, 30))
    weighted = objective_class(plain.rows.X, plain.rows.y, 0.1, weights=own)
    both = objective_class(plain.rows.X, plain.rows.y, 0.1, weights=own * factors)
    w, v = generator.normal(size=(2, plain.size))
    assert_same_derivatives(weighted.subset(np.arange(30), factors), both, w, v)


@pytest.mark.parametrize("intercept", INTERCEPTS)
@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_sparse_rows_give_the_same_objective(objective_class, intercept):
    dense, generator = make(objective_class, intercept=intercept)
    X = np.where(generator.random(dense.rows.shape) < 0.5, 0, dense.rows.X)
    dense = objective_class(X, dense.rows.y, 0.1, intercept=intercept)
    sparse = objective_class(csr_array(X), dense.rows.y, 0.1, intercept=intercept)
    w, v = generator.normal(size=(2, dense.size))
    assert_same_derivatives(sparse, dense, w, v)
    rows, curvature = np.arange(70), dense.curvature(w)[:, 0]
    np.testing.assert_allclose(
        ScaledFeatures(sparse).hessian(rows, curvature),
        ScaledFeatures(dense).hessian(rows, curvature),
        rtol=1e-6,
    )


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_centred_rows_move_the_intercept_alone(objective_class, sparse):
    plain, generator = make(objective_class)
    X = csr_array(plain.rows.X) if sparse else plain.rows.X
    centre = generator.normal(size=4)
    centred = objective_class(X, plain.rows.y, 0.1).centred(centre)
    explicit = objective_class(plain.rows.X - centre, plain.rows.y, 0.1)
    w, v = generator.normal(size=(2, plain.size))
    assert_same_derivatives(centred, explicit, w, v)
    W, b = plain.unpack(w)
    assert centred(plain.pack(W, b + centre @ W))[0] == pytest.approx(plain(w)[0])


@pytest.mark.parametrize("intercept", ["penalised", "none"])
def test_rows_are_not_centred_without_a_free_intercept(intercept):
    objective, _ = make(LogisticObjective, intercept=intercept)
    with pytest.raises(ValueError, match=f"intercept: found '{intercept}', expected 'free'"):
        objective.centred(np.zeros(4))


def test_large_offsets_cost_no_digits_once_rows_are_centred():
    X = np.random.default_rng(0).normal(size=(50, 2)) + 1e8
    objective = LogisticObjective(X, np.arange(50) % 2, 0.1)
    w = np.array([1.0, -2.0, 0.5])
    centre = X.mean(axis=0)
    exact = LogisticObjective(X - centre, np.arange(50) % 2, 0.1)
    assert objective.centred(centre)(w)[0] == exact(w)[0]
    single = objective.centred(centre).computed_in(np.float32)
    assert single(w)[0] == pytest.approx(exact(w)[0], rel=1e-6)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_a_tiny_loss_keeps_its_digits(objective_class):
    """In float64, -log(1 - 1e-30) written as a difference would be zero."""
    X, y = np.array([[1.0], [-1.0]]), np.array([1, 0])
    objective = objective_class(X, y, 0.0, intercept="none")
    w = np.array([70.0]) if objective.n_outputs == 1 else np.array([-35.0, 35.0])
    value, gradient = objective(w)
    assert value == pytest.approx(np.exp(-70), rel=1e-12)
    assert abs(gradient).max() == pytest.approx(np.exp(-70), rel=1e-12)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_huge_logits_of_the_wrong_class_give_a_finite_loss(objective_class):
    X, y = np.array([[1e4], [-1e4]]), np.array([0, 1])
    objective = objective_class(X, y, 0.0, intercept="none")
    w = np.array([1.0]) if objective.n_outputs == 1 else np.array([0.0, 1.0])
    assert objective(w)[0] == pytest.approx(1e4)


def test_other_sparse_formats_are_refused():
    with pytest.raises(ValueError, match="X: found a sparse matrix of format csc, expected csr"):
        LogisticObjective(csc_array(np.eye(2)), np.array([0, 1]), 0.1)


@pytest.mark.parametrize(
    ("weights", "message"),
    [(np.ones(3), r"weights: found shape \(3,\), expected \(2,\)")],
)
def test_weights_of_another_length_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        LogisticObjective(np.eye(2), np.array([0, 1]), 0.1, weights=weights)


def test_a_label_beyond_the_classes_is_refused():
    with pytest.raises(ValueError, match="y: found the label 2, expected labels 0 to 1"):
        LogisticObjective(np.eye(3), np.array([0, 1, 2]), 0.1)

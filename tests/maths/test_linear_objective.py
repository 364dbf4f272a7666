"""What both objectives promise: true derivatives, and indifference to how X is stored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_gradients.maths.logistic import LogisticObjective
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
@settings(max_examples=30, deadline=None)
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
    polished = type(pixels)(pixels.X, pixels.y, pixels.l2, compute_dtype=np.float64)
    np.save(tmp_path / "X.npy", pixels.X)
    mapped = type(pixels)(np.load(tmp_path / "X.npy", mmap_mode="r"), pixels.y, pixels.l2)
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
    direct = type(objective)(objective.X[rows], objective.y[rows], 0.1, intercept="penalised")
    assert few.size == direct.size
    w = generator.normal(size=few.size)
    np.testing.assert_array_equal(few(w)[1], direct(w)[1])
    assert len(objective.y) == 70


@pytest.mark.parametrize("intercept", INTERCEPTS)
@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_a_class_hessian_is_its_block_of_the_hessian(objective_class, intercept):
    objective, generator = make(objective_class, intercept=intercept)
    w = generator.normal(size=objective.size)
    rows = np.arange(70)
    curvature = objective.curvature(w, rows)
    K = objective.n_outputs
    hessian = np.array([objective.hessian_vector(w, v) for v in np.eye(objective.size)])
    for k in range(K):
        block = objective.class_hessian(rows, curvature[:, k] / 70)
        assert block.dtype == np.float32
        np.testing.assert_allclose(block, hessian[k::K, k::K], atol=1e-6)


@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_inputs_are_unchanged(objective_class):
    objective, generator = make(objective_class)
    w, v = generator.normal(size=(2, objective.size))
    inputs = [objective.X, objective.y, w, v]
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
        (np.zeros(3), [0, 1, 0], {}, r"X has shape \(3,\), expected \(N, d\)"),
        (np.zeros((0, 2)), [], {}, r"X has shape \(0, 2\)"),
        (np.zeros((2, 2), dtype=int), [0, 1], {}, "X has type int64, expected uint8, float32"),
        (np.zeros((2, 2)), [0, 1, 0], {}, r"y has shape \(3,\), expected \(2,\)"),
        (np.zeros((2, 2)), [0.0, 1.0], {}, "y has type float64, expected integers"),
        (np.zeros((2, 2)), [0, 1], {"l2": -1.0}, "l2 is -1.0, expected a finite number"),
        (np.zeros((2, 2)), [0, 1], {"intercept": "yes"}, "intercept is 'yes', expected one of"),
    ],
)
@pytest.mark.parametrize("objective_class", OBJECTIVES)
def test_unfit_arguments_are_refused(objective_class, X, y, options, message):
    with pytest.raises(ValueError, match=message):
        objective_class(X, np.array(y, dtype=None if y else int), **{"l2": 0.1, **options})


def test_a_parameter_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"w has shape \(3,\), expected \(5,\)"):
        make(LogisticObjective)[0](np.zeros(3))

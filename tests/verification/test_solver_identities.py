"""The other forms of the solvers' steps, on quadratics with known minima."""

import numpy as np

from mnist_gradients.verification.identities import solvers


def test_the_inverse_bfgs_matrix_meets_the_secant_condition_and_is_exact_after_n_steps():
    curvature = np.array([[2.0, 0.5], [0.5, 1.0]])
    conjugate = np.array([[1.0, 0.0], [-0.25, 1.0]])  # s_1^T A s_2 = 0
    H = solvers.inverse_bfgs_matrix(conjugate, conjugate @ curvature)
    np.testing.assert_allclose(H @ curvature @ conjugate[1], conjugate[1], atol=1e-15)
    np.testing.assert_allclose(H, np.linalg.inv(curvature), atol=1e-15)


def test_the_estimate_sequence_restarts_on_an_ill_conditioned_quadratic():
    scales = np.array([1.0, 0.01])

    def quadratic(w):
        return scales @ w**2 / 2, scales * w

    start = np.array([1.0, 1.0])
    far = solvers.estimate_sequence(quadratic, start, 1.0, 400)
    assert np.abs(far).max() < 1e-8
    plain = start * (1 - scales) ** 400
    assert np.abs(plain).max() > 1e-3

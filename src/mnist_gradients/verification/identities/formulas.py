"""Definitions in SymPy and TensorFlow for several identities, straight from the formulas."""

from typing import Any


def row_softmax(sp: Any, Z: Any) -> Any:
    """Softmax of each row of a SymPy matrix."""
    E = Z.applyfunc(sp.exp)
    return sp.Matrix(Z.rows, Z.cols, lambda i, k: E[i, k] / sum(E[i, :]))


def row_logsumexp(sp: Any, Z: Any) -> Any:
    """``log sum_k exp(z_k)`` for each row z of a SymPy matrix, as a column."""
    E = Z.applyfunc(sp.exp)
    return sp.Matrix([sp.log(sum(E[i, :])) for i in range(Z.rows)])


def row_log_softmax(sp: Any, Z: Any) -> Any:
    """``z - log sum_k exp(z_k)`` for each row z of a SymPy matrix."""
    return Z - row_logsumexp(sp, Z) * sp.ones(1, Z.cols)


def mean_cross_entropy(sp: Any, Z: Any, Y: Any) -> Any:
    """``-1/N sum_i sum_k Y[i, k] (Z[i, k] - log sum_j exp Z[i, j])`` in SymPy."""
    row_sums = Y * sp.ones(Y.cols, 1)
    return ((row_sums.T * row_logsumexp(sp, Z))[0] - sum(Y.multiply_elementwise(Z))) / Z.rows


def tensor_mean_cross_entropy(tf: Any, Z: Any, Y: Any) -> Any:
    """``-1/N sum_i sum_k Y[i, k] log softmax(z_i)_k`` in TensorFlow."""
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(Y, Z))


def sigmoid(sp: Any, T: Any) -> Any:
    """``1 / (1 + exp(-t))`` for each entry of a SymPy matrix."""
    return T.applyfunc(lambda t: 1 / (1 + sp.exp(-t)))


def squared_norm(matrix: Any) -> Any:
    """Sum of the squared entries of a SymPy matrix."""
    return sum(entry**2 for entry in matrix)

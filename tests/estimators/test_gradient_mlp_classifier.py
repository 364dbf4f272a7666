"""The network classifier: scikit-learn's steps, its tools, types, the loss curve, errors."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from mnist_gradients.estimators import GradientLogisticRegression, GradientMLPClassifier
from mnist_gradients.estimators.network import OPTIMISERS, train_network
from mnist_gradients.maths.network import ACTIVATIONS, Network, loss
from mnist_gradients.maths.optimisers import SGD

N = 300


@pytest.fixture(scope="module")
def digits():
    """300 digits of 8 x 8 pixels in [0, 1] and their labels."""
    X, y = load_digits(return_X_y=True)
    return X[:N] / 16, y[:N]


def small(**parameters):
    """A network that trains in a moment."""
    parameters = {"hidden_layer_sizes": (30,), "max_iter": 40, "batch_size": 30} | parameters
    return GradientMLPClassifier(**{"random_state": 0, **parameters})


@pytest.mark.parametrize(("theirs", "ours"), [("relu", "relu"), ("logistic", "sigmoid")])
def test_takes_the_steps_of_scikit_learn(digits, theirs, ours):
    X, y = digits
    reference = MLPClassifier(
        (20, 15),
        activation=theirs,
        solver="sgd",
        momentum=0.0,
        learning_rate_init=0.1,
        alpha=10.0,
        batch_size=N,
        random_state=0,
    ).partial_fit(X, y, classes=np.arange(10))
    parameters = zip(reference.coefs_, reference.intercepts_, strict=True)
    start = Network(*zip(*((W.copy(), b.copy()) for W, b in parameters), strict=True), ours)
    for _ in range(20):
        reference.partial_fit(X, y)

    network, losses = train_network(
        start, X, y, SGD(0.1), alpha=10.0, batch_size=N, epochs=20, rng=np.random.default_rng(0)
    )
    for layer in range(3):
        np.testing.assert_allclose(network.weights[layer], reference.coefs_[layer], atol=1e-12)
        np.testing.assert_allclose(network.biases[layer], reference.intercepts_[layer], atol=1e-12)
    np.testing.assert_allclose(losses, reference.loss_curve_[1:], rtol=1e-12)


def test_without_hidden_layers_it_meets_the_optimum_of_softmax_regression(digits):
    X, y = digits[0], digits[1] % 3
    network = small(
        hidden_layer_sizes=(),
        alpha=10.0,
        optimiser="momentum",
        learning_rate=0.2,
        batch_size=N,
        max_iter=1_000,
    ).fit(X, y)
    linear = GradientLogisticRegression(C=0.1, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(network.predict_proba(X), linear.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize(
    ("optimiser", "learning_rate"), [("sgd", 0.3), ("momentum", 0.05), ("adam", 0.01)]
)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_learns_with_every_optimiser_and_activation(digits, optimiser, learning_rate, activation):
    model = small(optimiser=optimiser, learning_rate=learning_rate, activation=activation)
    model.fit(*digits)
    assert model.network_.activation == activation
    assert model.loss_curve_[0] > 1.5
    assert model.score(*digits) > 0.97


def test_every_optimiser_is_tested():
    assert set(OPTIMISERS) == {"sgd", "momentum", "adam"}


def test_the_loss_curve_holds_the_objective_before_each_step(digits):
    before, after = (small(alpha=3.0, batch_size=N, max_iter=n).fit(*digits) for n in (5, 6))
    assert len(after.loss_curve_) == 6
    np.testing.assert_allclose(after.loss_curve_[:5], before.loss_curve_, rtol=1e-12)
    expected = loss(before.network_, *digits, l2=3.0 / N)
    np.testing.assert_allclose(after.loss_curve_[5], expected, rtol=1e-12)


def test_an_epoch_contains_every_row_once(digits):
    model = small(alpha=0.0, optimiser="sgd", learning_rate=1e-15, batch_size=70, max_iter=2)
    model.fit(*digits)
    assert model.n_iter_ == 2
    assert len(model.loss_curve_) == 10
    rows = np.array([70, 70, 70, 70, 20])
    expected = loss(model.network_, *digits)
    first, second = np.reshape(model.loss_curve_, (2, 5))
    np.testing.assert_allclose([rows @ first / N, rows @ second / N], expected, rtol=1e-10)
    assert not np.allclose(first, second)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_computes_in_the_type_of_the_rows(digits, dtype):
    X, y = digits[0].astype(dtype), digits[1]
    model = small(learning_rate=0.01).fit(X, y)
    assert model.network_.dtype == dtype
    assert model.predict_proba(X).dtype == dtype
    assert model.score(X, y) > 0.97


def test_the_seed_decides_the_result(digits):
    X, y = digits
    first, again, other = (small(random_state=s, max_iter=2).fit(X, y) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert not np.allclose(first.predict_proba(X), other.predict_proba(X))


def test_fit_changes_neither_rows_nor_labels(digits):
    X, y = digits[0].copy(), digits[1].copy()
    small(max_iter=1).fit(X, y)
    np.testing.assert_array_equal(X, digits[0])
    np.testing.assert_array_equal(y, digits[1])


def test_labels_may_be_words(digits):
    X, y = digits[0], digits[1] % 2
    words = np.array(["even", "odd"])
    named, numbered = (small(max_iter=5).fit(X, labels) for labels in (words[y], y))
    np.testing.assert_array_equal(named.predict(X), words[numbered.predict(X)])
    np.testing.assert_array_equal(named.predict_proba(X), numbered.predict_proba(X))


def test_probabilities_and_predictions_agree(digits):
    model = small().fit(*digits)
    P = model.predict_proba(digits[0])
    np.testing.assert_allclose(P.sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(digits[0])), P)
    np.testing.assert_array_equal(model.predict(digits[0]), P.argmax(axis=1))


def test_grid_search_in_a_pipeline_finds_the_penalty(digits):
    pipeline = Pipeline([("scale", MinMaxScaler()), ("classify", small(learning_rate=0.01))])
    search = GridSearchCV(pipeline, {"classify__alpha": [1e-3, 1e3]}, cv=2)
    search.fit(digits[0] * 16, digits[1])
    assert search.best_params_ == {"classify__alpha": 1e-3}
    assert search.best_score_ > 0.85


def test_can_be_cross_validated(digits):
    scores = cross_val_score(small(learning_rate=0.01), *digits, cv=3)
    np.testing.assert_array_less(0.85, scores)


def test_can_be_calibrated(digits):
    calibrated = CalibratedClassifierCV(small(learning_rate=0.01), cv=2).fit(*digits)
    np.testing.assert_allclose(calibrated.predict_proba(digits[0]).sum(axis=1), 1)
    assert calibrated.score(*digits) > 0.9


def test_clone_carries_the_parameters_and_not_the_fit(digits):
    fitted = small(alpha=0.5, max_iter=1).fit(*digits)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(digits[0])


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (
            {"hidden_layer_sizes": (30, 0)},
            r"^hidden_layer_sizes: found 0, expected an integer of at least 1$",
        ),
        (
            {"hidden_layer_sizes": 30},
            r"^hidden_layer_sizes: found 30, expected a list of integers$",
        ),
        ({"activation": "step"}, r"^activation: found 'step', expected one of relu, tanh, "),
        ({"alpha": -1.0}, r"^alpha: found -1\.0, expected a finite number of at least 0$"),
        ({"alpha": np.inf}, r"^alpha: found inf, expected a finite number of at least 0$"),
        (
            {"optimiser": "lbfgs"},
            r"^optimiser: found 'lbfgs', expected one of sgd, momentum",
        ),
        ({"learning_rate": 0.0}, r"^learning_rate: found 0\.0, expected a finite number above 0$"),
        (
            {"learning_rate": "adaptive"},
            r"^learning_rate: found 'adaptive', expected a finite number above 0$",
        ),
        ({"batch_size": 0}, r"^batch_size: found 0, expected an integer of at least 1$"),
        ({"max_iter": 2.0}, r"^max_iter: found 2\.0, expected an integer of at least 1$"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(digits, parameter, message):
    with pytest.raises(ValueError, match=message):
        small(**parameter).fit(*digits)


def test_divergence_is_refused_and_a_remedy_named(digits):
    message = "^weights: found infinity or NaN after epoch 0, expected finite ones: lower learning"
    with pytest.raises(ValueError, match=message):
        small(optimiser="sgd", learning_rate=1e10, hidden_layer_sizes=(20, 20)).fit(*digits)


def test_one_class_is_refused(digits):
    with pytest.raises(ValueError, match=r"^y: found one class, 3, expected at least two classes$"):
        small().fit(digits[0], np.full(N, 3))


def test_sparse_rows_are_refused_and_a_remedy_named(digits):
    with pytest.raises(TypeError, match=r"Sparse data was passed .*toarray"):
        small().fit(csr_array(digits[0]), digits[1])

"""The network classifier: scikit-learn's steps, its tools, types, the loss curve, errors."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from mnist_gradients.estimators import GradientLogisticRegression, GradientMLPClassifier
from mnist_gradients.estimators.network import NAMES, SOLVERS, train_epoch
from mnist_gradients.maths.network import Network, loss
from mnist_gradients.maths.optimisers import SGD

N = 300
# Most tests run a few epochs only.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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

    network, rng, losses = start, np.random.default_rng(0), []
    optimiser = SGD(0.1)
    state = optimiser.start(network.parameters)
    for _ in range(20):
        network, state, loss_of_epoch = train_epoch(network, state, X, y, optimiser, 10.0, N, rng)
        losses.append(loss_of_epoch)
    for layer in range(3):
        np.testing.assert_allclose(network.weights[layer], reference.coefs_[layer], atol=1e-12)
        np.testing.assert_allclose(network.biases[layer], reference.intercepts_[layer], atol=1e-12)
    np.testing.assert_allclose(losses, reference.loss_curve_[1:], rtol=1e-12)


def test_without_hidden_layers_it_meets_the_optimum_of_softmax_regression(digits):
    X, y = digits[0], digits[1] % 3
    network = small(
        hidden_layer_sizes=(),
        alpha=10.0,
        solver="momentum",
        learning_rate_init=0.2,
        batch_size=N,
        max_iter=1_000,
        tol=0,
        n_iter_no_change=1_000,
    ).fit(X, y)
    linear = GradientLogisticRegression(C=0.1, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(network.predict_proba(X), linear.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize(
    ("solver", "learning_rate_init"), [("sgd", 0.3), ("momentum", 0.05), ("adam", 0.01)]
)
@pytest.mark.parametrize("activation", NAMES)
def test_learns_with_every_solver_and_activation(digits, solver, learning_rate_init, activation):
    model = small(solver=solver, learning_rate_init=learning_rate_init, activation=activation)
    model.fit(*digits)
    assert model.network_.activation == NAMES[activation]
    assert model.loss_curve_[0] > 1.5
    assert model.score(*digits) > 0.97


def test_every_solver_is_tested():
    assert set(SOLVERS) == {"sgd", "momentum", "adam"}


def test_the_loss_curve_holds_the_objective_before_each_step(digits):
    before, after = (small(alpha=3.0, batch_size=N, max_iter=n).fit(*digits) for n in (5, 6))
    assert after.n_iter_ == len(after.loss_curve_) == 6
    np.testing.assert_allclose(after.loss_curve_[:5], before.loss_curve_, rtol=1e-12)
    expected = loss(before.network_, *digits, l2=3.0 / N)
    np.testing.assert_allclose(after.loss_curve_[5], expected, rtol=1e-12)
    assert after.loss_ == after.best_loss_ == after.loss_curve_[5]


@pytest.mark.parametrize("batch_size", [70, "auto"])
def test_an_epoch_contains_every_row_once(digits, batch_size):
    model = small(
        alpha=0.0, solver="sgd", learning_rate_init=1e-15, batch_size=batch_size, max_iter=2
    )
    model.fit(*digits)
    np.testing.assert_allclose(model.loss_curve_, loss(model.network_, *digits), rtol=1e-10)


def test_the_automatic_batch_has_200_rows(digits):
    automatic, given = (small(batch_size=b, max_iter=2).fit(*digits) for b in ("auto", 200))
    np.testing.assert_array_equal(automatic.network_.weights[0], given.network_.weights[0])


@pytest.mark.parametrize("sizes", [30, np.int64(30), [30], np.array([30])], ids=repr)
def test_hidden_layers_in_every_form(digits, sizes):
    model, same = (small(hidden_layer_sizes=s, max_iter=2).fit(*digits) for s in (sizes, (30,)))
    np.testing.assert_array_equal(model.network_.weights[1], same.network_.weights[1])


def test_training_ends_where_the_loss_no_longer_falls(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = small(tol=0.05, n_iter_no_change=3, max_iter=500).fit(*digits)
    assert 4 < model.n_iter_ < 500
    best = np.minimum.accumulate(model.loss_curve_)
    falls = np.array(model.loss_curve_[1:]) <= best[:-1] - 0.05
    assert not falls[-4:].any()
    assert falls[-5]


def test_progress_up_to_the_last_epoch_is_warned_about(digits):
    message = "^adam reached max_iter = 2 epochs, and the training still made progress; raise"
    with pytest.warns(ConvergenceWarning, match=message):
        small(max_iter=2).fit(*digits)


def test_early_stopping_keeps_the_network_of_the_best_score(digits):
    model = small(
        early_stopping=True, validation_fraction=0.2, n_iter_no_change=5, max_iter=500
    ).fit(*digits)
    assert model.n_iter_ == len(model.validation_scores_) < 500
    assert model.best_validation_score_ == max(model.validation_scores_) > 0.8
    assert model.best_loss_ is None
    shorter = small(
        early_stopping=True,
        validation_fraction=0.2,
        max_iter=int(np.argmax(model.validation_scores_)) + 1,
    ).fit(*digits)
    np.testing.assert_array_equal(model.network_.weights[0], shorter.network_.weights[0])
    assert small(max_iter=1).fit(*digits).validation_scores_ is None


def test_too_few_rows_to_hold_out_are_refused(digits):
    message = "^early_stopping: found 300 rows, of which 3 are held out, expected a row to train on"
    with pytest.raises(ValueError, match=message):
        small(early_stopping=True, validation_fraction=0.01).fit(*digits)


def test_every_epoch_can_be_printed(digits, capsys):
    model = small(verbose=True, max_iter=2).fit(*digits)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"epoch {i + 1}: loss {model.loss_curve_[i]:.6g}" for i in range(2)]


def test_sample_weights_are_refused(digits):
    with pytest.raises(TypeError, match="unexpected keyword argument 'sample_weight'"):
        small().fit(*digits, sample_weight=np.ones(N))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_computes_in_the_type_of_the_rows(digits, dtype):
    X, y = digits[0].astype(dtype), digits[1]
    model = small(learning_rate_init=0.01).fit(X, y)
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
    pipeline = Pipeline([("scale", MinMaxScaler()), ("classify", small(learning_rate_init=0.01))])
    search = GridSearchCV(pipeline, {"classify__alpha": [1e-3, 1e3]}, cv=2)
    search.fit(digits[0] * 16, digits[1])
    assert search.best_params_ == {"classify__alpha": 1e-3}
    assert search.best_score_ > 0.85


def test_can_be_cross_validated(digits):
    scores = cross_val_score(small(learning_rate_init=0.01), *digits, cv=3)
    np.testing.assert_array_less(0.85, scores)


def test_can_be_calibrated(digits):
    calibrated = CalibratedClassifierCV(small(learning_rate_init=0.01), cv=2).fit(*digits)
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
            {"hidden_layer_sizes": 2.5},
            r"^hidden_layer_sizes: found 2\.5, expected an integer of at least 1$",
        ),
        ({"batch_size": "all"}, r"^batch_size: found 'all', expected an integer of at least 1$"),
        ({"tol": -1}, r"^tol: found -1, expected a finite number of at least 0$"),
        ({"n_iter_no_change": 0}, r"^n_iter_no_change: found 0, expected an integer of at least"),
        ({"validation_fraction": 1.0}, r"^validation_fraction: found 1\.0, expected a number bel"),
        ({"activation": "step"}, r"^activation: found 'step', expected one of relu, tanh, "),
        ({"alpha": -1.0}, r"^alpha: found -1\.0, expected a finite number of at least 0$"),
        ({"alpha": np.inf}, r"^alpha: found inf, expected a finite number of at least 0$"),
        (
            {"solver": "lbfgs"},
            r"^solver: found 'lbfgs', expected one of sgd, momentum",
        ),
        ({"learning_rate_init": 0.0}, r"^learning_rate_init: found 0\.0, expected a finite numbe"),
        (
            {"learning_rate_init": "adaptive"},
            r"^learning_rate_init: found 'adaptive', expected a finite number above 0$",
        ),
        ({"batch_size": 0}, r"^batch_size: found 0, expected an integer of at least 1$"),
        ({"max_iter": 2.0}, r"^max_iter: found 2\.0, expected an integer of at least 1$"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(digits, parameter, message):
    with pytest.raises(ValueError, match=message):
        small(**parameter).fit(*digits)


@pytest.mark.parametrize("solver", SOLVERS)
def test_divergence_that_stays_finite_is_said(digits, solver):
    message = r"^the loss is .*, above the 2\.3 of equal probabilities: the training diverges"
    with pytest.warns(ConvergenceWarning, match=message):
        model = small(solver=solver, learning_rate_init=100.0).fit(*digits)
    assert model.score(*digits) < 0.3


def test_divergence_is_refused_with_a_way_out(digits):
    message = "^weights: found infinity or NaN after epoch 1, expected finite ones: lower learning"
    with pytest.raises(ValueError, match=message):
        small(solver="sgd", learning_rate_init=1e10, hidden_layer_sizes=(20, 20)).fit(*digits)


def test_one_class_is_refused(digits):
    with pytest.raises(ValueError, match=r"^y: found one class, 3, expected at least two classes$"):
        small().fit(digits[0], np.full(N, 3))


def test_sparse_rows_are_refused_and_a_remedy_named(digits):
    with pytest.raises(TypeError, match=r"Sparse data was passed .*toarray"):
        small().fit(csr_array(digits[0]), digits[1])

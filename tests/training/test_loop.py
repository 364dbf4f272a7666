import re

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.core.tensorflow_import import import_tensorflow
from mnist_gradients.maths.softmax import log_softmax
from mnist_gradients.training import loop
from mnist_gradients.training.batches import draw_batches
from mnist_gradients.training.compiled import compile_evaluation
from mnist_gradients.training.loop import evaluation_points
from mnist_gradients.training.network import build_network
from mnist_gradients.training.sets import TrainingSets

COLUMNS = [
    "iteration",
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "test_loss",
    "test_accuracy",
]


def test_batch_larger_than_the_training_set_is_refused(training_sets, parameters):
    words = (
        "parameter fnn.batch_size: found 101, expected at most 100, the number of training images"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        loop.train(training_sets, parameters(batch_size=101), seed=0)


@pytest.mark.parametrize(
    ("n_iterations", "evaluate_every", "expected"),
    [
        (9, 4, [1, 2, 3, 4, 8, 9]),
        (40, 15, [1, 2, 3, 4, 5, 6, 8, 10, 13, 15, 30, 40]),
        (6, 2, [1, 2, 4, 6]),
        (5, 1, [1, 2, 3, 4, 5]),
        (1, 100, [1]),
        (7, 10**9, [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_evaluation_points_grow_to_the_largest_interval(n_iterations, evaluate_every, expected):
    assert list(evaluation_points(n_iterations, evaluate_every)) == expected


def test_default_run_is_evaluated_at_thirty_points_or_more():
    points = list(evaluation_points(6736, 842))
    assert len(points) >= 30
    assert sum(point < 421 for point in points) >= 15


@pytest.fixture(scope="module")
def plain(training_sets, parameters):
    """Nine iterations of plain gradient descent: three epochs of three batches of 30 images."""
    return loop.train(training_sets, parameters(), seed=0)


def losses_and_hits(network, images):
    logits = np.asarray(network(images.images.astype(np.float32)), dtype=np.float64)
    losses = -log_softmax(logits)[np.arange(len(images)), images.labels]
    return losses, logits.argmax(axis=1) == images.labels


@pytest.mark.tensorflow
class TestHistory:
    def test_one_row_per_iteration(self, plain):
        assert list(plain.history.columns) == COLUMNS
        assert plain.history["iteration"].tolist() == list(range(1, 10))
        assert plain.history["epoch"].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
        assert plain.history[["train_loss", "train_accuracy"]].notna().all(axis=None)

    def test_test_images_are_evaluated_at_the_points_validation_images_at_the_regular_ones(
        self, plain
    ):
        points = {"validation": [4, 8, 9], "test": [1, 2, 3, 4, 8, 9]}
        for column in COLUMNS[4:]:
            evaluated = plain.history.loc[plain.history[column].notna(), "iteration"]
            assert evaluated.tolist() == points[column.partition("_")[0]]

    def test_agrees_with_the_same_steps_taken_one_by_one(self, plain, sets, parameters):
        """Plain Keras in eager mode, with no code of the training but the order of the batches."""
        tf = import_tensorflow()
        import keras

        network = build_network(parameters(), (28, 28), n_classes=10, seed=0)
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        train, _, test = sets
        batches = draw_batches(len(train), parameters(), seed=0)
        for row, drawn in zip(plain.history.itertuples(), batches, strict=False):
            batch = train.take(drawn.rows)
            with tf.GradientTape() as tape:
                loss = cross_entropy(batch.labels, network(batch.images.astype(np.float32)))
            assert row.train_loss == pytest.approx(float(loss), abs=1e-5)
            assert row.train_accuracy == pytest.approx(losses_and_hits(network, batch)[1].mean())
            gradients = tape.gradient(loss, network.trainable_variables)
            for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
                variable.assign_sub(0.1 * gradient)
            if row.iteration in (1, 2, 3, 4, 8, 9):  # after the update
                losses, hits = losses_and_hits(network, test)
                assert row.test_loss == pytest.approx(losses.mean(), abs=1e-5)
                assert row.test_accuracy == pytest.approx(hits.mean())
        assert row.iteration == 9

    def test_last_row_is_of_the_network_returned(self, plain, sets):
        last = plain.history.iloc[-1]
        for name, images in (("validation", sets[1]), ("test", sets[2])):
            losses, hits = losses_and_hits(plain.network, images)
            assert last[f"{name}_loss"] == pytest.approx(losses.mean(), abs=1e-5)
            assert last[f"{name}_accuracy"] == pytest.approx(hits.mean())

    def test_seconds_of_recording_are_part_of_the_seconds_of_training(self, plain):
        assert 0 < plain.cost["recording_seconds"] < plain.cost["train_seconds"]

    def test_label_smoothing_changes_the_steps_but_not_what_is_recorded(
        self, plain, training_sets, parameters
    ):
        smoothed = loop.train(training_sets, parameters(label_smoothing=0.5), seed=0).history
        first, last = smoothed.iloc[0], smoothed.iloc[-1]
        assert first["train_loss"] == plain.history["train_loss"].iloc[0]
        assert last["train_loss"] > plain.history["train_loss"].iloc[-1] + 0.01


@pytest.mark.tensorflow
def test_network_is_evaluated_as_it_will_be_used(sets, training_sets, parameters):
    """Nothing is dropped, and normalised is by the statistics of the training."""
    chosen = parameters(batch_normalisation=True, dropout=0.2, epochs=2)
    trained = loop.train(training_sets, chosen, seed=5)
    losses, hits = losses_and_hits(trained.network, sets[2])
    assert trained.history["test_loss"].iloc[-1] == pytest.approx(losses.mean(), abs=1e-5)
    assert trained.history["test_accuracy"].iloc[-1] == pytest.approx(hits.mean())


@pytest.mark.tensorflow
def test_another_seed_gives_another_history(plain, training_sets, parameters):
    other = loop.train(training_sets, parameters(epochs=1), seed=1).history
    assert (other["train_loss"] != plain.history["train_loss"].iloc[:3]).all()


@pytest.mark.tensorflow
def test_diverging_training_stops_and_names_the_learning_rate(training_sets, parameters):
    with pytest.raises(FloatingPointError) as caught:
        loop.train(training_sets, parameters(learning_rate=1e30), seed=0)
    assert re.fullmatch(
        r"training loss: found (nan|inf) at iteration [234], expected a finite number; "
        r"try a smaller fnn\.learning_rate \(now 1e\+30\)",
        str(caught.value),
    )


@pytest.mark.tensorflow
def test_thinned_history_keeps_the_true_losses_and_every_evaluation(
    plain, training_sets, parameters
):
    thinned = loop.train(training_sets, parameters(record_every=3), seed=0).history
    kept = plain.history[plain.history["iteration"].isin([1, 2, 3, 4, 6, 8, 9])].reset_index(
        drop=True
    )
    pd.testing.assert_frame_equal(thinned, kept, check_exact=True)


@pytest.mark.tensorflow
def test_without_validation_images_nothing_is_measured_on_them(plain, sets, parameters):
    train, _, test = sets
    history = loop.train(TrainingSets(train, None, test), parameters(), seed=0).history
    assert history[["validation_loss", "validation_accuracy"]].isna().all(axis=None)
    columns = [*COLUMNS[:4], *COLUMNS[6:]]
    pd.testing.assert_frame_equal(history[columns], plain.history[columns], check_exact=True)


@pytest.mark.tensorflow
def test_evaluation_in_batches_is_the_mean_over_all_images(sets, plain):
    evaluate = compile_evaluation(plain.network, batch_size=30)  # the last one holds 10
    loss, accuracy = evaluate(sets[2])
    losses, hits = losses_and_hits(plain.network, sets[2])
    assert loss == pytest.approx(losses.mean(), abs=1e-5)
    assert accuracy == pytest.approx(hits.mean())


@pytest.mark.tensorflow
def test_class_weights_change_the_network_and_not_the_recorded_loss(
    plain, training_sets, parameters
):
    weighted = loop.train(training_sets, parameters(class_weights=(5.0,) + (0.5,) * 9), seed=0)
    assert weighted.history["train_loss"][0] == plain.history["train_loss"][0]
    assert (weighted.history["train_loss"][1:] != plain.history["train_loss"][1:]).all()
    ones = loop.train(training_sets, parameters(class_weights=(1.0,) * 10), seed=0)
    np.testing.assert_allclose(ones.history["train_loss"], plain.history["train_loss"], rtol=1e-5)
    predicted = np.asarray(weighted.network(training_sets.train.images)).argmax(axis=1)
    before = np.asarray(plain.network(training_sets.train.images)).argmax(axis=1)
    assert (predicted == 0).sum() > (before == 0).sum()

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_gradients.labelled_images import LabelledImages
from mnist_gradients.maths.softmax import log_softmax
from mnist_gradients.pipelines.fnn import training
from mnist_gradients.pipelines.fnn.network import build_network
from mnist_gradients.tensorflow_import import import_tensorflow

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


class TestDrawBatches:
    @given(
        n_images=st.integers(1, 40),
        batch_size=st.integers(1, 10),
        max_shift=st.integers(0, 3),
        seed=st.integers(0, 99),
    )
    def test_every_epoch_is_a_permutation_and_every_shift_in_range(
        self, parameters, n_images, batch_size, max_shift, seed
    ):
        batch_size = min(batch_size, n_images)
        per_epoch = n_images // batch_size
        chosen = parameters(batch_size=batch_size, max_shift=max_shift)
        batches = training.draw_batches(n_images, chosen, np.random.default_rng(seed))
        for _ in range(3):
            epoch = list(itertools.islice(batches, per_epoch))
            rows = np.concatenate([rows for rows, _ in epoch])
            assert len(np.unique(rows)) == len(rows) == per_epoch * batch_size
            assert rows.min() >= 0
            assert rows.max() < n_images
            for rows, shifts in epoch:
                assert rows.dtype == shifts.dtype == np.int32
                assert rows.shape == (batch_size,)
                assert shifts.shape == (batch_size, 2)
                assert np.abs(shifts).max() <= max_shift

    @staticmethod
    def draw(parameters, seed, count=6, **changes):
        batches = training.draw_batches(90, parameters(**changes), np.random.default_rng(seed))
        return np.concatenate([np.column_stack(b) for b in itertools.islice(batches, count)])

    def test_seed_alone_decides(self, parameters):
        first = self.draw(parameters, 0, max_shift=2)
        np.testing.assert_array_equal(first, self.draw(parameters, 0, max_shift=2))
        assert (first != self.draw(parameters, 1, max_shift=2)).any()

    def test_epochs_differ_in_order(self, parameters):
        rows = self.draw(parameters, 0)[:, 0].reshape(2, 90)
        assert (rows[0] != rows[1]).any()

    def test_every_shift_occurs(self, parameters):
        shifts = self.draw(parameters, 0, count=30, max_shift=2)[:, 1:]
        assert {tuple(shift) for shift in shifts} == set(itertools.product(range(-2, 3), repeat=2))


def test_batch_larger_than_the_training_set_is_refused(sets, parameters):
    words = (
        "parameter fnn.batch_size: found 101, expected at most 100, the number of training images"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        training.train(*sets, parameters(batch_size=101), seed=0)


@pytest.fixture(scope="module")
def plain(sets, parameters):
    """Nine iterations of plain gradient descent: three epochs of three batches of 30 images."""
    return training.train(*sets, parameters(), seed=0)


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

    def test_evaluated_every_so_often_and_at_the_end_only(self, plain):
        for column in COLUMNS[4:]:
            evaluated = plain.history.loc[plain.history[column].notna(), "iteration"]
            assert evaluated.tolist() == [4, 8, 9]

    def test_agrees_with_the_same_steps_taken_one_by_one(self, plain, sets, parameters):
        """Plain Keras in eager mode, with no code of the training but the order of the batches."""
        tf = import_tensorflow()
        import keras

        keras.utils.set_random_seed(0)
        network = build_network(parameters(), (28, 28), n_classes=10)
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        train, _, test = sets
        batches = training.draw_batches(len(train), parameters(), np.random.default_rng(0))
        for row, (rows, _) in zip(plain.history.itertuples(), batches, strict=False):
            batch = train.take(rows)
            with tf.GradientTape() as tape:
                loss = cross_entropy(batch.labels, network(batch.images.astype(np.float32)))
            assert row.train_loss == pytest.approx(float(loss), abs=1e-5)
            assert row.train_accuracy == pytest.approx(losses_and_hits(network, batch)[1].mean())
            gradients = tape.gradient(loss, network.trainable_variables)
            for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
                variable.assign_sub(0.1 * gradient)
            if row.iteration in (4, 8, 9):  # after the update
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
        assert 0 < plain.recording_seconds < plain.train_seconds

    def test_label_smoothing_changes_the_steps_but_not_what_is_recorded(
        self, plain, sets, parameters
    ):
        smoothed = training.train(*sets, parameters(label_smoothing=0.5), seed=0).history
        first, last = smoothed.iloc[0], smoothed.iloc[-1]
        assert first["train_loss"] == plain.history["train_loss"].iloc[0]
        assert last["train_loss"] > plain.history["train_loss"].iloc[-1] + 0.01


@pytest.mark.tensorflow
def test_same_seed_gives_the_same_history_and_weights_with_every_option_on(sets, parameters):
    chosen = parameters(
        optimiser="adamw",
        weight_decay=0.01,
        schedule="cosine",
        warmup_epochs=0.5,
        batch_normalisation=True,
        dropout=0.2,
        label_smoothing=0.1,
        max_shift=2,
        epochs=2,
    )
    one, two = (training.train(*sets, chosen, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(one.history, two.history, check_exact=True)
    for weights, again in zip(one.network.get_weights(), two.network.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, again)
    # Evaluated as the network will be used: nothing dropped, normalised by what training saw.
    losses, hits = losses_and_hits(one.network, sets[2])
    assert one.history["test_loss"].iloc[-1] == pytest.approx(losses.mean(), abs=1e-5)
    assert one.history["test_accuracy"].iloc[-1] == pytest.approx(hits.mean())


@pytest.mark.tensorflow
def test_another_seed_gives_another_history(plain, sets, parameters):
    other = training.train(*sets, parameters(epochs=1), seed=1).history
    assert (other["train_loss"] != plain.history["train_loss"].iloc[:3]).all()


@pytest.mark.tensorflow
def test_diverging_training_stops_and_names_the_learning_rate(sets, parameters):
    with pytest.raises(FloatingPointError) as caught:
        training.train(*sets, parameters(learning_rate=1e30), seed=0)
    assert re.fullmatch(
        r"training loss: found (nan|inf) at iteration [234], expected a finite number; "
        r"try a smaller fnn\.learning_rate \(now 1e\+30\)",
        str(caught.value),
    )


class Recorder:
    """In place of a network: its logits are the pixels that it is shown, one class per pixel."""

    def __init__(self, n_pixels):
        import keras

        self.output_shape = (None, n_pixels)
        self.trainable_variables = [keras.Variable(np.zeros(n_pixels, dtype=np.float32))]

    def __call__(self, x, training):
        assert training
        tf = import_tensorflow()
        logits = tf.reshape(x, (-1, self.output_shape[1]))
        return logits + 0 * tf.convert_to_tensor(self.trainable_variables[0])


@pytest.mark.tensorflow
def test_images_are_moved_as_far_as_asked(parameters):
    """The loss log sum exp(x) - x_y of class y gives pixel y away."""
    import_tensorflow()
    import keras

    height, width, reach = 4, 5, 2
    n_pixels = height * width
    image = np.arange(1, n_pixels + 1, dtype=np.uint8).reshape(height, width)
    images = LabelledImages(np.tile(image, (n_pixels, 1, 1)), np.arange(n_pixels, dtype=np.uint8))
    run = training.compile_iterations(
        Recorder(n_pixels),
        keras.optimizers.SGD(0.0),
        images,
        parameters(batch_size=1, max_shift=reach),
    )
    shifts = list(itertools.product(range(-reach, reach + 1), repeat=2))
    rows = np.tile(np.arange(n_pixels, dtype=np.int32), len(shifts))
    asked = np.repeat(np.array(shifts, dtype=np.int32), n_pixels, axis=0)
    losses, _ = run(rows[:, None], asked[:, None])
    padded = np.pad(image, reach)
    for (down, right), found in zip(shifts, losses.reshape(-1, n_pixels), strict=True):
        moved = np.roll(padded, (down, right), axis=(0, 1))[reach:-reach, reach:-reach]
        expected = -log_softmax(moved.ravel().astype(np.float64))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.tensorflow
def test_evaluation_in_batches_is_the_mean_over_all_images(sets, plain):
    evaluate = training.compile_evaluation(plain.network, batch_size=30)  # the last one holds 10
    loss, accuracy = evaluate(sets[2])
    losses, hits = losses_and_hits(plain.network, sets[2])
    assert loss == pytest.approx(losses.mean(), abs=1e-5)
    assert accuracy == pytest.approx(hits.mean())

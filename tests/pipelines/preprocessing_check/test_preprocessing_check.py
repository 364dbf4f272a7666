"""Test digits that went through large PNG files are classified as well as before."""

import io
import logging
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import ValidationError

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.solvers.descent import DEFAULT_SOLVER
from mnist_gradients.pipelines.preprocessing_check import nodes
from mnist_gradients.pipelines.preprocessing_check.parameters import RoundTripParameters
from mnist_gradients.preprocessing.rendering import render

COLUMNS = ["model", "images", "accuracy_before", "accuracy_after", "points_lost", "holds"]


def make_parameters(**changes):
    options = {
        "images": 500,
        "smallest_factor": 3,
        "largest_factor": 8,
        "allowed_loss": 0.5,
        "digit_size": 20,
        "solver": DEFAULT_SOLVER,
        "positive_classes": (1, 3, 5, 7, 9),
    }
    return RoundTripParameters(**(options | changes))


@pytest.fixture(scope="module")
def test_digits(mnist):
    """Digits that the model below was not fitted to."""
    return mnist.take(np.arange(8000, 9000))


@pytest.fixture(scope="module")
def returned(test_digits):
    return nodes.send_digits_round(test_digits, make_parameters(), seed=0)


@pytest.fixture(scope="module")
def models(softmax_regression):
    return {DEFAULT_SOLVER: softmax_regression}


class TestRender:
    def test_digit_is_large_and_padded_and_about_half_are_inverted(self):
        digit = np.zeros((28, 28), dtype=np.uint8)
        digit[8:20, 8:20] = 255
        rng = np.random.default_rng(0)
        files = [render(digit, 2, 3, rng) for _ in range(60)]
        pages = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
        for page in pages:
            assert 56 <= min(page.shape) <= max(page.shape) < 3 * 84
            assert page.min() <= 40 < 200 <= page.max()
            is_ink = page != page[0, 0]
            rows, columns = (np.flatnonzero(is_ink.any(axis=axis)) for axis in (1, 0))
            # 12 pixels, two to three times as large, and a soft edge
            assert 24 <= min(len(rows), len(columns)) <= max(len(rows), len(columns)) <= 50
        assert 15 < sum(page[0, 0] > 128 for page in pages) < 45
        assert len({page.shape for page in pages}) > 50

    def test_same_generator_draws_the_same(self, mnist):
        one, two = (render(mnist.images[0], 3, 20, np.random.default_rng(5)) for _ in range(2))
        assert one == two
        assert one != render(mnist.images[0], 3, 20, np.random.default_rng(6))


class TestSendDigitsRound:
    def test_first_images_come_back_with_their_labels(self, returned, test_digits):
        assert len(returned) == 500
        np.testing.assert_array_equal(returned.labels, test_digits.labels[:500])

    def test_pixels_are_much_the_same(self, returned, test_digits):
        before = test_digits.images[:500].astype(np.float64)
        differences = np.abs(before - returned.images).mean(axis=(1, 2))
        assert np.median(differences) < 5
        others = np.abs(before - returned.images[::-1]).mean(axis=(1, 2))
        assert np.median(others) > 20

    def test_more_images_than_there_are_means_all(self, test_digits):
        few = test_digits.take(np.arange(3))
        assert len(nodes.send_digits_round(few, make_parameters(), seed=0)) == 3

    def test_image_without_a_digit_is_named_and_comes_back_blank(self, test_digits, caplog):
        images = test_digits.images[:2].copy()
        images[1] = 0
        with caplog.at_level(logging.WARNING):
            returned = nodes.send_digits_round(
                LabelledImages(images, test_digits.labels[:2]), make_parameters(), seed=0
            )
        assert returned.images[0].any()
        assert not returned.images[1].any()
        assert caplog.messages == ["test image 1: found nothing but background, expected a digit"]

    @pytest.mark.parametrize("shape", [(28, 20), (8, 8)])
    def test_images_that_cannot_hold_the_digit_are_refused(self, shape):
        images = LabelledImages(np.zeros((2, *shape), np.uint8), np.zeros(2, np.uint8))
        words = (
            f"^test: found images of {shape[0]} x {shape[1]} pixels, expected square ones of at "
            "least preprocessing_check.digit_size, which is 20$"
        )
        with pytest.raises(ValueError, match=words):
            nodes.send_digits_round(images, make_parameters(), seed=0)


class TestMeasures:
    def test_unknown_solver_is_refused(self, test_digits, returned, models):
        words = (
            f"^parameter preprocessing_check.solver: found 'sgd', expected one of {DEFAULT_SOLVER}$"
        )
        with pytest.raises(ValueError, match=words):
            nodes.measure_linear_model(test_digits, returned, models, make_parameters(solver="sgd"))

    def test_softmax_regression_loses_half_a_point_at_most(self, returned, test_digits, models):
        found = nodes.measure_linear_model(test_digits, returned, models, make_parameters())
        assert found["images"] == 500
        assert found["accuracy_before"] > 0.88
        assert found["accuracy_after"] >= found["accuracy_before"] - 0.005

    @pytest.mark.parametrize("spoil", [np.flip, np.transpose])
    def test_wrong_preprocessing_would_be_noticed(self, returned, test_digits, models, spoil):
        spoilt = np.stack([spoil(digit) for digit in returned.images])
        found = nodes.measure_linear_model(
            test_digits,
            LabelledImages(spoilt, returned.labels),
            models,
            make_parameters(),
        )
        assert found["accuracy_before"] > 0.88
        assert found["accuracy_after"] < 0.6

    def test_binary_model_is_asked_for_the_positive_classes(self, test_digits, returned):
        always_positive = LinearModel(np.zeros((784, 1)), np.array([1.0]), np.array([0, 1]), l2=0.0)
        for positive in ((1, 3, 5, 7, 9), (4,)):
            found = nodes.measure_linear_model(
                test_digits,
                returned,
                {DEFAULT_SOLVER: always_positive},
                make_parameters(positive_classes=positive),
            )
            share = np.isin(returned.labels, positive).mean()
            assert found["accuracy_before"] == found["accuracy_after"] == pytest.approx(share)

    def test_network_is_asked_before_and_after(self, test_digits, returned):
        class Network:
            """Says 1 of whatever it was given first, and 0 of anything else."""

            def predict(self, images, batch_size, verbose):  # noqa: ARG002
                is_original = np.array_equal(images, test_digits.images[:500])
                return np.eye(10)[np.full(len(images), int(is_original))]

        found = nodes.measure_network(test_digits, returned, Network())
        assert found["accuracy_before"] == pytest.approx(np.mean(returned.labels == 1))
        assert found["accuracy_after"] == pytest.approx(np.mean(returned.labels == 0))


class TestCompareAccuracies:
    def test_row_per_model_and_a_warning_of_one_that_loses_too_much(self, caplog):
        fnn, binary, multinomial = (
            {"images": 200, "accuracy_before": 0.9, "accuracy_after": after}
            for after in (0.91, 0.895, 0.894)
        )
        with caplog.at_level(logging.INFO):
            table = nodes.compare_accuracies(fnn, binary, multinomial, make_parameters())
        assert table.columns.tolist() == COLUMNS
        assert table["model"].tolist() == ["fnn", "binary", "multinomial"]
        assert table["points_lost"].tolist() == pytest.approx([-1, 0.5, 0.6])
        assert table["holds"].tolist() == [True, True, False]
        levels = [record.levelname for record in caplog.records]
        assert levels == ["INFO", "INFO", "WARNING"]
        assert caplog.messages[2] == (
            "    multinomial: accuracy 90.00 % before, 89.40 % after, 0.60 points lost, "
            "not as allowed (at most 0.5)"
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": 0}, "greater than 0"),
        ({"smallest_factor": 0.5}, "greater than or equal to 1"),
        (
            {"smallest_factor": 9},
            "found smallest_factor 9.0, expected at most largest_factor, which is 8.0",
        ),
        ({"allowed_loss": -1}, "greater than or equal to 0"),
        ({"positive_classes": ()}, "positive_classes"),
        ({"factors": 3}, "Extra inputs are not permitted"),
    ],
)
def test_parameters_out_of_range_are_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        make_parameters(**changes)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_pipeline_measures_all_models_of_a_run(full_run, run_project, tmp_path):
    data_root = shutil.copytree(full_run[1], tmp_path / "data")
    run_project(
        data_root, {"preprocessing_check": {"images": 60}}, pipeline_names=["preprocessing_check"]
    )
    table = pd.read_csv(data_root / "08_reporting" / "preprocessing_check" / "accuracy.csv")
    assert table["model"].tolist() == ["fnn", "binary", "multinomial"]
    assert (table["images"] == 60).all()
    assert (table["accuracy_before"] > 0.7).all()
    assert (table["points_lost"].abs() < 10).all()

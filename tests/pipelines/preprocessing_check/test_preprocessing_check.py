"""Accuracy on digits rendered as pictures of many kinds."""

import logging
import shutil

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.maths.solvers import DEFAULT_SOLVER
from mnist_gradients.pipelines.preprocessing_check import nodes
from mnist_gradients.pipelines.preprocessing_check.parameters import PreprocessingCheckParameters
from mnist_gradients.pipelines.preprocessing_check.plots import draw_accuracy
from mnist_gradients.preprocessing.rendering import KINDS, plain, to_file

N = 6
COLUMNS = ["kind", "description", "fnn", "binary", "multinomial", "extreme", "holds"]


def make_parameters(**changes):
    options = {
        "images": N,
        "least_accuracy": 0.95,
        "extreme": ("eight_pixels",),
        "digit_size": 20,
        "solver": DEFAULT_SOLVER,
        "positive_classes": (1, 3, 5, 7, 9),
    }
    return PreprocessingCheckParameters(**(options | changes))


def blank(digit, rng):  # noqa: ARG001 - as every renderer
    return to_file(np.full((30, 30), 200 + int(rng.integers(2)), dtype=np.uint8))


@pytest.fixture(scope="module")
def test_digits(mnist):
    """Digits that the model below was not fitted to."""
    return mnist.take(np.arange(8000, 9000))


@pytest.fixture(autouse=True, scope="class")
def few_kinds(request):
    """Two kinds in place of all; the rendering of every kind has a test of its own."""
    with pytest.MonkeyPatch.context() as patch:
        if request.cls is not TestCompareAccuracies:
            patch.setattr(nodes, "KINDS", {"plain": plain, "blank": blank})
        yield


@pytest.fixture(scope="class")
def rendered(test_digits, few_kinds):  # noqa: ARG001
    return nodes.render_digits(test_digits, make_parameters(), seed=0)


class TestRenderDigits:
    def test_original_comes_first_then_every_kind_with_the_labels(self, rendered, test_digits):
        assert len(rendered) == 3 * N
        np.testing.assert_array_equal(rendered.images[:N], test_digits.images[:N])
        np.testing.assert_array_equal(rendered.labels, np.tile(test_digits.labels[:N], 3))

    def test_plain_digits_come_back_much_the_same(self, rendered):
        before, after = rendered.images[:N].astype(np.float64), rendered.images[N : 2 * N]
        assert np.median(np.abs(before - after).mean(axis=(1, 2))) < 8
        assert np.median(np.abs(before - after[::-1]).mean(axis=(1, 2))) > 20

    def test_picture_without_a_digit_comes_back_blank(self, rendered):
        assert rendered.images[N : 2 * N].any(axis=(1, 2)).sum() >= N - 1
        assert not rendered.images[2 * N :].any()

    def test_seed_decides_about_the_renderings(self, rendered, test_digits):
        again, other = (
            nodes.render_digits(test_digits, make_parameters(), seed) for seed in (0, 1)
        )
        np.testing.assert_array_equal(again.images, rendered.images)
        assert (other.images != rendered.images).any()

    def test_more_images_than_there_are_means_all(self, test_digits):
        few = test_digits.take(np.arange(3))
        assert len(nodes.render_digits(few, make_parameters(), seed=0)) == 9

    @pytest.mark.parametrize("shape", [(28, 20), (8, 8)])
    def test_images_that_cannot_hold_the_digit_are_refused(self, shape):
        images = LabelledImages(np.zeros((2, *shape), np.uint8), np.zeros(2, np.uint8))
        words = (
            f"^test: found images of {shape[0]} x {shape[1]} pixels, expected square ones of at "
            "least preprocessing_check.digit_size, which is 20$"
        )
        with pytest.raises(ValueError, match=words):
            nodes.render_digits(images, make_parameters(), seed=0)


class TestMeasures:
    def test_unknown_solver_is_refused(self, rendered):
        models = {DEFAULT_SOLVER: None}
        words = (
            f"^parameter preprocessing_check.solver: found 'sgd', expected one of {DEFAULT_SOLVER}$"
        )
        with pytest.raises(ValueError, match=words):
            nodes.measure_linear_model(rendered, models, make_parameters(solver="sgd"))

    def test_softmax_regression_reads_plain_pictures_and_none_of_blank_ones(
        self, rendered, softmax_regression
    ):
        models = {DEFAULT_SOLVER: softmax_regression}
        found = nodes.measure_linear_model(rendered, models, make_parameters())
        assert list(found) == ["original", "plain", "blank"]
        assert found["original"] > 0.8
        assert found["plain"] >= found["original"] - 0.1
        assert found["blank"] == 0

    def test_binary_model_is_asked_for_the_positive_classes(self, rendered):
        always_positive = LinearModel(np.zeros((784, 1)), np.array([1.0]), np.array([0, 1]), l2=0.0)
        for positive in ((1, 3, 5, 7, 9), (4,)):
            found = nodes.measure_linear_model(
                rendered,
                {DEFAULT_SOLVER: always_positive},
                make_parameters(positive_classes=positive),
            )
            fraction = np.isin(rendered.labels[:N], positive).mean()
            assert found["original"] == pytest.approx(fraction)
            assert found["plain"] == pytest.approx(fraction, abs=1.1 / N)

    def test_network_is_right_where_its_largest_logit_is_the_label(self, rendered):
        class Ones:
            """Predicts 1 for every image."""

            def predict(self, images, batch_size, verbose):  # noqa: ARG002
                return np.tile(np.eye(10)[1], (len(images), 1))

        found = nodes.measure_network(rendered, Ones())
        ones = np.mean(rendered.labels[:N] == 1)
        assert found["original"] == ones
        assert found["plain"] == pytest.approx(ones, abs=1.1 / N)
        assert found["blank"] == 0


class TestCompareAccuracies:
    @pytest.fixture
    def accuracies(self):
        return dict.fromkeys(("original", *KINDS), 0.97) | {"huge": 0.94, "eight_pixels": 0.5}

    def test_kind_below_the_floor_is_named_unless_it_is_extreme(self, accuracies, caplog):
        with caplog.at_level(logging.INFO):
            table = nodes.compare_accuracies(accuracies, accuracies, accuracies, make_parameters())
        assert table.columns.tolist() == COLUMNS
        assert table["kind"].tolist()[-2:] == ["huge", "eight_pixels"]
        assert len(table) == len(KINDS) + 1
        assert table["description"].str.len().min() > 5
        assert table.set_index("kind")["holds"][lambda holds: ~holds].index.tolist() == ["huge"]
        assert caplog.messages == [
            "    huge: found an accuracy of 94.0 %, expected at least 95.0 %"
        ]

    def test_figure_shows_every_kind_and_colours_the_one_that_fails(self, accuracies):
        table = nodes.compare_accuracies(accuracies, accuracies, accuracies, make_parameters())
        figure = draw_accuracy(table, make_parameters())
        bars = figure.axes[0].patches
        assert sorted(bar.get_width() for bar in bars)[:2] == pytest.approx([50, 94])
        assert len({bar.get_facecolor() for bar in bars}) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": 0}, "greater than 0"),
        ({"least_accuracy": 1.5}, "less than or equal to 1"),
        ({"extreme": ("hologram",)}, "found extreme 'hologram', expected some of plain, chalk, "),
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
        data_root, {"preprocessing_check": {"images": 1}}, pipeline_names=["preprocessing_check"]
    )
    folder = data_root / "08_reporting" / "preprocessing_check"
    table = pd.read_csv(folder / "accuracy.csv").set_index("kind")
    assert table.index.tolist() == ["original", "plain", "blank"]
    assert table[["fnn", "binary", "multinomial"]].stack().between(0, 1).all()
    assert (folder / "accuracy.png").read_bytes().startswith(b"\x89PNG")

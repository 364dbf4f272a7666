import logging
from functools import partial

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mnist_gradients.core.linear_model import LinearModel
from mnist_gradients.pipelines.inference import nodes
from mnist_gradients.preprocessing.picture import PHOTO_SIDE, Picture

COLUMNS = nodes.COLUMNS
DIGIT = np.zeros((28, 28), dtype=np.uint8)
TEN, THREE = [*"0123456789"], ["nought", "one", "two"]
BLANK = "found nothing but background, expected a digit"


@pytest.fixture(scope="module")
def files(mnist, large_png, png):
    rng = np.random.default_rng(0)
    contents = {
        "a_seven.png": large_png(mnist.images[0], rng),
        "blank.png": png(np.full((30, 40), 200, dtype=np.uint8)),
        "letter.txt": b"dear reader",
        "z_two.png": large_png(mnist.images[1], rng),
    }
    return {name: partial(bytes, content) for name, content in contents.items()}


@pytest.fixture(scope="module")
def prepared(files, parameters):
    return nodes.prepare_digits(files, parameters())


class TestPrepareDigits:
    def test_every_file_is_there_in_its_order(self, prepared, files):
        assert [digit.file for digit in prepared] == list(files)

    def test_digit_looks_as_in_mnist(self, prepared, mnist):
        for row, digit in ((0, prepared[0]), (1, prepared[3])):
            assert digit.problem == ""
            difference = np.abs(mnist.images[row] - digit.digits[0].astype(np.float64))
            assert difference.mean() < 15

    def test_photo_is_small(self, prepared):
        assert prepared[0].photo.shape == (PHOTO_SIDE, PHOTO_SIDE, 3)
        assert prepared[1].photo.shape == (30, 40, 3)

    def test_file_without_a_digit_is_named_and_the_others_are_read(self, files, parameters, caplog):
        with caplog.at_level(logging.WARNING):
            prepared = nodes.prepare_digits(files, parameters())
        assert prepared[1].digits == prepared[2].digits == ()
        assert prepared[2].photo is None
        problem = (
            "file: found 11 bytes of no known image format, "
            "expected an image that Pillow reads, such as PNG or JPEG"
        )
        assert [digit.problem for digit in prepared] == ["", BLANK, problem, ""]
        assert caplog.messages == [f"blank.png: {BLANK}", f"letter.txt: {problem}"]

    def test_folder_without_a_digit_is_an_error_that_names_it(self, files, parameters):
        bad = {name: files[name] for name in ("blank.png", "letter.txt")}
        words = (
            "parameter inference.folder: found no digit in any of the 2 files of photos, "
            f"expected at least one; blank.png: {BLANK}"
        )
        with pytest.raises(ValueError, match=f"^{words}$"):
            nodes.prepare_digits(bad, parameters())

    def test_photos_of_the_first_files_alone_are_kept(self, files, parameters, monkeypatch):
        monkeypatch.setattr(nodes, "MOST_PHOTOS", 1)
        prepared = nodes.prepare_digits(files, parameters())
        assert [picture.photo is not None for picture in prepared] == [True, False, False, False]


class Network:
    """Predicts class 2 for every image, then class 0."""

    input_shape = (None, 28, 28)

    def predict(self, images, verbose):
        assert images.dtype == np.uint8
        assert verbose == 0
        return np.log(np.tile(np.float32([0.3, 0.1, 0.6]), (len(images), 1))) + 5


class TestClassifyDigits:
    def test_softmax_regression_reads_the_digits(self, prepared, parameters, softmax_regression):
        models = {"poor": None, "preconditioned_lbfgs": softmax_regression}
        table = nodes.classify_digits(prepared, models, TEN, parameters())
        assert table.columns.tolist() == COLUMNS
        assert table["file"].tolist() == [digit.file for digit in prepared]
        assert table["digit"].tolist()[::3] == ["7", "2"]
        found = table.iloc[[0, 3]]
        p = softmax_regression.probabilities(
            np.stack([prepared[row].digits[0].ravel() for row in (0, 3)])
        )
        np.testing.assert_allclose(found["probability"].astype(float), p.max(axis=1))
        second = np.sort(p, axis=1)[:, -2]
        np.testing.assert_allclose(found["runner_up_probability"].astype(float), second)
        assert found["runner_up"].tolist() == [str(row.argsort()[-2]) for row in p]

    def test_row_of_a_problem_is_empty_otherwise(self, prepared, parameters):
        table = nodes.classify_digits(prepared, Network(), THREE, parameters(model="fnn"))
        assert table.loc[1, "problem"] == BLANK
        assert table.loc[[1, 2], COLUMNS[1:-1]].isna().all(axis=None)
        assert table.loc[[0, 3], "problem"].tolist() == ["", ""]

    def test_network_gives_logits(self, prepared, parameters):
        table = nodes.classify_digits(prepared, Network(), THREE, parameters(model="fnn"))
        row = table.iloc[3]
        assert (row["digit"], row["runner_up"]) == ("two", "nought")
        assert row["probability"] == pytest.approx(0.6)
        assert row["runner_up_probability"] == pytest.approx(0.3)

    def test_classes_of_the_binary_task_have_their_names(self, prepared, parameters):
        model = LinearModel(np.zeros((784, 1)), np.array([2.0]), np.array([0, 1]), l2=0.1)
        asked = parameters(model="binary", solver="lbfgs")
        row = nodes.classify_digits(prepared, {"lbfgs": model}, TEN, asked).iloc[0]
        assert (row["digit"], row["runner_up"]) == ("odd", "even")
        assert row["probability"] == pytest.approx(1 / (1 + np.exp(-2)))
        assert row["probability"] + row["runner_up_probability"] == pytest.approx(1)

    def test_unknown_solver_is_refused(self, prepared, parameters, softmax_regression):
        words = "^parameter inference.solver: found 'sgd', expected one of lbfgs, scikit_learn$"
        models = dict.fromkeys(("lbfgs", "scikit_learn"), softmax_regression)
        with pytest.raises(ValueError, match=words):
            nodes.classify_digits(prepared, models, TEN, parameters(solver="sgd"))

    @pytest.mark.parametrize("model", ["fnn", "multinomial"])
    def test_model_of_images_of_another_size_is_refused(
        self, parameters, softmax_regression, model
    ):
        small = [Picture("a.png", digits=(np.zeros((8, 8), dtype=np.uint8),))]
        words = r"^parameter inference.image_size: found 8 \(64 .*, expected .*\(784 pixels\)$"
        classifier = Network() if model == "fnn" else {"preconditioned_lbfgs": softmax_regression}
        with pytest.raises(ValueError, match=words):
            nodes.classify_digits(small, classifier, TEN, parameters(model=model))

    def test_without_names_classes_are_numbered_and_too_many_are_refused(
        self, prepared, parameters
    ):
        table = nodes.classify_digits(prepared, Network(), [], parameters(model="fnn"))
        assert table.loc[0, "digit"] == "2"
        with pytest.raises(ValueError, match=r"^class_names: found 10 names, expected 3$"):
            nodes.classify_digits(prepared, Network(), TEN, parameters(model="fnn"))

    def test_answers_are_logged_a_line_each(self, prepared, parameters, caplog):
        with caplog.at_level(logging.INFO):
            nodes.classify_digits(prepared, Network(), THREE, parameters(model="fnn"))
        assert caplog.messages == [
            "    a_seven.png: two (60.0 %), else nought (30.0 %)",
            "    z_two.png: two (60.0 %), else nought (30.0 %)",
            "    2 digits read in 2 of 4 files",
        ]

    def test_several_digits_of_a_file_are_one_line(self, parameters, caplog):
        class Unsure(Network):
            """Gives every second image equal logits."""

            def predict(self, images, verbose):
                return super().predict(images, verbose) * (1 - np.arange(len(images)) % 2)[:, None]

        picture = [Picture("a.png", digits=(DIGIT, DIGIT, DIGIT))]
        asked = parameters(model="fnn", least_probability=0.5)
        with caplog.at_level(logging.INFO):
            nodes.classify_digits(picture, Unsure(), THREE, asked)
        assert caplog.messages[0] == "    a.png: two (60.0 %) ? two (60.0 %)"
        assert caplog.messages[-1] == "    2 digits read in 1 of 1 files"

    def test_several_digits_of_a_file_are_rows_with_their_positions(self, parameters):
        pictures = [Picture("a.png", digits=(DIGIT, DIGIT)), Picture("b.png", digits=(DIGIT,))]
        table = nodes.classify_digits(pictures, Network(), THREE, parameters(model="fnn"))
        assert table["file"].tolist() == ["a.png", "a.png", "b.png"]
        assert table["position"].tolist() == [1, 2, 1]

    def test_shape_below_the_least_probability_is_rejected(self, parameters, caplog):
        picture = [Picture("a.png", digits=(DIGIT,))]
        asked = parameters(model="fnn", least_probability=0.59)
        assert nodes.classify_digits(picture, Network(), THREE, asked)["digit"].tolist() == ["two"]
        asked = parameters(model="fnn", least_probability=0.61)
        row = nodes.classify_digits(picture, Network(), THREE, asked).iloc[0]
        assert row["problem"] == (
            "found no clear digit (most like two, 60 %), "
            "expected one that is read with at least 61 %"
        )
        assert row[COLUMNS[2:-1]].isna().all()
        assert row["position"] == 1
        assert f"a.png, shape 1: {row['problem']}" in caplog.messages

    @pytest.mark.parametrize("first", "=+-@")
    def test_file_name_that_is_a_formula_gets_an_apostrophe(self, parameters, first):
        names = [f"{first}1.png", f"1{first}.png"]
        pictures = [Picture(name, digits=(DIGIT,)) for name in names]
        table = nodes.classify_digits(pictures, Network(), THREE, parameters(model="fnn"))
        assert table["file"].tolist() == [f"'{names[0]}", names[1]]


def test_table_without_a_problem_has_an_empty_column_all_the_same(parameters):
    digits = [Picture("a.png", digits=(DIGIT,))]
    table = nodes.classify_digits(digits, Network(), THREE, parameters(model="fnn"))
    pd.testing.assert_series_equal(table["problem"], pd.Series([""], name="problem"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "svm"}, "Input should be 'fnn', 'binary' or 'multinomial'"),
        ({"folder": ""}, "at least 1 character"),
        ({"binary_classes": ("even",)}, "binary_classes"),
        ({"digit_size": 0}, "greater than 0"),
        ({"least_probability": 1.0}, "less than 1"),
        ({"most_megapixels": 0}, "greater than 0"),
        (
            {"digit_size": 30},
            "found digit_size 30, expected at most image_size, which is 28",
        ),
        ({"modle": "fnn"}, "Extra inputs are not permitted"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, changes, words):
    with pytest.raises(ValidationError, match=words):
        parameters(**changes)

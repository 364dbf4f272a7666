import io

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from mnist_gradients.plotting import figures


def pixels(figure):
    """Draw a figure, without a warning, and return its pixels."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    file.seek(0)
    return imread(file)


def test_new_figure_has_the_size_in_inches_and_a_grid_behind_the_data():
    figure, axes = figures.new_figure(width=5, height=3)
    assert tuple(figure.get_size_inches()) == (5, 3)
    assert axes.get_axisbelow() is True
    assert not axes.spines["top"].get_visible()
    assert axes.spines["left"].get_visible()
    pixels(figure)


def test_legend_outside_covers_no_data():
    figure, axes = figures.new_figure(width=6, height=3)
    axes.plot([0, 1], [0, 1], label="line")
    figures.legend_outside(axes, title="lines")
    pixels(figure)
    assert axes.get_legend().get_title().get_text() == "lines"
    assert axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1


def test_names_of_many_classes_stand_at_an_angle():
    names = ["T-shirt", "trouser", "pullover", "dress", "ankle boot"]
    figure = figures.confusion_matrix([0, 4], [0, 4], names, title="")
    pixels(figure)
    ticks = figure.axes[0].get_xticklabels()
    assert [(text.get_text(), text.get_rotation()) for text in ticks] == [(n, 45) for n in names]


def test_short_names_of_classes_are_level():
    figure = figures.confusion_matrix([0, 1], [0, 1], ["0 2 4 6 8", "1 3 5 7 9 11"], title="")
    ticks = figure.axes[0].get_xticklabels()
    assert [(t.get_text(), t.get_rotation()) for t in ticks] == [
        *[("0 2 4 6 8", 0), ("1 3 5 7 9\n11", 0)]
    ]


def test_digit_grid_shows_every_image_in_its_row():
    rows = [np.full((2, 4, 4), 10, dtype=np.uint8), np.full((3, 4, 4), 200, dtype=np.uint8)]
    figure = figures.digit_grid(
        rows, title="digits", row_labels=["1", "7"], captions=[["a", "b"], ["c", "d", "e"]]
    )
    (axes,) = figure.axes
    lefts, rights, bottoms, tops = np.array([image.get_extent() for image in axes.images]).T
    assert [image.get_array()[0, 0] for image in axes.images] == [10, 10, 200, 200, 200]
    np.testing.assert_array_equal(lefts[:2], lefts[2:4])
    assert (rights[[0, 2, 3]] < lefts[[1, 3, 4]]).all()
    assert tops[0] == tops[1] < bottoms[0] < tops[2] == tops[4]
    assert [text.get_text() for text in axes.texts] == ["a", "b", "1", "c", "d", "e", "7"]
    assert figure.get_suptitle() == "digits"
    assert pixels(figure).std() > 0


def test_images_that_are_not_square_keep_their_shape():
    image = np.zeros((1, 8, 6), dtype=np.uint8)
    (axes,) = figures.digit_grid([image], title="narrow").axes
    left, right, bottom, top = axes.images[0].get_extent()
    assert (right - left) / (bottom - top) == pytest.approx(6 / 8)
    assert axes.get_aspect() == 1


def test_digit_grid_without_images_has_only_a_title():
    figure = figures.digit_grid([np.zeros((0, 4, 4), dtype=np.uint8)], title="none")
    assert figure.get_suptitle() == "none"
    assert not any(axes.images for axes in figure.axes)
    pixels(figure)


def test_title_of_a_narrow_digit_grid_is_not_cut_off():
    title = "The 1 worst of 1 mistakes: true class → prediction, its probability"
    figure = figures.digit_grid([np.zeros((1, 4, 4), dtype=np.uint8)], title=title)
    pixels(figure)
    text = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_text() == title)[0]
    extent = text.get_window_extent()
    assert extent.x0 > 0
    assert extent.x1 < figure.bbox.width


def test_every_digit_is_drawn_on_the_same_scale_from_white_to_black():
    figure = figures.digit_grid([np.array([[[0, 100]]], dtype=np.uint8)], title="")
    image = figure.axes[0].images[0]
    assert image.get_clim() == (0, 255)
    assert image.get_cmap()(0.0)[:3] == (1, 1, 1)


def test_confusion_matrix_writes_every_count_and_colours_only_mistakes():
    labels = np.repeat([0, 0, 1], [1200, 3, 50])
    predicted = np.repeat([0, 1, 1], [1200, 3, 50])
    figure = figures.confusion_matrix(labels, predicted, ["even", "odd"], "4 classifiers")
    axes, colour_bar = figure.axes
    assert [text.get_text() for text in axes.texts] == ["1,200", "3", "0", "50"]
    assert axes.images[0].get_array().tolist() == [[0, 3], [0, 0]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["even", "odd"]
    assert axes.get_title() == "4 classifiers"
    assert colour_bar.get_ylabel() == "mistakes (images)"
    pixels(figure)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_confusion_matrix_without_a_mistake_can_be_drawn(n_classes):
    labels = np.arange(n_classes)
    names = [str(label) for label in labels]
    assert pixels(figures.confusion_matrix(labels, labels, names, "none")).std() > 0


def test_confusion_matrix_has_a_row_for_a_class_without_images():
    figure = figures.confusion_matrix([0, 2], [0, 0], ["a", "b", "c"], "none")
    counts = [int(text.get_text()) for text in figure.axes[0].texts]
    assert counts == [1, 0, 0, 0, 0, 0, 1, 0, 0]

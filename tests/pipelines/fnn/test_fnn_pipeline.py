import io

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.pandas import CSVDataset

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.datasets import KerasModelDataset
from mnist_gradients.pipelines.fnn import create_pipeline, nodes, plots
from mnist_gradients.pipelines.fnn.parameters import FnnParameters
from mnist_gradients.training.checkpoints import name_of_training
from mnist_gradients.training.sets import TrainingSets

METRICS = {
    "test_error",
    "test_loss",
    "test_expected_calibration_error",
    "validation_error",
    "validation_loss",
    "validation_expected_calibration_error",
    "train_seconds",
    "recording_seconds",
    "iterations",
    "parameters",
    "training",
}


def drawn(figure):
    """Draw the figure and return it; a warning fails the test."""
    figure.savefig(io.BytesIO(), format="png")
    return figure


@pytest.fixture(scope="module")
def catalog(sets, parameters, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fnn")
    inputs = dict(zip(("train", "validation", "test"), sets, strict=True)) | {
        "params:fnn": parameters(
            learning_rate=0.5, epochs=12, evaluate_every=6, augmentation={"rotation": 5}
        ),
        "params:seed": 0,
        "class_names": [str(digit) for digit in range(10)],
    }
    catalog = DataCatalog({name: MemoryDataset(data) for name, data in inputs.items()})
    catalog["fnn.model"] = KerasModelDataset(filepath=str(folder / "fnn.keras"))
    for name in ("history", "predictions"):
        catalog[f"fnn.{name}"] = CSVDataset(
            filepath=str(folder / f"{name}.csv"), save_args={"index": False}
        )
    pipeline = create_pipeline()
    # The section would take the figures out of memory.
    SequentialRunner().run(pipeline - pipeline.only_nodes("fnn.write_section"), catalog)
    return catalog


@pytest.mark.tensorflow
class TestPipeline:
    def test_metrics_are_those_of_the_trained_network(self, catalog, sets):
        metrics, history = catalog.load("fnn.metrics"), catalog.load("fnn.history")
        assert set(metrics) == METRICS
        assert metrics["iterations"] == len(history) == 36
        assert metrics["parameters"] == 784 * 16 + 16 + 16 * 10 + 10
        for name in ("test", "validation"):
            last = history.iloc[-1]
            assert metrics[f"{name}_loss"] == pytest.approx(last[f"{name}_loss"], abs=1e-5)
            assert metrics[f"{name}_error"] == pytest.approx(1 - last[f"{name}_accuracy"])
        assert metrics["test_error"] < 0.5
        assert metrics["training"] == name_of_training(
            catalog.load("params:fnn"), 0, TrainingSets(*sets)
        )
        predicted = np.asarray(catalog.load("fnn.model")(sets[2].images)).argmax(axis=1)
        assert metrics["test_error"] == pytest.approx(np.mean(predicted != sets[2].labels))

    def test_classes_have_a_row_each_and_their_mean(self, catalog):
        table = catalog.load("fnn.class_metrics").set_index("class")
        assert table.index.tolist() == [*map(str, range(10)), "mean of the classes"]
        predictions = catalog.load("fnn.predictions")
        of_seven = predictions[predictions["label"] == 7]
        assert table.loc["7", "images"] == len(of_seven)
        assert table.loc["7", "recall"] == pytest.approx((of_seven["predicted"] == 7).mean())

    def test_predictions_have_a_row_per_test_image(self, catalog, sets):
        predictions = catalog.load("fnn.predictions")
        assert list(predictions) == ["image", "label", "predicted", "confidence", "loss"]
        np.testing.assert_array_equal(predictions["label"], sets[2].labels)
        metrics = catalog.load("fnn.metrics")
        wrong = predictions["predicted"] != predictions["label"]
        assert wrong.mean() == pytest.approx(metrics["test_error"])
        assert predictions["loss"].mean() == pytest.approx(metrics["test_loss"])
        right = predictions[~wrong]
        np.testing.assert_allclose(right["loss"], -np.log(right["confidence"]), rtol=1e-6)

    @pytest.mark.parametrize("measure", ["loss", "accuracy"])
    def test_one_figure_holds_the_training_and_the_test_curve(self, catalog, measure):
        figure, history = catalog.load(f"fnn.{measure}_curves"), catalog.load("fnn.history")
        (axes,) = figure.axes
        of_batch, mean, test = axes.lines
        np.testing.assert_allclose(of_batch.get_xdata(), history["iteration"])
        np.testing.assert_allclose(of_batch.get_ydata(), history[f"train_{measure}"])
        assert test.get_xdata().tolist() == [1, 2, 3, 4, 5, 6, 12, 18, 24, 30, 36]
        evaluated = history[f"test_{measure}"].dropna()
        np.testing.assert_allclose(test.get_ydata(), evaluated)
        assert test.get_label() == f"test {measure}"
        assert mean.get_label().startswith(f"training {measure}: each mini-batch")
        assert axes.get_legend() is not None
        assert axes.get_xlabel() == "training iteration (one mini-batch)"
        unit = {"loss": "cross-entropy (nats)", "accuracy": "accuracy (fraction correct)"}
        assert axes.get_ylabel() == unit[measure]
        drawn(figure)

    def test_samples_show_each_class_beside_augmented_copies(self, catalog, sets):
        figure, train = catalog.load("fnn.augmentation_samples_plot"), sets[0]
        shown = [image.get_array() for image in figure.axes[0].images]
        assert len(shown) == 100
        for label in range(10):
            original, *augmented = shown[10 * label : 10 * label + 10]
            np.testing.assert_array_equal(original, train.images[train.labels == label][0])
            for image in augmented:
                assert 0 < np.abs(np.asarray(image) - np.asarray(original, float)).mean() < 40
        drawn(figure)


@pytest.mark.tensorflow
def test_validation_images_are_trained_on_if_configured(sets, parameters):
    train, validation, test = sets
    chosen = FnnParameters(**parameters(train_on_validation=True).model_dump())
    network, history, cost, run = nodes.train_network(train, validation, test, chosen, 0)
    assert run["fnn"]["train_on_validation"]
    assert run["seed"] == 0
    assert "checkpoints" not in run["fnn"]
    assert cost["iterations"] == len(history) == 15  # of 30 images out of 150, three times
    assert history["validation_loss"].isna().all()
    metrics, predictions = nodes.evaluate_network(network, validation, test, cost, chosen)
    assert {name for name in metrics if "validation" in name} == set()
    assert len(predictions) == len(test)


def predictions(labels, predicted, loss=None):
    count = len(labels)
    columns = {
        "image": np.arange(count),
        "label": labels,
        "predicted": predicted,
        "confidence": np.full(count, 0.75),
        "loss": np.arange(count, dtype=float) if loss is None else loss,
    }
    return pd.DataFrame(columns)


def test_confusion_matrix_counts_labels_in_rows_and_predictions_in_columns():
    figure = drawn(plots.plot_confusion_matrix(predictions([0, 1, 1, 2], [0, 2, 1, 2]), "abc"))
    counts = [int(text.get_text()) for text in figure.axes[0].texts]
    assert counts == [1, 0, 0, 0, 1, 1, 0, 0, 1]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a", "b", "c"]
    assert figure.axes[0].get_title() == "Feed-forward network: 1 mistakes in 4 test images"


def worst_mistakes(predictions, class_names="0123456789"):
    count = len(predictions)
    images = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), dtype=np.uint8)
    labels = predictions["label"].to_numpy().astype(np.uint8)
    return drawn(
        plots.plot_worst_mistakes(predictions, LabelledImages(images, labels), class_names)
    )


def test_worst_mistakes_come_in_the_order_of_their_loss():
    loss = np.array([9.0, 3.0, 5.0, 8.0, 4.0])
    figure = worst_mistakes(predictions([0, 1, 2, 3, 4], [0, 7, 7, 3, 7], loss))
    (axes,) = figure.axes
    assert [image.get_array()[0, 0] for image in axes.images] == [2, 4, 1]
    captions = [text.get_text() for text in axes.texts]
    assert captions == ["2 → 7, 0.75", "4 → 7, 0.75", "1 → 7, 0.75"]
    assert figure.get_suptitle().startswith("The 3 worst of 3 mistakes")


def test_long_names_of_classes_stand_in_two_lines():
    figure = worst_mistakes(predictions([0], [1]), ["coat", "bag"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["coat →\nbag, 0.75"]


def test_only_the_forty_worst_mistakes_are_shown():
    figure = worst_mistakes(predictions([0] * 60, [1] * 60))
    shown = [image.get_array()[0, 0] for image in figure.axes[0].images]
    assert shown == list(range(59, 19, -1))
    assert figure.get_suptitle().startswith("The 40 worst of 60 mistakes")


def test_network_without_a_mistake_has_an_empty_sheet():
    figure = worst_mistakes(predictions([0, 1], [0, 1]))
    assert figure.get_suptitle().startswith("The 0 worst of 0 mistakes")

import io

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mnist_gradients.core.trained_network import TrainedNetwork
from mnist_gradients.pipelines.ablation import nodes, plots
from mnist_gradients.pipelines.ablation.parameters import AblationParameters
from mnist_gradients.training import loop
from mnist_gradients.training.sets import TrainingSets

COLUMNS = [
    *("validation_error", "standard_deviation", "validation_loss", "train_error", "train_loss"),
    *("augmented_error", "augmented_loss", "train_seconds", "seeds"),
]


@pytest.fixture
def ablation(parameters):
    def ablation(**changes):
        options = {"variants": {"some": {"slow": {"learning_rate": 1e-9}}, "others": {}}}
        options |= {"compared": "some", "sizes": [60, 500]}
        options |= {"epochs": [1], "seeds": 2, "n_jobs": 1, "network": parameters()}
        return AblationParameters(**(options | changes))

    return ablation


@pytest.fixture
def trainings(monkeypatch):
    """Records the sets, the parameters and the seed of each training, and trains nothing.

    The error of the network is a tenth of the seed, and its loss its number of epochs. The accuracy
    of its mini-batches is a tenth of their epoch.
    """
    found = []

    def train(sets, chosen, seed):
        found.append((sets, chosen, seed))
        epochs = np.repeat(np.arange(1, chosen.epochs + 1), 2)
        history = {"epoch": epochs, "train_loss": np.arange(len(epochs)) + seed}
        history = pd.DataFrame(history | {"train_accuracy": epochs / 10})
        cost = {"train_seconds": 2.0 * seed}
        return TrainedNetwork((chosen.epochs, 1 - seed / 10), history, cost)

    monkeypatch.setattr(nodes, "train_network", train)
    monkeypatch.setattr(nodes, "compile_evaluation", lambda network: lambda _: network)
    return found


@pytest.mark.tensorflow
def test_variants_are_compared_with_the_unchanged_network_on_the_validation_images(
    sets, parameters, ablation
):
    train, validation, _ = sets
    network = parameters(learning_rate=0.5)
    table = nodes.compare_variants(train, validation, ablation(network=network, seeds=1), 1)
    assert list(table) == ["variant", *COLUMNS]
    assert table["variant"].tolist() == ["unchanged", "slow"]
    unchanged, slow = table.to_dict("records")
    trained = loop.train(TrainingSets(train, validation, None), network, 1)
    last = trained.history.iloc[-1]
    assert unchanged["validation_error"] == pytest.approx(1 - last["validation_accuracy"])
    assert unchanged["validation_loss"] == pytest.approx(last["validation_loss"])
    on_train = loop.compile_evaluation(trained.network)(train)
    assert (unchanged["train_loss"], 1 - unchanged["train_error"]) == pytest.approx(on_train)
    assert slow["validation_loss"] > unchanged["validation_loss"] + 0.1


def test_row_holds_means_over_the_seeds(sets, ablation, trainings):
    table = nodes.compare_variants(sets[0], sets[1], ablation(), 4)
    assert [seed for *_, seed in trainings] == [4, 5, 4, 5]
    assert [chosen.learning_rate for _, chosen, _ in trainings] == [0.1, 0.1, 1e-9, 1e-9]
    row = table.iloc[0]
    assert row["validation_error"] == pytest.approx(0.45)
    assert row["standard_deviation"] == pytest.approx(0.1 / np.sqrt(2))
    assert row[["validation_loss", "train_seconds", "seeds"]].tolist() == [3, 9, 2]


@pytest.mark.usefixtures("trainings")
def test_errors_on_augmented_images_are_those_of_the_last_epoch(sets, ablation):
    row = nodes.compare_variants(sets[0], sets[1], ablation(), 4).iloc[0]
    assert row["augmented_error"] == pytest.approx(0.7)  # of the third epoch
    assert row["augmented_loss"] == pytest.approx(4.5 + 4.5)  # its two iterations; the mean seed


@pytest.mark.slow
@pytest.mark.tensorflow
def test_errors_do_not_depend_on_the_number_of_processes(sets, ablation):
    measured = ["validation_error", "validation_loss", "train_error", "train_loss"]
    chosen = {"epochs": [2], "seeds": 1}  # one training in another process, which imports Keras
    one, two = (
        nodes.compare_lengths(sets[0], sets[1], ablation(n_jobs=n, **chosen), 0)[measured]
        for n in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_fewer_images_are_trained_on_for_as_many_iterations(sets, parameters, ablation, trainings):
    chosen = ablation(sizes=[500, 20, 100], seeds=1, network=parameters(batch_size=50))
    table = nodes.compare_sizes(sets[0], sets[1], chosen, 0)
    assert list(table) == ["images", *COLUMNS]
    assert table["images"].tolist() == [20, 100]  # there are no more than 100
    found = [(len(s.train), chosen.epochs, chosen.batch_size) for s, chosen, _ in trainings]
    assert found == [(20, 15, 20), (100, 3, 50)]
    assert all(used.validation is used.test is None for used, *_ in trainings)
    assert table["standard_deviation"].isna().all()


def test_longer_trainings_have_longer_schedules(sets, ablation, trainings):
    table = nodes.compare_lengths(sets[0], sets[1], ablation(epochs=[3, 1]), 5)
    assert list(table) == ["epochs", *COLUMNS]
    assert table["epochs"].tolist() == table["validation_loss"].tolist() == [1, 3]
    found = [(chosen.epochs, seed) for _, chosen, seed in trainings]
    assert found == [(1, 5), (1, 6), (3, 5), (3, 6)]


@pytest.mark.parametrize(("draw", "column"), [("sizes", "images"), ("lengths", "epochs")])
def test_plot_shows_the_errors_against_what_was_varied(draw, column):
    errors = {"validation_error": [0.1, 0.02], "standard_deviation": [0.01, np.nan]}
    figure = getattr(plots, f"plot_{draw}")(pd.DataFrame({column: [100, 1000]} | errors))
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[100, 10], [1000, 2]])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["100", "1,000"]
    figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize(
    "changes",
    [{"sizes": []}, {"epochs": [0]}, {"sizes": [0]}, {"seeds": 0}, {"n_jobs": 0}, {"seed": 1}],
)
def test_parameters_out_of_range_are_refused(ablation, changes):
    with pytest.raises(ValidationError):
        ablation(**changes)


def test_unknown_set_of_variants_is_refused(ablation):
    expected = "compared: found 'none', expected one of some, others"
    with pytest.raises(ValidationError, match=expected):
        ablation(compared="none")


def test_misspelt_parameter_of_a_variant_is_refused_before_any_training(sets, ablation, trainings):
    chosen = ablation(variants={"some": {"x": {"droput": 0.1}}})
    with pytest.raises(ValidationError, match="droput"):
        nodes.compare_variants(sets[0], sets[1], chosen, 0)
    assert trainings == []

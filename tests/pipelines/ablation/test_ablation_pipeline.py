import io

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mnist_gradients.pipelines.ablation import nodes
from mnist_gradients.pipelines.ablation.parameters import AblationParameters
from mnist_gradients.training import loop

COLUMNS = ["validation_error", "standard_deviation", "validation_loss", "train_seconds", "seeds"]


def ablation(**changes):
    options = {"variants": {"slow": {"learning_rate": 1e-9}}, "sizes": [60, 500]}
    options |= {"epochs": [1], "seeds": 2}
    return AblationParameters(**(options | changes))


@pytest.mark.tensorflow
def test_variants_are_compared_with_the_recipe_on_the_validation_images(sets, parameters):
    train, validation, _ = sets
    fnn = parameters(learning_rate=0.5)
    table = nodes.compare_variants(train, validation, fnn, ablation(), 0)
    assert list(table) == ["variant", *COLUMNS]
    assert table["variant"].tolist() == ["the recipe", "slow"]
    assert table["seeds"].tolist() == [2, 2]
    recipe, slow = table.to_dict("records")
    errors, losses = [], []
    for seed in (0, 1):
        last = loop.train(train, validation, validation, fnn, seed).history.iloc[-1]
        errors.append(1 - last["validation_accuracy"])
        losses.append(last["validation_loss"])
    assert recipe["validation_error"] == pytest.approx(np.mean(errors))
    assert recipe["standard_deviation"] == pytest.approx(np.std(errors, ddof=1))
    assert recipe["validation_loss"] == pytest.approx(np.mean(losses))
    assert slow["validation_loss"] > recipe["validation_loss"] + 0.1


@pytest.mark.tensorflow
def test_fewer_images_are_shown_as_often(sets, parameters, monkeypatch):
    seen = []

    def train(train, validation, test, chosen, seed):
        assert validation is None
        assert test is sets[1]
        seen.append((len(train), chosen.epochs, chosen.batch_size))
        return trained(train, validation, test, chosen, seed)

    trained = loop.train
    monkeypatch.setattr(loop, "train", train)
    fnn = parameters(batch_size=50)
    table = nodes.compare_sizes(sets[0], sets[1], fnn, ablation(sizes=[500, 20, 100], seeds=1), 0)
    assert list(table) == ["images", *COLUMNS]
    assert table["images"].tolist() == [20, 100]  # there are no more than 100
    assert seen == [(20, 15, 20), (100, 3, 50)]
    assert table["standard_deviation"].isna().all()


def test_plot_shows_the_errors_by_the_number_of_images():
    sizes = pd.DataFrame(
        {
            "images": [100, 1000],
            "validation_error": [0.1, 0.02],
            "standard_deviation": [0.01, np.nan],
        }
    )
    figure = nodes.plot_sizes(sizes)
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[100, 10], [1000, 2]])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["100", "1,000"]
    figure.savefig(io.BytesIO(), format="png")


@pytest.mark.tensorflow
def test_longer_trainings_have_longer_schedules(sets, parameters, monkeypatch):
    seen = []

    def train(train, validation, test, chosen, seed):
        seen.append((chosen.epochs, seed))
        return trained(train, validation, test, chosen, seed)

    trained = loop.train
    monkeypatch.setattr(loop, "train", train)
    table = nodes.compare_lengths(sets[0], sets[1], parameters(), ablation(epochs=[3, 1]), 5)
    assert list(table) == ["epochs", *COLUMNS]
    assert table["epochs"].tolist() == [1, 3]
    assert seen == [(1, 5), (1, 6), (3, 5), (3, 6)]
    assert table["validation_loss"].is_monotonic_decreasing


def test_plot_shows_the_errors_by_the_number_of_epochs():
    lengths = pd.DataFrame(
        {"epochs": [1, 2], "validation_error": [0.04, 0.02], "standard_deviation": [0.01, 0.01]}
    )
    figure = nodes.plot_lengths(lengths)
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[1, 4], [2, 2]])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2"]
    figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize(
    "changes", [{"sizes": []}, {"epochs": [0]}, {"sizes": [0]}, {"seeds": 0}, {"seed": 1}]
)
def test_parameters_out_of_range_are_refused(changes):
    with pytest.raises(ValidationError):
        ablation(**changes)


@pytest.mark.tensorflow
def test_a_misspelt_ingredient_is_refused(sets, parameters):
    chosen = ablation(variants={"x": {"droput": 0.1}})
    with pytest.raises(ValidationError, match="droput"):
        nodes.compare_variants(sets[0], sets[1], parameters(), chosen, 0)

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset
from pydantic import ValidationError

from mnist_gradients.datasets import CachedPartitionsDataset
from mnist_gradients.maths.softmax import log_softmax
from mnist_gradients.pipelines.ensemble import create_pipeline, nodes
from mnist_gradients.pipelines.ensemble.parameters import EnsembleParameters
from mnist_gradients.training import members
from mnist_gradients.training.normalisations import deskew, normalise_width


def ensemble(network, *normalisations):
    return EnsembleParameters(network=network, normalisations=normalisations)


def catalog_of(folder, sets, chosen):
    inputs = dict(zip(("train", "validation", "test"), sets, strict=True))
    inputs |= {"params:ensemble": chosen, "params:seed": 4}
    catalog = DataCatalog({name: MemoryDataset(data) for name, data in inputs.items()})
    catalog["ensemble.trained"] = CachedPartitionsDataset(
        path=str(folder / "trained"),
        dataset="mnist_gradients.datasets.trained_network.TrainedNetworkDataset",
        filename_suffix="/training.json",
    )
    for name in ("members", "metrics"):
        catalog[f"ensemble.{name}"] = JSONDataset(filepath=str(folder / f"{name}.json"))
    catalog["ensemble.comparison"] = CSVDataset(filepath=str(folder / "comparison.csv"))
    return catalog


@pytest.fixture(scope="module")
def network(parameters):
    return parameters(learning_rate=0.5, epochs=4)


@pytest.fixture(scope="module")
def catalog(sets, network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    catalog = catalog_of(folder, sets, ensemble(network, "original", "deskew", 18))
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog


@pytest.mark.tensorflow
class TestPipeline:
    def test_section_of_the_report_has_a_row_per_member_and_one_for_the_ensemble(self, catalog):
        section = catalog.load("ensemble.section")
        error = catalog.load("ensemble.metrics")["test_error"]
        assert f"<dt>{100 * error:.2f} %</dt>" in section
        assert section.count("<tr>") == 1 + 3 + 1

    def test_ensemble_averages_the_probabilities_of_its_members(self, catalog, sets):
        test, metrics = sets[2], catalog.load("ensemble.metrics")
        trained = {name: load() for name, load in catalog.load("ensemble.trained").items()}
        assert list(trained) == metrics["trainings"]
        images = [test.images, deskew(test.images), normalise_width(test.images, 18)]
        logits = np.array(
            [
                np.asarray(member.network(own))
                for member, own in zip(trained.values(), images, strict=True)
            ],
            dtype=float,
        )
        P = np.exp(log_softmax(logits)).mean(axis=0)
        errors = (logits.argmax(axis=2) != test.labels).mean(axis=1)
        assert len(set(errors)) > 1
        assert metrics["members_test_error_mean"] == pytest.approx(errors.mean())
        deviation = metrics["members_test_error_standard_deviation"]
        assert deviation == pytest.approx(np.std(errors, ddof=1))
        assert metrics["test_error"] == pytest.approx(np.mean(P.argmax(axis=1) != test.labels))
        assert metrics["test_loss"] == pytest.approx(
            -np.log(P[np.arange(len(test)), test.labels]).mean(), rel=1e-5
        )
        predictions = catalog.load("ensemble.predictions")
        np.testing.assert_allclose(predictions["confidence"], P.max(axis=1), rtol=1e-5)
        assert predictions["wrong_members"].sum() == pytest.approx(errors.sum() * len(test))
        comparison = catalog.load("ensemble.comparison")
        assert comparison["member"].tolist() == ["seed 4", "seed 5", "seed 6", "ensemble"]
        expected = [*errors, metrics["test_error"]]
        np.testing.assert_allclose(comparison["test_error"], expected)

    def test_each_member_is_saved_with_its_history(self, catalog):
        comparison = catalog.load("ensemble.comparison")
        trained = catalog.load("ensemble.trained").values()
        for load, error in zip(trained, comparison["test_error"], strict=False):
            member = load()
            assert 1 - member.history["test_accuracy"].iloc[-1] == pytest.approx(error)
            assert member.cost["iterations"] == len(member.history) == 12

    def test_task_of_a_member_needs_no_other_member(self, catalog, sets, network):
        tasks, _ = nodes.train_members(*sets, ensemble(network, "original", "deskew", 18), 4)
        name = list(tasks)[1]
        among_all = catalog.load("ensemble.trained")[name]().history
        pd.testing.assert_frame_equal(
            tasks[name]().history, among_all, rtol=1e-6, check_dtype=False
        )

    def test_saved_members_are_not_trained_again(self, catalog, sets, network, monkeypatch):
        trained = []

        def train(_sets, _parameters, seed, _checkpoint):
            trained.append(seed)
            raise KeyboardInterrupt  # stop at the first member that is not saved

        monkeypatch.setattr(members, "train", train)
        chosen = ensemble(network, "original", "deskew", 18, "original")
        tasks, _ = nodes.train_members(*sets, chosen, 4)
        with pytest.raises(KeyboardInterrupt):
            catalog.save("ensemble.trained", tasks)
        assert trained == [7]

    @pytest.mark.parametrize("changed", ["parameters", "seed", "data"])
    def test_members_with_another_training_are_trained(self, changed, catalog, sets, network):
        train, validation, test = sets
        seed = 5 if changed == "seed" else 4
        if changed == "data":
            train = train.take(np.arange(90))
        if changed == "parameters":
            network = network.changed({"epochs": 5})
        chosen = ensemble(network, "original")
        tasks, _ = nodes.train_members(train, validation, test, chosen, seed)
        assert catalog.load("ensemble.trained").keys() & tasks.keys() == set()


@pytest.mark.tensorflow
def test_single_member_has_no_deviation_and_trained_validation_images_no_metric(sets, parameters):
    chosen = ensemble(parameters(train_on_validation=True, epochs=1), "original")
    tasks, entries = nodes.train_members(*sets, chosen, 0)
    metrics, comparison, _ = nodes.evaluate_ensemble(tasks, entries, *sets[1:], chosen)
    assert metrics["members_test_error_standard_deviation"] is None
    assert metrics["members_test_error_mean"] == metrics["test_error"]
    assert {name for name in [*metrics, *comparison] if "validation" in name} == set()


def test_width_beyond_that_of_the_images_is_refused_before_any_training(sets, network):
    words = (
        r"^parameter ensemble\.normalisations: found 29, expected a width of at most 28, "
        "that of the images$"
    )
    with pytest.raises(ValueError, match=words):
        nodes.train_members(*sets, ensemble(network, "original", 28, 29), 0)


@pytest.mark.parametrize("normalisations", [(), ("skewed",), (0,)])
def test_unknown_normalisation_is_refused(network, normalisations):
    with pytest.raises(ValidationError, match="normalisations"):
        ensemble(network, *normalisations)

import operator
import os
from functools import partial

import pytest

from mnist_gradients.datasets import CachedPartitionsDataset


@pytest.fixture
def dataset(tmp_path):
    return CachedPartitionsDataset(
        path=str(tmp_path / "parts"), dataset="json.JSONDataset", filename_suffix=".json"
    )


def content(dataset):
    return {name: load() for name, load in dataset.load().items()}


def test_missing_partitions_are_computed_and_saved(dataset):
    dataset.save({"a": lambda: 1})
    assert content(dataset) == {"a": 1}
    dataset.save({"b": lambda: 2})
    assert content(dataset) == {"a": 1, "b": 2}


def test_saved_partitions_are_neither_computed_nor_replaced(dataset):
    dataset.save({"a": lambda: 1})
    dataset.save({"a": lambda: 1 / 0, "b": lambda: 2})
    assert content(dataset) == {"a": 1, "b": 2}


def test_interrupted_save_keeps_what_was_complete(dataset):
    with pytest.raises(Exception, match="division by zero"):
        dataset.save({"a": lambda: 1, "b": lambda: 1 / 0, "c": lambda: 3})
    assert content(dataset) == {"a": 1}
    dataset.save({"a": lambda: 1 / 0, "b": lambda: 2, "c": lambda: 3})
    assert content(dataset) == {"a": 1, "b": 2, "c": 3}


def test_saving_nothing_changes_nothing(dataset):
    dataset.save({"a": lambda: 1})
    dataset.save({})
    assert content(dataset) == {"a": 1}


def test_processes_save_what_they_compute_in_spite_of_a_failure(tmp_path):
    dataset = CachedPartitionsDataset(
        path=str(tmp_path / "parts"),
        dataset="json.JSONDataset",
        filename_suffix=".json",
        n_jobs=2,
    )
    tasks = {"a": partial(operator.add, 1, 2), "b": partial(operator.truediv, 1, 0)}
    with pytest.raises(Exception, match="division by zero"):
        dataset.save(tasks)
    dataset.save(tasks | {"b": partial(operator.add, 3, 4), "c": os.getpid})
    assert content(dataset) | {"c": 0} == {"a": 3, "b": 7, "c": 0}
    assert content(dataset)["c"] != os.getpid()

"""Shards are computed once, read when they are used, and named when they are damaged."""

import os
import sys

import numpy as np
import pytest
from kedro.io import DatasetError

from mnist_gradients.datasets import ShardsDataset
from mnist_gradients.estimators import GradientLogisticRegression

RECIPE = {"seed": 0}


def shard(i, n=40):
    generator = np.random.default_rng(i)
    labels = generator.integers(0, 2, n)
    return (generator.integers(0, 100, (n, 5)) + 9 * labels[:, None]).astype(np.uint8), labels


@pytest.fixture
def dataset(tmp_path):
    dataset = ShardsDataset(path=str(tmp_path / "shards"))
    dataset.save((RECIPE, {i: lambda i=i: shard(i) for i in range(3)}))
    return dataset


def test_shards_are_loaded_in_order_and_fitted_as_one_array(dataset):
    X, y = dataset.load()
    assert X.chunks[0] == y.chunks[0] == (40, 40, 40)
    rows, labels = (np.concatenate(parts) for parts in zip(*map(shard, range(3)), strict=True))
    np.testing.assert_array_equal(X.compute(), rows)
    expected = GradientLogisticRegression(C=0.01).fit(rows, labels)
    fitted = GradientLogisticRegression(C=0.01).fit(X, y)
    np.testing.assert_array_equal(fitted.coef_, expected.coef_)


def test_saving_resumes_behind_the_last_complete_shard(tmp_path):
    dataset, calls = ShardsDataset(path=str(tmp_path)), []

    def task(i, fails=False):
        calls.append(i)
        if fails:
            raise KeyboardInterrupt
        return shard(i)

    with pytest.raises(KeyboardInterrupt):
        dataset.save((RECIPE, {0: lambda: task(0), 1: lambda: task(1, fails=True)}))
    dataset.save((RECIPE, {0: lambda: task(0), 1: lambda: task(1)}))
    assert calls == [0, 1, 1]
    np.testing.assert_array_equal(dataset.load()[0][40:].compute(), shard(1)[0])


def test_damaged_shards_are_computed_anew_and_others_are_not(dataset, tmp_path):
    os.truncate(tmp_path / "shards/rows_00001.npy", 150)
    (tmp_path / "shards/labels_00002.npy").unlink()
    calls = []
    dataset.save((RECIPE, {i: lambda i=i: calls.append(i) or shard(i) for i in range(4)}))
    assert calls == [1, 2, 3]
    rows, labels = (np.concatenate(parts) for parts in zip(*map(shard, range(4)), strict=True))
    np.testing.assert_array_equal(dataset.load()[0].compute(), rows)
    np.testing.assert_array_equal(dataset.load()[1].compute(), labels)


def test_shards_of_another_recipe_are_kept_and_named(dataset, tmp_path):
    message = r"recipe.json: found {\"seed\": 0}, expected {\"seed\": 1}; delete the folder"
    with pytest.raises(DatasetError, match=message):
        dataset.save(({"seed": 1}, {0: lambda: shard(1)}))
    np.testing.assert_array_equal(dataset.load()[0][:40].compute(), shard(0)[0])
    (tmp_path / "shards/recipe.json").unlink()
    with pytest.raises(DatasetError, match=r"recipe.json: found none, expected"):
        dataset.save((RECIPE, {}))


def test_a_missing_file_is_named(dataset, tmp_path):
    (tmp_path / "shards/labels_00001.npy").unlink()
    with pytest.raises(DatasetError, match=r"labels_00001.npy: found no file, expected a shard"):
        dataset.load()


def test_a_cut_file_is_named_before_anything_is_computed(dataset, tmp_path):
    path = tmp_path / "shards/rows_00002.npy"
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(DatasetError, match=r"rows_00002.npy: found mmap length is greater"):
        dataset.load()


def test_a_shard_that_disappears_during_a_computation_is_named(dataset, tmp_path):
    X, y = dataset.load()
    (tmp_path / "shards/rows_00001.npy").unlink()
    with pytest.raises(DatasetError, match=r"rows_00001.npy: found no file, expected a shard"):
        GradientLogisticRegression().fit(X, y)


def test_shards_that_do_not_fit_are_named(dataset, tmp_path):
    np.save((tmp_path / "shards/rows_00001.npy"), np.zeros((40, 6), np.uint8))
    with pytest.raises(DatasetError, match=r"rows_00001.npy: found uint8 of shape \(40, 6\)"):
        dataset.load()
    np.save((tmp_path / "shards/rows_00001.npy"), np.zeros((41, 5), np.uint8))
    with pytest.raises(DatasetError, match="found shards of other lengths for rows than labels"):
        dataset.load()


def test_idx_shards_have_the_bits_of_npy_shards(dataset, tmp_path):
    idx = ShardsDataset(path=str(tmp_path / "idx"), file_format="idx")
    idx.save((RECIPE, {i: lambda i=i: (shard(i)[0], shard(i)[1].astype(np.uint8)) for i in (0, 1)}))
    assert (tmp_path / "idx/rows_00001.idx").read_bytes()[:12] == bytes(
        [0, 0, 8, 2, 0, 0, 0, 40, 0, 0, 0, 5]
    )
    (X, y), (rows, labels) = idx.load(), dataset.load()
    assert X.chunks == ((40, 40), (5,))
    first, second = (
        GradientLogisticRegression(C=0.01).fit(*data) for data in ((X, y), (rows[:80], labels[:80]))
    )
    np.testing.assert_array_equal(first.coef_, second.coef_)
    np.testing.assert_array_equal(X.compute(), rows[:80].compute())


def test_idx_shards_of_several_bytes_are_read_in_native_order(tmp_path):
    idx = ShardsDataset(path=str(tmp_path), file_format="idx")
    rows, labels = np.array([[1.5, -2], [3, 256]], np.float32), np.array([1, 70_000], np.int32)
    idx.save((RECIPE, {0: lambda: (rows, labels)}))
    X, y = idx.load()
    assert (X.dtype, y.dtype) == (rows.dtype, labels.dtype)
    np.testing.assert_array_equal(X.compute(), rows)
    np.testing.assert_array_equal(y.compute(), labels)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes([0, 0, 8, 2, 0, 0, 0, 40, 0, 0, 0, 5, 1]), "found mmap length is greater"),
        (b"npy", "found 3 bytes, expected a complete shard"),
    ],
)
def test_damaged_idx_shards_are_named(tmp_path, content, message):
    idx = ShardsDataset(path=str(tmp_path), file_format="idx")
    idx.save((RECIPE, {0: lambda: (np.ones((4, 5), np.uint8), np.ones(4, np.uint8))}))
    (tmp_path / "rows_00000.idx").write_bytes(content)
    with pytest.raises(DatasetError, match=rf"rows_00000.idx: {message}"):
        idx.load()


def test_an_empty_folder_and_a_remote_one_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="found no shards, expected rows_00000"):
        ShardsDataset(path=str(tmp_path)).load()
    with pytest.raises(ValueError, match=r"^path: found s3://bucket/x, expected a local folder"):
        ShardsDataset(path="s3://bucket/x")
    with pytest.raises(ValueError, match=r"^file_format: found 'csv', expected one of npy, idx"):
        ShardsDataset(path=str(tmp_path), file_format="csv")


def test_the_missing_extra_is_named(dataset, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.array", None)
    with pytest.raises(DatasetError, match="dask: found no such package, expected the extra"):
        dataset.load()

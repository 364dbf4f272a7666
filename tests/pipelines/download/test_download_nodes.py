import gzip
import hashlib
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mnist_gradients.datasets import IdxDataset, LabelledImagesDataset
from mnist_gradients.pipelines.download import nodes
from mnist_gradients.pipelines.download.parameters import DownloadParameters
from mnist_gradients.pipelines.download.transfer import DownloadError

ROOT = Path(__file__).parents[3]
NAME = "train-images-idx3-ubyte.gz"


def content_sha256(zipped: bytes) -> str:
    return hashlib.sha256(gzip.decompress(zipped)).hexdigest()


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


def test_files_of_the_data_set_come_into_a_folder_of_its_name(tmp_path, mirror, parameters, files):
    server = mirror()
    table = nodes.fetch_dataset(tmp_path / "raw", parameters(server.address))
    folder = tmp_path / "raw" / "toy"
    assert {path.name for path in folder.iterdir()} == {*files, "SHA256SUMS"}
    for name, content in files.items():
        assert (folder / name).read_bytes() == content
    expected = {
        "dataset": "toy",
        "file": list(files),
        "bytes": [len(content) for content in files.values()],
        "sha256": [content_sha256(content) for content in files.values()],
        "source": server.address,
    }
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected))


def test_later_loads_are_checked_by_the_checksums_beside_the_files(tmp_path, mirror, parameters):
    nodes.fetch_dataset(tmp_path, parameters(mirror().address))
    images = IdxDataset(filepath=str(tmp_path / "toy" / NAME))
    assert images.load().shape == (60, 20, 30)
    images.save(images.load() // 2)
    with pytest.raises(Exception, match="found content with SHA-256"):
        images.load()


def test_right_files_are_left_alone(tmp_path, mirror, parameters, files):
    server = mirror()
    nodes.fetch_dataset(tmp_path, parameters(server.address))
    before, n_requests = state(tmp_path / "toy"), len(server.requests)
    table = nodes.fetch_dataset(tmp_path, parameters(server.address))
    after = state(tmp_path / "toy")
    assert {name: after[name] for name in files} == {name: before[name] for name in files}
    assert after["SHA256SUMS"][1] == before["SHA256SUMS"][1]
    assert table["source"].tolist() == ["already there"] * 4
    assert len(server.requests) == n_requests == 4


def test_wrong_file_alone_is_fetched_again(tmp_path, mirror, parameters, files):
    server = mirror()
    nodes.fetch_dataset(tmp_path, parameters(server.address))
    (tmp_path / "toy" / NAME).write_bytes(files[NAME][:-1])
    table = nodes.fetch_dataset(tmp_path, parameters(server.address))
    assert (tmp_path / "toy" / NAME).read_bytes() == files[NAME]
    assert table.loc[table["source"] == server.address, "file"].tolist() == [NAME]
    assert server.requests[4:] == [(NAME, None)]


def test_mirror_that_answers_is_asked_first_from_then_on(tmp_path, mirror, parameters, files):
    failing, serving = mirror(), mirror()
    failing.status = 503
    table = nodes.fetch_dataset(tmp_path, parameters(failing.address, serving.address))
    assert table["source"].tolist() == [serving.address] * 4
    assert [name for name, _ in failing.requests] == [NAME]
    assert [name for name, _ in serving.requests] == list(files)


def test_run_that_failed_goes_on_where_it_was(tmp_path, mirror, down, parameters, files):
    server = mirror()
    *_, last = files
    content = server.files.pop(last)
    with pytest.raises(DownloadError, match=f"{last}: .* found HTTP status 404 Not Found"):
        nodes.fetch_dataset(tmp_path, parameters(down, server.address))
    assert {path.name for path in (tmp_path / "toy").iterdir()} == set(files) - {last}
    server.files[last] = content
    table = nodes.fetch_dataset(tmp_path, parameters(server.address))
    assert table["source"].tolist() == ["already there"] * 3 + [server.address]


def test_mnist_of_the_repository_is_left_as_it_is(tmp_path, down):
    """Its files are packed otherwise than those on the mirrors, with the same content."""
    shutil.copytree(ROOT / "data/01_raw/mnist", tmp_path / "mnist")
    text = (ROOT / "conf/base/parameters_download.yml").read_text(encoding="utf-8")
    options = yaml.safe_load(text)["download"]
    options["dataset"] = "mnist"
    options["datasets"]["mnist"]["mirrors"] = [down]
    before = {name: content for name, (_, content) in state(tmp_path / "mnist").items()}
    table = nodes.fetch_dataset(tmp_path, DownloadParameters(**options))
    assert table["source"].tolist() == ["already there"] * 4
    assert {name: content for name, (_, content) in state(tmp_path / "mnist").items()} == before


def test_downloaded_data_set_is_ingested(tmp_path, mirror, options, run_project):
    """The path of a user: fetch by name, then run on the folder."""
    server = mirror()
    chosen = options(server.address)
    run_project(tmp_path, {"download": chosen}, pipeline_names=["download"])
    table = pd.read_csv(tmp_path / "08_reporting/download/files.csv")
    assert table["source"].tolist() == [server.address] * 4
    raw = tmp_path / "01_raw" / "toy"
    own = {"raw_root": str(raw), "ingestion": {"n_classes": 3, "validation_size": 6}}
    run_project(tmp_path, own, pipeline_names=["ingestion"])
    train = LabelledImagesDataset(filepath=str(tmp_path / "05_model_input/train.npz")).load()
    assert train.images.shape == (54, 20, 30)
    assert sorted(set(train.labels.tolist())) == [0, 1, 2]

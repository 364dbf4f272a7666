import gzip
import hashlib
import re
import socket
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import requests

from mnist_gradients.datasets import IdxDataset, LabelledImagesDataset
from mnist_gradients.pipelines.download import nodes
from mnist_gradients.pipelines.download.nodes import DownloadError

NAME = "train-images-idx3-ubyte.gz"


def content_sha256(zipped: bytes) -> str:
    return hashlib.sha256(gzip.decompress(zipped)).hexdigest()


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


def test_files_of_a_data_set_go_into_a_folder_of_its_name(tmp_path, mirror, parameters, files):
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
    assert server.requests[4:] == [NAME]


def test_mirror_that_answers_is_asked_first_from_then_on(tmp_path, mirror, parameters, files):
    failing, serving = mirror(), mirror()
    failing.status = 503
    table = nodes.fetch_dataset(tmp_path, parameters(failing.address, serving.address))
    assert table["source"].tolist() == [serving.address] * 4
    assert failing.requests == [NAME]
    assert serving.requests == list(files)


def test_files_that_are_complete_stay_for_the_next_run(tmp_path, mirror, down, parameters, files):
    server = mirror()
    *_, last = files
    content = server.files.pop(last)
    with pytest.raises(DownloadError, match=f"{last}: .* 404 Client Error: Not Found"):
        nodes.fetch_dataset(tmp_path, parameters(down, server.address))
    assert {path.name for path in (tmp_path / "toy").iterdir()} == set(files) - {last}
    server.files[last] = content
    table = nodes.fetch_dataset(tmp_path, parameters(server.address))
    assert table["source"].tolist() == ["already there"] * 3 + [server.address]


class TestFaults:
    """A file that is complete and right is the only one that takes its name."""

    @pytest.fixture
    def fetch(self, tmp_path, parameters):
        """Fetches the data set beside an earlier file; returns the source of that file."""
        (tmp_path / "toy").mkdir()
        (tmp_path / "toy" / NAME).write_bytes(b"earlier")

        def fetch(*mirrors, **changes):
            return nodes.fetch_dataset(tmp_path, parameters(*mirrors, **changes))["source"][0]

        return fetch

    @pytest.fixture
    def error(self, fetch, tmp_path):
        """Returns the error message of a download that must leave the earlier file."""

        def error(*mirrors, **changes):
            with pytest.raises(DownloadError) as caught:
                fetch(*mirrors, **changes)
            assert (tmp_path / "toy" / NAME).read_bytes() == b"earlier"
            assert [path.name for path in (tmp_path / "toy").iterdir()] == [NAME]
            assert "\n" not in str(caught.value)
            return str(caught.value)

        return error

    def test_wrong_content_is_refused(self, error, mirror):
        words = "SHA256 hash of downloaded file .* does not match the known hash"
        assert re.search(words, error(mirror(**{NAME: b"another file"}).address))

    def test_connection_that_breaks_is_refused(self, error, mirror):
        server = mirror()
        server.breaks = [10_000]
        assert "IncompleteRead(10000 bytes read" in error(server.address)

    def test_broken_connection_is_tried_again(self, fetch, mirror, monkeypatch):
        monkeypatch.setattr(time, "sleep", lambda _: None)
        server = mirror()
        server.breaks = [10_000, 5_000]
        assert fetch(server.address, attempts=3) == server.address
        assert server.requests.count(NAME) == 3

    @pytest.mark.parametrize("status", [404, 503])
    def test_mirror_that_answers_with_an_error_is_passed_over(self, fetch, mirror, status):
        failing, serving = mirror(), mirror()
        failing.status = status
        assert fetch(failing.address, serving.address) == serving.address

    def test_mirror_that_is_down_or_silent_is_passed_over(self, fetch, mirror, down):
        server = mirror()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            assert fetch(down, address, server.address, timeout_seconds=0.2) == server.address

    def test_every_mirror_is_named_if_none_serves(self, error, mirror, down, tmp_path):
        failing = mirror()
        failing.status = 500
        words = error(down, failing.address)
        path = tmp_path / "toy" / NAME
        assert words.startswith(f"{path}: found no mirror that serves this file ({down}: ")
        assert f"; {failing.address}: 500 Server Error" in words
        assert words.endswith("), expected one")

    def test_answer_beyond_the_limit_is_cut_off(self, error, fetch, mirror, files):
        server, size = mirror(), len(files[NAME]) / 1e6
        words = error(server.address, most_megabytes=0.01)
        assert f"{server.address}: found more than 0.01 MB, expected at most that" in words
        assert fetch(server.address, most_megabytes=size) == server.address

    def test_link_at_the_destination_is_replaced_and_its_target_kept(
        self, tmp_path, mirror, parameters, files
    ):
        (tmp_path / "mine").write_bytes(b"mine")
        (tmp_path / "toy").mkdir()
        for name in (NAME, "SHA256SUMS"):
            (tmp_path / "toy" / name).symlink_to(tmp_path / "mine")
        nodes.fetch_dataset(tmp_path, parameters(mirror().address))
        assert (tmp_path / "mine").read_bytes() == b"mine"
        assert not (tmp_path / "toy" / NAME).is_symlink()
        assert (tmp_path / "toy" / NAME).read_bytes() == files[NAME]

    def test_redirect_to_a_file_is_refused(self, error, mirror, tmp_path, files):
        (tmp_path / "secret").mkdir()
        (tmp_path / "secret" / NAME).write_bytes(files[NAME])
        server = mirror()
        server.redirect = f"file://{tmp_path}/secret/"
        assert "No connection adapters were found for 'file:///" in error(server.address)

    def test_redirect_to_another_mirror_is_followed_and_checked(self, fetch, mirror, monkeypatch):
        seen = []
        monkeypatch.setattr(nodes, "check_redirect", lambda response, **_: seen.append(response))
        old, new = mirror(), mirror()
        old.redirect = new.address
        assert fetch(old.address) == old.address
        assert [response.status_code for response in seen] == [302, 200] * 4

    def test_package_that_is_missing_is_named_with_the_extra(self, error, monkeypatch):
        monkeypatch.setitem(sys.modules, "pooch", None)
        assert error("http://127.0.0.1/") == (
            'download: found no package pooch, expected it: pip install -e ".[download]"'
        )


@pytest.mark.parametrize(
    ("url", "status", "location", "is_refused"),
    [
        ("https://a.org/x", 302, "http://a.org/x", True),
        ("https://a.org/x", 302, "https://b.org/x", False),
        ("https://a.org/x", 302, "/y", False),
        ("https://a.org/x", 200, None, False),
        ("http://a.org/x", 302, "http://b.org/x", False),
    ],
)
def test_redirect_from_https_to_http_alone_is_refused(url, status, location, is_refused):
    response = requests.Response()
    response.url, response.status_code = url, status
    response.headers.update({"location": location} if location else {})
    if is_refused:
        with pytest.raises(ValueError, match=f"^{url}: found a redirect to {location}, expected"):
            nodes.check_redirect(response)
    else:
        nodes.check_redirect(response)


def test_downloaded_data_set_is_ingested(tmp_path, mirror, options, run_project):
    """As a user does: fetch by name, then run on the folder."""
    server = mirror()
    chosen = options(server.address)
    run_project(tmp_path, {"download": chosen}, pipeline_names=["download"])
    table = pd.read_csv(tmp_path / "08_reporting/download/files.csv")
    assert table["source"].tolist() == [server.address] * 4
    raw = tmp_path / "01_raw" / "toy"
    own = {"raw_root": str(raw), "ingestion": {"n_classes": 3, "validation_size": 6}}
    run_project(tmp_path, own, to_outputs=["train"])
    train = LabelledImagesDataset(filepath=str(tmp_path / "05_model_input/train.npz")).load()
    assert train.images.shape == (54, 20, 30)
    assert sorted(set(train.labels.tolist())) == [0, 1, 2]

import gzip
import hashlib
import logging
import os
import re
import socket
import time

import pytest

from mnist_gradients.pipelines.download import transfer
from mnist_gradients.pipelines.download.transfer import DownloadError, digests, fetch

NAME = "train-images-idx3-ubyte.gz"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def content(files) -> bytes:
    assert len(files[NAME]) > 30_000
    return files[NAME]


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


@pytest.fixture
def part(tmp_path):
    return tmp_path / f"{NAME}.part"


@pytest.fixture
def get(path, content):
    """Fetches the file from some mirrors and returns the one that served it."""

    def get(*mirrors, checksum=None, attempts=3, timeout_seconds=5):
        return fetch(path, mirrors, checksum or sha256(content), attempts, timeout_seconds)

    return get


def complaint(get, *mirrors, **options) -> str:
    with pytest.raises(DownloadError) as caught:
        get(*mirrors, **options)
    return str(caught.value)


class TestDigests:
    def test_file_and_content(self, tmp_path):
        (tmp_path / "zipped").write_bytes(gzip.compress(b"content"))
        (tmp_path / "plain").write_bytes(b"content")
        zipped = sha256((tmp_path / "zipped").read_bytes())
        assert digests(tmp_path / "zipped") == (zipped, sha256(b"content"))
        assert digests(tmp_path / "plain") == (sha256(b"content"), sha256(b"content"))

    @pytest.mark.parametrize("spoil", [lambda b: b[:-9], lambda b: b[:10] + b"\xff" * 20 + b[30:]])
    def test_broken_gzip_is_no_content(self, tmp_path, content, spoil):
        (tmp_path / "broken").write_bytes(spoil(content))
        assert digests(tmp_path / "broken") == (sha256(spoil(content)),) * 2


class TestWholeFile:
    def test_file_arrives_under_its_name_alone(self, get, mirror, path, content):
        server = mirror()
        assert get(server.address) == server.address
        assert path.read_bytes() == content
        assert list(path.parent.iterdir()) == [path]
        assert server.requests == [(NAME, None)]

    def test_checksum_of_the_content_will_do(self, get, mirror, path, content):
        get(mirror().address, checksum=sha256(gzip.decompress(content)))
        assert path.read_bytes() == content

    def test_answer_of_unknown_length(self, get, mirror, path, content):
        server = mirror()
        server.tells_length = False
        get(server.address)
        assert path.read_bytes() == content

    def test_earlier_file_of_that_name_is_replaced(self, get, mirror, path, content):
        path.write_bytes(b"earlier")
        get(mirror().address)
        assert path.read_bytes() == content


class TestBrokenConnection:
    def test_rest_is_fetched_from_where_it_broke(self, get, mirror, path, content):
        server = mirror()
        server.breaks = [10_000, 5_000]
        get(server.address)
        assert path.read_bytes() == content
        assert server.ranges(NAME) == [None, "bytes=10000-", "bytes=15000-"]

    def test_silence_is_a_broken_connection_too(self, get, mirror, path, content):
        server = mirror()
        server.breaks, server.stalls = [10_000], True
        get(server.address, timeout_seconds=0.3)
        assert path.read_bytes() == content
        assert server.ranges(NAME) == [None, "bytes=10000-"]

    def test_what_came_is_kept_for_a_later_run(self, get, mirror, path, part, content):
        server = mirror()
        server.breaks = [10_000, 5_000]
        words = complaint(get, server.address, attempts=2)
        assert f"({server.address}: connection closed after 15 kB of 36 kB, 42 %)" in words
        assert not path.exists()
        assert part.read_bytes() == content[:15_000]
        get(server.address)
        assert path.read_bytes() == content
        assert server.ranges(NAME)[2:] == ["bytes=15000-"]
        assert not part.exists()

    def test_next_mirror_goes_on_where_the_first_gave_up(self, get, mirror, path, content):
        breaking, whole = mirror(), mirror()
        breaking.breaks = [10_000, 5_000]
        assert get(breaking.address, whole.address, attempts=2) == whole.address
        assert path.read_bytes() == content
        assert whole.ranges(NAME) == ["bytes=15000-"]

    def test_mirror_that_knows_no_ranges_sends_all_again(self, get, mirror, path, content):
        server = mirror()
        server.breaks, server.knows_range = [10_000], False
        get(server.address)
        assert path.read_bytes() == content
        assert server.ranges(NAME) == [None, "bytes=10000-"]

    def test_beginning_that_does_not_fit_is_thrown_away(self, get, mirror, path, part, content):
        part.write_bytes(b"of another file")
        server = mirror()
        get(server.address, attempts=1)
        assert path.read_bytes() == content
        assert server.ranges(NAME) == ["bytes=15-", None]

    def test_part_that_is_complete_only_takes_its_name(self, get, mirror, path, part, content):
        part.write_bytes(content)
        server = mirror()
        get(server.address)
        assert path.read_bytes() == content
        assert server.ranges(NAME) == [f"bytes={len(content)}-"]

    def test_part_longer_than_the_file_is_thrown_away(self, get, mirror, path, part, content):
        part.write_bytes(content + b"more")
        server = mirror()
        get(server.address)
        assert path.read_bytes() == content
        assert server.ranges(NAME) == [f"bytes={len(content) + 4}-", None]


class TestWrongChecksum:
    def test_file_is_removed_and_both_checksums_are_named(self, get, mirror, path, content):
        path.write_bytes(b"earlier")
        server = mirror(**{NAME: b"another file"})
        words = complaint(get, server.address)
        found = f"found a file with SHA-256 {sha256(b'another file')}, expected {sha256(content)}"
        assert words == (
            f"{path}: found no mirror that serves this file ({server.address}: {found}), "
            "expected one; run again to go on"
        )
        assert list(path.parent.iterdir()) == [path]
        assert path.read_bytes() == b"earlier"
        assert len(server.requests) == 1

    def test_next_mirror_is_asked_for_all_of_it(self, get, mirror, path, content):
        wrong, right = mirror(**{NAME: content[:-1] + b"?"}), mirror()
        assert get(wrong.address, right.address) == right.address
        assert path.read_bytes() == content
        assert right.ranges(NAME) == [None]

    def test_file_cut_short_by_an_answer_of_unknown_length_is_noticed(self, get, mirror, path):
        server = mirror()
        server.tells_length, server.breaks = False, [10_000]
        assert "found a file with SHA-256" in complaint(get, server.address)
        assert list(path.parent.iterdir()) == []


class TestMirrors:
    def test_one_that_is_down_is_passed_over(self, get, mirror, down, path, content):
        server = mirror()
        assert get(down, server.address) == server.address
        assert path.read_bytes() == content

    def test_one_that_never_answers_is_passed_over(self, get, mirror, path, content):
        server = mirror()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            started = time.monotonic()
            assert get(address, server.address, timeout_seconds=0.2) == server.address
            assert time.monotonic() - started < 3
        assert path.read_bytes() == content

    @pytest.mark.parametrize(("status", "words"), [(404, "Not Found"), (503, "Service Unavail")])
    def test_one_that_answers_with_an_error_is_passed_over(self, get, mirror, status, words, path):
        failing, serving = mirror(), mirror()
        failing.status = status
        assert f"found HTTP status {status} {words}" in complaint(get, failing.address)
        assert list(path.parent.iterdir()) == []
        assert get(failing.address, serving.address) == serving.address
        assert len(failing.requests) == 2  # an answer is no broken connection

    def test_all_of_them_are_named_if_none_serves(self, get, mirror, down, path, part, content):
        part.write_bytes(content[:100])
        failing = mirror()
        failing.status = 500
        words = complaint(get, down, failing.address)
        assert words.startswith(f"{path}: found no mirror that serves this file ({down}: ")
        assert re.search(r"Connection refused; http://127", words)
        assert f"{failing.address}: found HTTP status 500 " in words
        assert "\n" not in words
        assert part.read_bytes() == content[:100]  # for the day when one is up again
        assert not path.exists()

    def test_file_that_cannot_be_written_is_no_fault_of_a_mirror(self, get, mirror, part):
        part.mkdir()
        server = mirror()
        with pytest.raises(OSError, match=re.escape(os.fspath(part))):
            get(server.address, server.address)


def test_progress_is_told_in_lines(get, mirror, caplog, monkeypatch):
    caplog.set_level(logging.INFO, logger="mnist_gradients")
    monkeypatch.setattr(transfer, "REPORT_EVERY", 0)
    server = mirror(**{NAME: bytes(3_000_000)})
    server.breaks = [1_200_000]
    get(server.address, checksum=sha256(bytes(3_000_000)))
    lines = caplog.messages
    assert lines[0] == f"    {NAME}: asking {server.address}"
    assert lines[-1] == f"    {NAME}: 3.0 MB, checksum right"
    assert "    connection closed after 1.2 MB of 3.0 MB, 40 %, going on from there" in lines
    told = [re.fullmatch(rf"    {NAME}: (.+) of 3\.0 MB, (\d+) %", line) for line in lines]
    shares = [int(match[2]) for match in told if match]
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert shares[-1] == 100


def test_progress_is_not_told_all_the_time(get, mirror, caplog):
    caplog.set_level(logging.INFO, logger="mnist_gradients")
    get(mirror().address)
    assert len(caplog.messages) == 2

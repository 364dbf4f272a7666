import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from mnist_gradients.pipelines.download.parameters import DownloadParameters

ROOT = Path(__file__).parents[3]
MIRROR = "https://example.org/sets/"


def test_mirrors_with_and_without_encryption_are_taken(parameters):
    taken = parameters(MIRROR, "http://127.0.0.1:80/").datasets["toy"]
    assert taken.mirrors == (MIRROR, "http://127.0.0.1:80/")
    assert len(taken.files) == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "tojo"}, "dataset\n  Value error, found 'tojo', expected one of toy"),
        ({"attempts": 0}, "attempts\n  Input should be greater than 0"),
        ({"timeout_seconds": -1}, "timeout_seconds\n  Input should be greater than 0"),
        ({"mirror": MIRROR}, "mirror\n  Extra inputs are not permitted"),
        ({"datasets": {}}, "datasets\n  Dictionary should have at least 1 item"),
    ],
)
def test_mistakes_are_refused(parameters, changes, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        parameters(MIRROR, **changes)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mirrors", []),
        ("mirrors", ["https://example.org/sets"]),  # a file's name would be glued to it
        ("mirrors", ["file:///etc/"]),
        ("mirrors", ["ftp://example.org/sets/"]),
        ("files", {}),
        ("files", {"../train-images-idx3-ubyte.gz": "0" * 64}),
        ("files", {"/etc/passwd": "0" * 64}),
        ("files", {"train-images-idx3-ubyte.gz": "0" * 32}),
    ],
)
def test_source_that_makes_no_sense_is_refused(options, key, value):
    source = options(MIRROR)["datasets"]["toy"]
    DownloadParameters(**options(datasets={"toy": source}))
    with pytest.raises(ValidationError, match=rf"datasets\.toy\.{key}"):
        DownloadParameters(**options(datasets={"toy": source | {key: value}}))


@pytest.fixture(scope="module")
def configured() -> DownloadParameters:
    text = (ROOT / "conf/base/parameters_download.yml").read_text(encoding="utf-8")
    return DownloadParameters(**yaml.safe_load(text)["download"])


def test_every_data_set_has_the_four_files_that_ingestion_reads(configured):
    catalog = yaml.safe_load((ROOT / "conf/base/catalog_ingestion.yml").read_text(encoding="utf-8"))
    read = {
        Path(entry["filepath"]).name
        for name, entry in catalog.items()
        if re.fullmatch("raw_.*_(images|labels)", name)
    }
    assert set(configured.datasets) == {"mnist", "fashion_mnist", "kmnist"}
    for source in configured.datasets.values():
        assert set(source.files) == read
    checksums = [
        sha256 for source in configured.datasets.values() for sha256 in source.files.values()
    ]
    assert len(set(checksums)) == 12

"""A file that is not as it was saved is named on load, and counts as missing."""

import logging
import os
import shutil
import warnings
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError

from mnist_gradients.datasets.atomic import CSVDataset, JSONDataset, TextDataset
from mnist_gradients.datasets.file import IntactFile

ROOT = Path(__file__).parents[2]
COMPARISON = pd.DataFrame({"solver": ["lbfgs", "sag"], "relative_gap": [0.001, 0.5]})
FILES = {
    "comparison.csv": (CSVDataset, COMPARISON),
    "metrics.json": (JSONDataset, {"test_error": 0.02}),
    "section.html": (TextDataset, "<p>98 % right</p>"),
}


@pytest.fixture(params=FILES)
def saved(request, tmp_path):
    """A dataset with its file as a run has saved it."""
    kind, data = FILES[request.param]
    dataset = kind(filepath=str(tmp_path / request.param))
    dataset.save(data)
    return dataset


def path_of(dataset) -> Path:
    return Path(dataset._filepath)


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_flipped_bit_anywhere_is_noticed(saved):
    path = path_of(saved)
    content = path.read_bytes()
    for position in range(len(content)):
        flip(path, position)
        with pytest.raises(DatasetError) as caught:
            saved.load()
        assert str(caught.value).startswith(f"{path}: found content with SHA-256 ")
        assert "\n" not in str(caught.value)
        path.write_bytes(content)
    saved.load()


@pytest.mark.parametrize("size", [0, 1, 10])
def test_torn_file_is_noticed(saved, size):
    path = path_of(saved)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DatasetError, match=f"^{path}: found content with SHA-256 "):
        saved.load()


def test_file_of_another_run_is_noticed(saved, tmp_path):
    data = {CSVDataset: COMPARISON[:1], JSONDataset: {}, TextDataset: ""}[type(saved)]
    other = type(saved)(filepath=str(tmp_path / "other" / "file"))
    other.save(data)
    shutil.copy(path_of(other), path_of(saved))
    with pytest.raises(DatasetError, match=f"^{path_of(saved)}: found content with SHA-256 "):
        saved.load()


def test_damaged_checksum_is_noticed(saved):
    path = path_of(saved)
    flip(path.with_name(f".{path.name}.sha256"), 0)
    with pytest.raises(DatasetError, match=f"^{path}: .*expected "):
        saved.load()


def test_edit_by_hand_is_accepted_as_the_error_message_says(tmp_path):
    dataset = JSONDataset(filepath=str(tmp_path / "metrics.json"))
    dataset.save({"test_error": 0.02})
    path_of(dataset).write_text('{"test_error": 0.03}')
    with pytest.raises(DatasetError, match=r"delete \.metrics\.json\.sha256 beside it to accept"):
        dataset.load()
    (tmp_path / ".metrics.json.sha256").unlink()
    assert dataset.load() == {"test_error": 0.03}


def test_damaged_file_counts_as_missing(saved, caplog):
    assert saved.exists()
    flip(path_of(saved), 0)
    with caplog.at_level(logging.WARNING):
        assert not saved.exists()
    assert caplog.messages == [
        f"{path_of(saved)}: found other content than was saved, taken as missing"
    ]


@pytest.mark.parametrize("steps", [0, 1])
def test_end_between_two_steps_of_saving_leaves_a_file_that_loads(saved, steps, monkeypatch):
    before = saved.load()
    after = {CSVDataset: COMPARISON[:1], JSONDataset: {}, TextDataset: ""}[type(saved)]
    done = []

    def replace(source, target, real=os.replace):
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(real(source, target))

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        saved.save(after)
    found, expected = saved.load(), (before, after)[steps]
    assert found.equals(expected) if isinstance(found, pd.DataFrame) else found == expected


def test_run_of_missing_outputs_makes_a_torn_table_anew(run_project, small_raw, tmp_path):
    given = {"raw_root": str(small_raw)}
    table = tmp_path / "08_reporting" / "ingestion" / "class_counts.csv"
    run_project(tmp_path, given, to_outputs=["ingestion.class_counts"])
    whole = table.read_bytes()
    others = {path: path.stat().st_mtime_ns for path in tmp_path.glob("0[1-5]*/*.npz")}
    table.write_bytes(whole[:40])
    missing = {"to_outputs": ["ingestion.class_counts"], "only_missing_outputs": True}
    run_project(tmp_path, given, **missing)
    assert table.read_bytes() == whole
    assert {path: path.stat().st_mtime_ns for path in others} == others


@pytest.fixture(scope="module")
def catalog():
    bootstrap_project(ROOT)
    with warnings.catch_warnings(), KedroSession.create(ROOT) as session:
        warnings.filterwarnings("ignore", "Accessing the 'model_fields' attribute")
        return session.load_context().catalog


def test_every_file_that_the_project_writes_is_checked(catalog, pipelines):
    every = sum(pipelines.values(), start=pipelines["__default__"])
    for name in every.all_outputs():
        dataset = catalog.get(name)
        if dataset is not None and hasattr(dataset, "_filepath"):
            assert isinstance(dataset, IntactFile), name


def test_every_table_that_is_read_back_has_a_validator(catalog, pipelines):
    every = sum(pipelines.values(), start=pipelines["__default__"])
    tables = {
        name
        for name in every.all_inputs() & every.all_outputs()
        if isinstance(catalog.get(name), CSVDataset | JSONDataset)
    }
    assert {"logistic_regression.binary.comparison", "ensemble.members"} < tables
    assert tables - set(catalog.validator_specs) == set()

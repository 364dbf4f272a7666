"""Bad input gives one line that names it, before any training; earlier outputs stay as they are."""

import gzip
import hashlib
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from kedro.framework.session import KedroSession
from kedro.runner import SequentialRunner

from mnist_gradients.console.errors import short_message
from mnist_gradients.datasets import IdxDataset

ROOT = Path(__file__).parents[1]
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


@pytest.fixture
def raw(small_raw, tmp_path) -> Path:
    """A copy of the small raw files that a test may spoil."""
    return shutil.copytree(small_raw, tmp_path / "raw")


@pytest.fixture(scope="module")
def earlier_outputs(small_raw, made_once, run_project) -> Path:
    """Outputs of a good run of ingestion, beside those of an imagined training."""

    def make(folder: Path) -> None:
        data = folder / "data"
        run_project(data, {"raw_root": str(small_raw)}, pipeline_names=["ingestion"])
        for name in ("06_models/fnn.keras", "08_reporting/fnn/metrics.json"):
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            (data / name).write_bytes(b"earlier")

    return made_once("earlier_outputs", make) / "data"


@pytest.fixture
def outputs(earlier_outputs, tmp_path) -> Path:
    """A copy of the earlier outputs."""
    return shutil.copytree(earlier_outputs, tmp_path / "data")


def state(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """The content of each file and the time of its last change."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_file_that_is_written_again_is_noticed(outputs, small_raw, run_project):
    before = state(outputs)
    run_project(outputs, {"raw_root": str(small_raw)}, node_names=["ingestion.split_images"])
    changed = {path for path, content in state(outputs).items() if content != before[path]}
    assert changed == {
        outputs / "05_model_input" / name
        for part in ("train", "validation", "test")
        for name in (f"{part}.npz", f".{part}.npz.sha256")
    }


@pytest.fixture(scope="module")
def prepared(pipelines, tmp_path_factory):
    """A catalog, the folders of its raw files and of its outputs, and the nodes to run."""
    raw, outputs = (tmp_path_factory.mktemp("bad") / name for name in ("raw", "data"))
    given = {"raw_root": str(raw), "data_root": str(outputs)}
    with (
        warnings.catch_warnings(),
        KedroSession.create(ROOT, env="test", runtime_params=given) as session,
    ):
        warnings.filterwarnings("ignore", "Accessing the 'model_fields' attribute")
        catalog = session.load_context().catalog
    return catalog, raw, outputs, pipelines["ingestion"] + pipelines["fnn"]


@pytest.fixture
def error_message(outputs, run_project):
    """Returns the error message of a run that must leave the earlier outputs as they were."""

    def error_message(parameters, pipeline_names):
        before = state(outputs)
        with pytest.raises(Exception, match="expected") as caught:
            run_project(outputs, parameters, pipeline_names=pipeline_names)
        assert state(outputs) == before
        return short_message(caught.value)

    return error_message


# --- raw files ---


def missing(raw: Path) -> str:
    (raw / LABELS).unlink()
    other = str(raw / LABELS).removesuffix(".gz")
    return f"{raw / LABELS}: found neither this file nor {other}, expected one of them"


def truncated(raw: Path) -> str:
    path = raw / IMAGES
    path.write_bytes(path.read_bytes()[:-1000])
    return f"{path}: found a gzip stream that ends too early, expected a whole one"


def corrupt(raw: Path) -> str:
    content = bytearray((raw / IMAGES).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (raw / IMAGES).write_bytes(content)
    return f"{raw / IMAGES}: found "


def other_format(raw: Path) -> str:
    (raw / IMAGES).write_bytes(gzip.compress(b"P5 28 28 255"))
    return f"{raw / IMAGES}: found the first bytes 50 35 20 32, expected an IDX header"


def shorter_than_declared(raw: Path) -> str:
    content = gzip.decompress((raw / LABELS).read_bytes())
    (raw / LABELS).write_bytes(gzip.compress(content[:-1]))
    return f"{raw / LABELS}: found 399 bytes of values, expected 400 for uint8 of shape (400,)"


def images_for_labels(raw: Path) -> str:
    shutil.copyfile(raw / IMAGES, raw / LABELS)
    return "raw_train_labels: labels: found uint8 of shape (400, 28, 28), expected a non-empty 1-"


def another_checksum(raw: Path) -> str:
    (raw / "SHA256SUMS").write_text(f"{'0' * 64}  {LABELS.removesuffix('.gz')}\n")
    found = hashlib.sha256(gzip.decompress((raw / LABELS).read_bytes())).hexdigest()
    return f"{raw / LABELS}: found content with SHA-256 {found}, expected {'0' * 64} by SHA256SUMS"


def change_labels(raw: Path, change) -> None:
    dataset = IdxDataset(filepath=str(raw / LABELS))
    dataset.save(change(dataset.load()))


def fewer_labels(raw: Path) -> str:
    change_labels(raw, lambda y: y[:-1])
    return "training set: labels: found 399 labels, expected 400, one for each image"


def label_out_of_range(raw: Path) -> str:
    change_labels(raw, lambda y: np.where(np.arange(len(y)) == 7, np.uint8(10), y))
    return "training labels: found label 10, expected 0 to 9 (parameter ingestion.n_classes is 10)"


@pytest.mark.parametrize(
    "spoil",
    [
        missing,
        truncated,
        corrupt,
        other_format,
        shorter_than_declared,
        images_for_labels,
        another_checksum,
        fewer_labels,
        label_out_of_range,
    ],
)
def test_bad_raw_file_is_named(prepared, small_raw, earlier_outputs, spoil):
    catalog, raw, outputs, nodes = prepared
    for source, target in ((small_raw, raw), (earlier_outputs, outputs)):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    words, before = spoil(raw), state(outputs)
    with pytest.raises(Exception, match="expected") as caught:
        SequentialRunner().run(nodes, catalog)
    assert state(outputs) == before
    line = short_message(caught.value)
    assert words in line
    assert "expected" in line
    assert "\n" not in line


# --- parameters ---


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            {"fnn": {"learning_rate": -1}},
            "parameter fnn.learning_rate: found -1, expected greater than 0",
        ),
        (
            {"fnn": {"lerning_rate": 0.1}},
            "parameter fnn.lerning_rate: found an unknown name, "
            "expected a known one such as learning_rate",
        ),
        (
            {"fnnn": {"learning_rate": 0.1}},
            "parameter fnnn: found an unknown name, expected a known one such as fnn",
        ),
        (
            {"ingestion": {"validation_size": 401}},
            "parameter ingestion.validation_size: found 401 (401 of 400 images), "
            "expected between 10 and 390 images",
        ),
        (
            {"logistic_regression": {"binary": {"solvers": {"lbfgs": {"tolerance": 0}}}}},
            "parameter logistic_regression.binary.solvers.lbfgs.tolerance: found 0, "
            "expected greater than 0",
        ),
        (
            {
                "logistic_regression": {
                    "binary": {"solvers": {"sgd": {"max_iterations": 1, "tolerance": 1}}}
                }
            },
            "parameter logistic_regression.binary.solvers: found solver 'sgd', expected one of ",
        ),
    ],
)
def test_bad_parameter_is_named(small_raw, error_message, parameters, words):
    given = parameters | {"raw_root": str(small_raw)}
    line = error_message(given, ["ingestion", "logistic_regression", "fnn"])
    assert line.startswith(words)
    assert "\n" not in line


# --- the command itself ---


def test_command_fails_with_the_error_message_as_its_last_line(raw, outputs, kedro_run):
    words, before = truncated(raw), state(outputs)
    run = kedro_run(outputs, "--pipelines", "ingestion,fnn", parameters=(f"raw_root={raw}",))
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert re.match(r"\w+Error: ", last)
    assert words in last
    assert "epoch" not in run.stdout
    assert state(outputs) == before

"""Fixtures of several test modules: the real digits, runs of the project, a server of kedro-viz."""

import contextlib
import fcntl
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import omegaconf
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline
from omegaconf import OmegaConf

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.datasets import IdxDataset
from mnist_gradients.pipeline_registry import register_pipelines
from mnist_gradients.training.parameters import TrainingParameters
from mnist_gradients.training.sets import TrainingSets

ROOT = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
UNOPTIMISED = "--xla_backend_optimization_level=0"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")  # gw0, gw1, ...


def pytest_configure(config: pytest.Config) -> None:
    """Give each of several workers one thread, so that together they use each core once.

    Networks are compiled without optimisation, which takes half of the time; see `kedro_run`.
    """
    os.environ.setdefault("XLA_FLAGS", UNOPTIMISED)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # some sixty processes import the project
    if (config.getoption("numprocesses", None) or 0) > 1:
        os.environ.update(dict.fromkeys(THREADS, "1"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of the full run: one worker makes it, while the others need none yet.

    Those that import TensorFlow follow, and then the other slow tests, so that no worker ends long
    after the rest.
    """
    items.sort(
        key=lambda item: (
            "full_run" not in item.fixturenames,  # type: ignore[attr-defined]
            item.get_closest_marker("tensorflow") is None,
            item.get_closest_marker("slow") is None,
        )
    )


@pytest.fixture(scope="session", autouse=True)
def configuration_parsed_once() -> Iterator[None]:
    """Parse each text of the configuration once per worker: the tests load it hundreds of times.

    The loader itself, with its merging and its resolvers, is Kedro's.
    """
    load = OmegaConf.load
    content = cache(lambda text: load(io.StringIO(text)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", lambda file: deepcopy(content(file.read())))
        # The parser of `${...}`. Without this line the tests are slower and prove the same.
        patch.setattr("omegaconf.base.parse", cache(omegaconf.base.parse))
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Makes a folder once for all workers of this test run; the others wait for it.

    Tests change nothing in it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made_once(name: str, make: Callable[[Path], None]) -> Path:
        folder, complete = shared / name, shared / f"{name}.complete"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not complete.exists():
                folder.mkdir()
                make(folder)
                complete.touch()
        return folder

    return made_once


@pytest.fixture(scope="session")
def mnist() -> LabelledImages:
    """The 10,000 real test images. Tests take rows of them and change nothing."""
    raw = ROOT / "data" / "01_raw" / "mnist"
    images, labels = (
        IdxDataset(filepath=str(raw / f"t10k-{name}-ubyte.gz")).load()
        for name in ("images-idx3", "labels-idx1")
    )
    images.flags.writeable = labels.flags.writeable = False
    return LabelledImages(images, labels)


@pytest.fixture(scope="session")
def small_raw(mnist, tmp_path_factory) -> Path:
    """Four raw files with 400 and 200 of the real digits."""
    folder = tmp_path_factory.mktemp("raw")
    for name, rows in (("train", slice(400)), ("t10k", slice(400, 600))):
        for kind, array in (("images-idx3", mnist.images), ("labels-idx1", mnist.labels)):
            dataset = IdxDataset(filepath=str(folder / f"{name}-{kind}-ubyte.gz"))
            dataset.save(array[rows])
    for checksum in folder.glob(".*.sha256"):  # as other people's files have none
        checksum.unlink()
    return folder


@pytest.fixture(scope="session")
def small_digits(mnist) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """300, 150 and 150 real digits of 7 x 7 pixels, each the mean of 16: linear models fit fast."""
    small = mnist.images[:600].reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).astype(np.uint8)
    digits = LabelledImages(small, mnist.labels[:600])
    return tuple(
        digits.take(np.arange(start, stop)) for start, stop in ((0, 300), (300, 450), (450, 600))
    )


@pytest.fixture(scope="session")
def pipelines() -> dict[str, Pipeline]:
    """Every registered pipeline by its name."""
    bootstrap_project(ROOT)
    return register_pipelines()


@pytest.fixture(scope="session")
def run_project() -> Callable[..., None]:
    """Runs the project in this process, in the environment `test`, over given folders."""

    def run_project(
        data_root: Path,
        parameters: dict | None = None,
        conf_source: str | None = None,
        **slice_: object,
    ) -> None:
        bootstrap_project(ROOT)
        runtime_params = {"data_root": str(data_root)} | (parameters or {})
        with (
            warnings.catch_warnings(),
            KedroSession.create(
                ROOT, env="test", runtime_params=runtime_params, conf_source=conf_source
            ) as session,
        ):
            # Kedro 1.7 under Pydantic 2.11 and later
            warnings.filterwarnings("ignore", "Accessing the 'model_fields' attribute")
            session.run(**slice_)

    return run_project


@pytest.fixture(scope="session")
def kedro_run() -> Callable[..., subprocess.CompletedProcess]:
    """Runs the command `kedro run --env test` over a data folder, as a user does."""
    environment = {name: v for name, v in os.environ.items() if v != UNOPTIMISED}

    def kedro_run(
        data_root: Path, *options: str, parameters: tuple[str, ...] = (), **variables: str
    ):
        given = ",".join([f"data_root={data_root}", *parameters])
        command = [sys.executable, "-m", "kedro", "run", "--env", "test", "--params", given]
        return subprocess.run(
            [*command, *options],
            cwd=ROOT,
            env=environment | variables,
            capture_output=True,
            text=True,
        )

    return kedro_run


@pytest.fixture(scope="session")
def full_run(kedro_run, made_once) -> tuple[subprocess.CompletedProcess, Path]:
    """One full run of the project in the environment `test`, and the folder of its outputs.

    The user's settings of Keras are such as the project must not follow.
    """

    def make(folder: Path) -> None:
        (folder / "keras.json").write_text('{"floatx": "float16", "backend": "torch"}')
        run = kedro_run(folder / "data", KERAS_HOME=str(folder), KERAS_BACKEND="nonsense")
        (folder / "run.json").write_text(json.dumps(vars(run)))

    folder = made_once("full_run", make)
    run = subprocess.CompletedProcess(**json.loads((folder / "run.json").read_text()))
    assert run.returncode == 0, run.stderr
    return run, folder / "data"


class OutOfReach:
    """An environment in which importing a heavy library fails and is recorded.

    The record also holds an import whose ImportError was caught.
    """

    def __init__(self, folder: Path):
        self.note = folder / "note.txt"
        path = filter(None, [str(folder), os.environ.get("PYTHONPATH")])
        self.environment = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
        for name in HEAVY:
            note = f"open({str(self.note)!r}, 'a').write('{name} ')"
            raising = f"raise ImportError('{name} was imported')"
            (folder / f"{name}.py").write_text(f"{note}\n{raising}\n")

    def imported(self) -> list[str]:
        return self.note.read_text().split() if self.note.exists() else []


@pytest.fixture
def out_of_reach(tmp_path) -> OutOfReach:
    """An environment for one test in which no heavy library can be imported."""
    folder = tmp_path / "out_of_reach"
    folder.mkdir()
    return OutOfReach(folder)


@pytest.fixture(scope="module")
def module_out_of_reach(tmp_path_factory) -> OutOfReach:
    """The same for the tests of one module."""
    return OutOfReach(tmp_path_factory.mktemp("out_of_reach"))


def free_port() -> int:
    """A port without a listener, in a range of this worker's own; kedro-viz refuses the highest."""
    start = 20_000 + 500 * int(WORKER.removeprefix("gw"))
    for port in range(start, start + 500):
        with socket.socket() as socket_, contextlib.suppress(OSError):
            socket_.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@pytest.fixture(scope="session")
def kedro_viz(tmp_path_factory) -> Callable[..., AbstractContextManager[tuple[str, Path]]]:
    """Serves the project by `kedro viz run`; gives its address and the file of its log."""

    @contextlib.contextmanager
    def kedro_viz(*options: str, environment: dict[str, str]) -> Iterator[tuple[str, Path]]:
        url, log = f"http://127.0.0.1:{free_port()}", tmp_path_factory.mktemp("viz") / "log.txt"
        command = ["viz", "run", "--no-browser", "--port", url.rpartition(":")[2], *options]
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "kedro", *command],
                cwd=ROOT,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # it starts processes of its own
            )
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    urllib.request.urlopen(f"{url}/api/version", timeout=10).close()  # noqa: S310
                    break
                except OSError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.1)
            yield url, log
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    return kedro_viz


@pytest.fixture(scope="session")
def sets(mnist) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """A few real digits for training, validation and test."""
    return tuple(
        mnist.take(np.arange(start, stop)) for start, stop in ((0, 100), (100, 150), (150, 250))
    )


@pytest.fixture(scope="session")
def training_sets(sets) -> TrainingSets:
    """The same three sets, as a training takes them."""
    return TrainingSets(*sets)


@pytest.fixture(scope="session")
def parameters() -> Callable[..., TrainingParameters]:
    """Makes the parameters of a small network and plain gradient descent, with changes."""

    def parameters(**changes: object) -> TrainingParameters:
        options = {
            "hidden_units": (16,),
            "activation": "relu",
            "dropout": 0.0,
            "batch_normalisation": False,
            "optimiser": "sgd",
            "learning_rate": 0.1,
            "weight_decay": 0.0,
            "schedule": "constant",
            "label_smoothing": 0.0,
            "train_on_validation": False,
            "batch_size": 30,
            "epochs": 3,
            "evaluate_every": 4,
            "record_every": 1,
            "checkpoints": {"folder": "no such folder", "seconds": 1e9},
        }
        augmentation = {
            "translation": 0,
            "rotation": 0.0,
            "scale": 0.0,
            "shear": 0.0,
            "elastic": 0.0,
            "elastic_smoothness": 4.0,
        } | changes.pop("augmentation", {})
        return TrainingParameters(**(options | changes), augmentation=augmentation)

    return parameters

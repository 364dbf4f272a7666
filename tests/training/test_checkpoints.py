import hashlib
import logging
import re
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.training import loop
from mnist_gradients.training.checkpoints import (
    Checkpoint,
    Progress,
    name_of_training,
    resume,
)
from mnist_gradients.training.sets import TrainingSets

SHA256 = hashlib.sha256

EVERYTHING = {
    "optimiser": "adamw",
    "weight_decay": 0.01,
    "schedule": "cosine",
    "batch_normalisation": True,
    "dropout": 0.2,
    "label_smoothing": 0.1,
    "augmentation": {"translation": 2, "rotation": 10, "scale": 0.1, "shear": 0.1, "elastic": 1},
    "checkpoints": {"folder": "no such folder", "seconds": 0},
}


CHILD = """
    import os, signal, sys
    from pathlib import Path
    import numpy as np
    from mnist_gradients.training.checkpoints import Checkpoint

    def begin_and_die(file, **arrays):
        file.write(b"PK")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    checkpoint = Checkpoint(Path(sys.argv[1]), sys.argv[2])
    arrays = checkpoint.load()
    np.savez = begin_and_die
    checkpoint.save(arrays)
"""


class Variable:
    """Stands for a Keras variable."""

    def __init__(self, shape):
        self.shape, self.value = shape, None

    def assign(self, value):
        if value.shape != self.shape:
            raise ValueError(f"found shape {value.shape}, expected {self.shape}")
        self.value = value


class Interrupted(BaseException):
    """Stands for a power cut."""


def assert_same(result, expected):
    pd.testing.assert_frame_equal(result.history, expected.history, check_exact=True)
    weights = zip(result.network.get_weights(), expected.network.get_weights(), strict=True)
    for found, wanted in weights:
        np.testing.assert_array_equal(found, wanted)
    assert result.cost["iterations"] == expected.cost["iterations"]


@pytest.fixture(scope="module")
def uninterrupted(training_sets, parameters):
    return loop.train(training_sets, parameters(**EVERYTHING), seed=3)


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "checkpoints", "seed_3_0123456789abcdef")


@pytest.mark.tensorflow
class TestResume:
    def test_killed_training_ends_as_an_uninterrupted_one(
        self, checkpoint, training_sets, parameters, uninterrupted, caplog, monkeypatch
    ):
        """Killed while it writes the checkpoint of iteration 8, it goes on from that of 4."""
        chosen, save = parameters(**EVERYTHING), Checkpoint.save

        def save_once(self, arrays):
            if len(arrays["history iteration"]) == 8:
                raise Interrupted
            save(self, arrays | {"seconds": np.array([1000.0, 300.0])})

        monkeypatch.setattr(Checkpoint, "save", save_once)
        with pytest.raises(Interrupted):
            loop.train(training_sets, chosen, 3, checkpoint)
        monkeypatch.setattr(Checkpoint, "save", save)
        run = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(checkpoint.folder), checkpoint.name],
            capture_output=True,
            text=True,
        )
        assert run.returncode == -signal.SIGKILL, run.stderr
        assert len(list(checkpoint.folder.glob(".unfinished-*"))) == 1
        with caplog.at_level(logging.INFO):
            result = loop.train(training_sets, chosen, 3, checkpoint)
            assert "from the checkpoint of iteration 4" in caplog.text
            assert_same(result, uninterrupted)
            # The seconds before the end of the process count.
            assert 1000 < result.cost["train_seconds"] < 2000
            assert 300 < result.cost["recording_seconds"] < 600
            complete = loop.train(training_sets, chosen, 3, checkpoint)
        assert "from the checkpoint of iteration 9" in caplog.text
        assert_same(complete, uninterrupted)
        seconds = complete.cost["train_seconds"], complete.cost["recording_seconds"]
        assert seconds == tuple(checkpoint.load()["seconds"])

    def test_short_training_leaves_no_checkpoint(self, checkpoint, training_sets, parameters):
        loop.train(training_sets, parameters(epochs=1), 0, checkpoint)
        assert not checkpoint.folder.exists()


class TestName:
    def test_name_depends_on_whatever_determines_the_result(self, sets, parameters):
        train, validation, test = sets
        whole = TrainingSets(*sets)
        reversed_ = train.take(np.arange(100)[::-1])
        names = [
            name_of_training(*arguments)
            for arguments in (
                (parameters(), 0, whole),
                (parameters(), 1, whole),
                (parameters(learning_rate=0.2), 0, whole),
                (parameters(augmentation={"rotation": 1}), 0, whole),
                (parameters(), 0, TrainingSets(train, None, test)),
                (parameters(), 0, TrainingSets(train.take(np.arange(99)), validation, test)),
                (parameters(), 0, TrainingSets(reversed_, validation, test)),
                (parameters(), 0, whole, "deskew"),
                (parameters(), 0, whole, 18),
            )
        ]
        assert len(set(names)) == len(names)
        assert names[0].startswith("seed_0_")

    def test_name_does_not_depend_on_the_checkpoints(self, training_sets, parameters):
        elsewhere = parameters(checkpoints={"folder": "elsewhere", "seconds": 1})
        one, other = (
            name_of_training(chosen, 0, training_sets) for chosen in (parameters(), elsewhere)
        )
        assert one == other

    def test_images_are_digested_once(self, sets, parameters, monkeypatch):
        whole = TrainingSets(*sets)
        first = name_of_training(parameters(), 0, whole)
        monkeypatch.setattr(hashlib, "sha256", CountingDigest)
        CountingDigest.bytes_read = 0
        assert name_of_training(parameters(), 0, whole) == first
        assert 0 < CountingDigest.bytes_read < 5_000  # the parameters alone
        TrainingSets(*sets).digest  # noqa: B018 - digests the images anew
        assert CountingDigest.bytes_read > 250 * 784


class CountingDigest:
    """SHA-256 that counts the bytes."""

    bytes_read = 0

    def __init__(self, content=b""):
        self._digest = SHA256()
        self.update(content)

    def update(self, content):
        CountingDigest.bytes_read += memoryview(content).nbytes
        self._digest.update(content)

    def hexdigest(self):
        return self._digest.hexdigest()


class TestFile:
    def test_saved_arrays_are_loaded(self, checkpoint):
        checkpoint.save({"x": np.arange(3), "y z": np.array(1.5, dtype=np.float32)})
        loaded = checkpoint.load()
        assert set(loaded) == {"x", "y z"}
        np.testing.assert_array_equal(loaded["x"], [0, 1, 2])
        assert loaded["y z"].dtype == np.float32

    def test_load_without_a_file_returns_none_and_makes_no_folder(self, checkpoint):
        assert checkpoint.load() is None
        checkpoint.remove()
        assert not checkpoint.folder.exists()

    def test_failed_save_leaves_the_earlier_file_and_nothing_else(self, checkpoint):
        class Unreadable:
            def __array__(self, *args, **kwargs):
                raise RuntimeError("no")

        checkpoint.save({"x": np.array(1)})
        with pytest.raises(RuntimeError, match="no"):
            checkpoint.save({"x": Unreadable()})
        assert checkpoint.load()["x"] == 1
        assert list(checkpoint.folder.iterdir()) == [checkpoint.path]

    def test_damaged_file_is_refused(self, checkpoint):
        checkpoint.save({"x": np.array(1)})
        checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:-30])
        words = f"{checkpoint.path}: found an unreadable file"
        with pytest.raises(ValueError, match=re.escape(words)) as caught:
            checkpoint.load()
        assert str(caught.value).endswith("delete it to start the training again")

    def test_file_of_another_training_is_refused(self, checkpoint):
        other = Checkpoint(checkpoint.folder, "seed_4_fedcba9876543210")
        other.save({"x": np.array(1)})
        other.path.rename(checkpoint.path)
        words = f"found the checkpoint of {other.name}, expected that of {checkpoint.name}"
        with pytest.raises(ValueError, match=words):
            checkpoint.load()

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"variable 1": None}, "arrays: found {}, expected 'variable 1' among them"),
            ({"history iteration": None}, "arrays: found {}, expected 'history iteration' among"),
            ({"variable 0": np.zeros(3)}, "found shape (3,), expected (2,)"),
            ({"seconds": np.zeros(1)}, "not enough values to unpack"),
            ({"history train_loss": np.zeros(5)}, "All arrays must be of the same length"),
        ],
    )
    def test_incomplete_file_is_refused(self, checkpoint, changes, words):
        progress = Progress(2, 3.0, 1.0, [pd.DataFrame({"iteration": [1, 2], "train_loss": 0.5})])
        whole = progress.to_arrays([np.ones(2), np.ones(1)])
        checkpoint.save(whole)
        variables = [Variable((2,)), Variable((1,))]
        assert resume(checkpoint, variables).iterations == 2
        assert [variable.value.tolist() for variable in variables] == [[1, 1], [1]]
        arrays = {name: array for name, array in (whole | changes).items() if array is not None}
        checkpoint.save(arrays)
        with pytest.raises(ValueError, match=re.escape(words.format(", ".join(arrays)))) as caught:
            resume(checkpoint, variables)
        assert str(caught.value).startswith(f"{checkpoint.path}: ")
        assert str(caught.value).endswith("; delete it to start the training again")

    def test_removal_leaves_the_checkpoints_of_other_trainings(self, checkpoint):
        other = Checkpoint(checkpoint.folder, "seed_4_fedcba9876543210")
        for each in (checkpoint, other):
            each.save({"x": np.array(1)})
        checkpoint.remove()
        assert list(checkpoint.folder.iterdir()) == [other.path]

    def test_concurrent_saves_leave_an_intact_file(self, checkpoint):
        """Two processes write at the same time, and each file that is read is a whole one."""
        child = textwrap.dedent("""
            import sys
            from pathlib import Path
            import numpy as np
            from mnist_gradients.training.checkpoints import Checkpoint
            number = int(sys.argv[3])
            for _ in range(10):
                arrays = {"x": np.full(20_000 * (number + 1), number)}
                Checkpoint(Path(sys.argv[1]), sys.argv[2]).save(arrays)
        """)
        checkpoint.save({"x": np.zeros(20_000, int)})
        arguments = [sys.executable, "-c", child, str(checkpoint.folder), checkpoint.name]
        writers = [subprocess.Popen([*arguments, str(number)]) for number in (0, 1)]
        read = 0
        while any(writer.poll() is None for writer in writers):
            x = checkpoint.load()["x"]
            assert len(x) == 20_000 * (x[0] + 1)
            assert (x == x[0]).all()
            read += 1
        assert [writer.returncode for writer in writers] == [0, 0]
        assert read > 0
        assert list(checkpoint.folder.iterdir()) == [checkpoint.path]

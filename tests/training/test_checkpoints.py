import logging
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.datasets import CheckpointsDataset
from mnist_gradients.training import loop
from mnist_gradients.training.checkpoints import name_of_training

EVERYTHING = {
    "optimiser": "adamw",
    "weight_decay": 0.01,
    "schedule": "cosine",
    "warmup_epochs": 0.5,
    "batch_normalisation": True,
    "dropout": 0.2,
    "label_smoothing": 0.1,
    "weight_averaging": 0.9,
    "augmentation": {"max_shift": 1, "rotation": 10, "elastic": 1},
    "checkpoint_seconds": 0,
}


class Cut(BaseException):
    """In place of a power cut."""


def assert_same(result, expected):
    pd.testing.assert_frame_equal(result.history, expected.history, check_exact=True)
    weights = zip(result.network.get_weights(), expected.network.get_weights(), strict=True)
    for found, wanted in weights:
        np.testing.assert_array_equal(found, wanted)
    assert result.iterations == expected.iterations


@pytest.fixture(scope="module")
def undisturbed(sets, parameters):
    return loop.train(*sets, parameters(**EVERYTHING), seed=3)


@pytest.mark.tensorflow
class TestGoingOn:
    @pytest.mark.parametrize("saves", [1, 2, 3])
    def test_a_training_cut_off_ends_as_if_undisturbed(
        self, memory, sets, parameters, undisturbed, caplog, saves
    ):
        save = memory.save

        def save_and_cut(name, arrays):
            save(name, arrays)
            if len(arrays["history iteration"]) == [4, 8, 9][saves - 1]:
                raise Cut

        memory.save = save_and_cut
        with pytest.raises(Cut):
            loop.train(*sets, parameters(**EVERYTHING), 3, memory)
        memory.save = save
        with caplog.at_level(logging.INFO):
            result = loop.train(*sets, parameters(**EVERYTHING), 3, memory)
        assert f"going on from the checkpoint of iteration {[4, 8, 9][saves - 1]}" in caplog.text
        assert_same(result, undisturbed)

    def test_time_of_the_part_before_counts(self, memory, sets, parameters):
        loop.train(*sets, parameters(**EVERYTHING), 3, memory)
        (arrays,) = memory.values()
        arrays["seconds"] = np.array([1000.0, 300.0])
        result = loop.train(*sets, parameters(**EVERYTHING), 3, memory)
        assert result.train_seconds == 1000
        assert result.recording_seconds == 300

    def test_another_training_starts_afresh_and_says_so(
        self, memory, sets, parameters, undisturbed, caplog
    ):
        chosen = parameters(**EVERYTHING)
        loop.train(*sets, chosen, 4, memory)
        (before,) = memory
        with caplog.at_level(logging.INFO):
            result = loop.train(*sets, chosen, 3, memory)
        assert "starting afresh: the checkpoints in" in caplog.text
        assert before in caplog.text
        assert before in memory
        assert_same(result, undisturbed)

    def test_a_short_training_leaves_no_checkpoint(self, memory, sets, parameters):
        loop.train(*sets, parameters(checkpoint_seconds=60), 0, memory)
        assert memory == {}


class TestName:
    def test_what_decides_how_a_training_goes_is_in_the_name(self, sets, parameters):
        train, validation, test = sets
        names = [
            name_of_training(*arguments)
            for arguments in (
                (parameters(), 0, sets),
                (parameters(), 1, sets),
                (parameters(learning_rate=0.2), 0, sets),
                (parameters(augmentation={"rotation": 1}), 0, sets),
                (parameters(), 0, (train, None, test)),
                (parameters(), 0, (train.take(np.arange(99)), validation, test)),
                (parameters(), 0, (train.take(np.arange(100)[::-1]), validation, test)),
            )
        ]
        assert len(set(names)) == len(names)
        assert names[0].startswith("seed_0_")

    def test_what_does_not_is_not(self, sets, parameters):
        one = name_of_training(parameters(), 0, sets)
        others = parameters(checkpoint_seconds=1, networks=3, views=("original", 18))
        assert one == name_of_training(others, 0, sets)


CHILD = """
    import os, signal, sys
    import numpy as np
    sys.path.insert(0, {folder!r})
    from job import chosen, sets
    from mnist_gradients.datasets import CheckpointsDataset, checkpoints
    from mnist_gradients.training import loop

    saves, how = int(sys.argv[1]), sys.argv[2]
    store = CheckpointsDataset(filepath={checkpoints!r}).load()
    count = 0

    def write_or_die(arrays, file, write=checkpoints.write_npz):
        global count
        count += 1
        if count == saves and how == "half-way":
            file.write(b"PK")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        write(arrays, file)

    def iterations_or_death(*arguments, compiled=loop.compile_iterations, **options):
        run = compiled(*arguments, **options)

        def run_or_die(*arrays):
            if count == saves and how == "between":
                os.kill(os.getpid(), signal.SIGKILL)
            return run(*arrays)

        return run_or_die

    checkpoints.write_npz = write_or_die
    loop.compile_iterations = iterations_or_death
    result = loop.train(*sets, chosen, 3, store)
    result.history.to_csv({history!r}, index=False)
    np.savez({weights!r}, *result.network.get_weights())
"""


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_process_killed_again_and_again_ends_as_if_undisturbed(
    tmp_path, sets, parameters, undisturbed
):
    chosen = parameters(**EVERYTHING)
    images = {f"images_{i}": images.images for i, images in enumerate(sets)}
    labels = {f"labels_{i}": images.labels for i, images in enumerate(sets)}
    np.savez(tmp_path / "sets.npz", **images, **labels)
    (tmp_path / "job.py").write_text(
        textwrap.dedent(f"""
        import numpy as np
        from mnist_gradients.core.labelled_images import LabelledImages
        from mnist_gradients.training.parameters import FnnParameters
        chosen = FnnParameters.model_validate_json({chosen.model_dump_json()!r})
        with np.load({str(tmp_path / "sets.npz")!r}) as file:
            sets = [LabelledImages(file[f"images_{{i}}"], file[f"labels_{{i}}"]) for i in range(3)]
        """)
    )
    checkpoints = tmp_path / "checkpoints"
    child = textwrap.dedent(CHILD).format(
        folder=str(tmp_path),
        checkpoints=str(checkpoints),
        history=str(tmp_path / "history.csv"),
        weights=str(tmp_path / "weights.npz"),
    )

    def run(saves, how):
        command = [sys.executable, "-c", child, str(saves), how]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run(1, "between").returncode == -signal.SIGKILL  # after the first checkpoint
    assert len(list(checkpoints.glob("*.npz"))) == 1
    assert run(1, "half-way").returncode == -signal.SIGKILL  # while the second is being written
    assert len(list(checkpoints.glob("*.unfinished"))) == 1
    last = run(0, "never")
    assert last.returncode == 0, last.stderr
    history = pd.read_csv(tmp_path / "history.csv")
    expected = undisturbed.history
    for column in expected:
        np.testing.assert_array_equal(
            history[column].to_numpy(expected[column].dtype), expected[column]
        )
    with np.load(tmp_path / "weights.npz") as weights:
        for found, wanted in zip(weights.values(), undisturbed.network.get_weights(), strict=True):
            np.testing.assert_array_equal(found, wanted)
    assert CheckpointsDataset(filepath=str(checkpoints)).load().names()

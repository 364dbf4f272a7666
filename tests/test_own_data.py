"""Data sets other than MNIST through the project: other sizes, shapes and numbers of classes."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mnist_gradients.datasets import (
    IdxDataset,
    KerasModelDataset,
    LinearModelsDataset,
)

ROOT = Path(__file__).parents[1]
FILES = [
    f"{part}-{kind}-ubyte.gz"
    for part in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
]


def blocks_of_python(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def arrays(folder: Path) -> dict[str, np.ndarray]:
    return {name: IdxDataset(filepath=str(folder / name)).load() for name in FILES}


@pytest.fixture(scope="module")
def digits(made_once) -> Path:
    """scikit-learn's digits as IDX files, written by the code that the documentation shows."""

    def make(folder: Path) -> None:
        (code,) = blocks_of_python(ROOT / "docs/own_data.md")
        subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)

    return made_once("digits", make) / "data" / "01_raw" / "digits"


@pytest.fixture(scope="module")
def narrow(digits, tmp_path_factory):
    """Makes the digits below a number of classes, without their first and last column."""

    def narrow(n_classes: int) -> Path:
        folder = tmp_path_factory.mktemp("narrow")
        found = arrays(digits)
        for images, labels in zip(FILES[::2], FILES[1::2], strict=True):
            kept = found[labels] < n_classes
            IdxDataset(filepath=str(folder / images)).save(found[images][kept][:, :, 1:-1])
            IdxDataset(filepath=str(folder / labels)).save(found[labels][kept])
        return folder

    return narrow


def test_documented_code_writes_the_digits(digits):
    from sklearn.datasets import load_digits

    images, labels, test_images, test_labels = arrays(digits).values()
    assert images.shape == (1497, 8, 8)
    assert test_images.shape == (300, 8, 8)
    np.testing.assert_array_equal(np.concatenate([labels, test_labels]), load_digits().target)
    np.testing.assert_allclose(
        np.concatenate([images, test_images]) * (16 / 255), load_digits().images, atol=0.04
    )


def test_letters_numbered_from_1_and_stored_transposed_are_imported(digits, run_project, tmp_path):
    original = arrays(digits)
    for name, array in original.items():
        changed = array.transpose(0, 2, 1) if "images" in name else array + 1
        name = f"emnist-letters-{name.replace('t10k', 'test')}"
        IdxDataset(filepath=str(tmp_path / "gzip" / name)).save(changed)
    source = {"source": str(tmp_path / "gzip" / "emnist-letters"), "transpose": True}
    outputs = tmp_path / "data"
    run_project(outputs, {"import_data": source}, pipeline_names=["import_data"])
    imported = outputs / "01_raw" / "imported"
    for name, array in arrays(imported).items():
        np.testing.assert_array_equal(array, original[name])
    run_project(outputs, {"raw_root": str(imported)}, to_outputs=["ingestion.class_counts"])
    counts = table(outputs, "ingestion/class_counts.csv")
    assert counts["name"].tolist() == list(range(1, 11))
    assert counts["test"].tolist() == np.bincount(original[FILES[3]]).tolist()


def table(outputs: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(outputs / "08_reporting" / name)


def metrics(outputs: Path, model: str) -> dict:
    return json.loads((outputs / "08_reporting" / model / "metrics.json").read_text())


def assert_whole_run(outputs: Path, counts: list[int], shape: tuple[int, int], worst: float):
    """Check that every model of a run fits the images and the classes, and is better than that."""
    sizes = table(outputs, "ingestion/class_counts.csv").set_index(["class", "name"]).sum()
    assert sizes.tolist() == counts
    n_pixels, n_classes = shape[0] * shape[1], len(table(outputs, "ingestion/class_counts.csv"))

    network = KerasModelDataset(filepath=str(outputs / "06_models/fnn.keras")).load()
    assert network.input_shape == (None, *shape)
    assert network.output_shape == (None, n_classes)
    assert metrics(outputs, "fnn")["test_error"] < worst

    for task, columns in (("binary", 1), ("multinomial", n_classes)):
        rows = table(outputs, f"logistic_regression/{task}/comparison.csv").set_index("solver")
        path = outputs / f"06_models/logistic_regression/{task}.npz"
        models = LinearModelsDataset(filepath=str(path)).load()
        assert {model.weights.shape for model in models.values()} == {(n_pixels, columns)}
        best = rows.drop(index="scikit_learn")["objective"].idxmin()
        assert rows.loc["preconditioned_lbfgs", "relative_gap"] < 1e-6
        assert rows.loc[best, "test_error"] < worst

    parity = table(outputs, "derivations/parity_check_history.csv")
    assert parity["iteration"].max() == 20
    html = (outputs / "08_reporting/reporting/report.html").read_text(encoding="utf-8")
    assert f"<strong>{100 * metrics(outputs, 'fnn')['test_error']:.2f} %</strong>" in html


SMALL = {"derivations": {"parity_check": {"iterations": 20}}, "fnn": {"epochs": 20}}
FIRST = ["ingestion.label_images", "ingestion.name_classes"]


@pytest.mark.tensorflow
@pytest.mark.slow
def test_whole_default_run_on_three_classes_of_8_by_6(full_run, narrow, run_project, tmp_path):
    raw = narrow(3)
    derivations = Path("08_reporting") / "derivations"  # most of them read no images
    shutil.copytree(full_run[1] / derivations, tmp_path / derivations)
    chosen = SMALL | {"raw_root": str(raw), "ingestion": {"n_classes": 3}}
    run_project(tmp_path, chosen, from_nodes=FIRST)
    n_train, n_test = (len(arrays(raw)[name]) for name in FILES[1::2])
    n_validation = round(0.1 * n_train)
    counts = [n_train - n_validation, n_validation, n_test]
    assert_whole_run(tmp_path, counts, shape=(8, 6), worst=0.03)


def test_two_classes_are_told_apart_by_both_tasks_alike(narrow, run_project, tmp_path):
    """With two classes softmax regression is logistic regression under another name."""
    own = {
        "raw_root": str(narrow(2)),
        "ingestion": {"n_classes": 2},
        "logistic_regression": {
            # A penalty on two columns, each half the difference, is half as strong.
            "binary": {"l2_values": [0.01]},
            "multinomial": {"l2_values": [0.02]},
        },
    }
    names = ("binary.comparison", "multinomial.subsection")  # with the figures of two columns
    run_project(tmp_path, own, to_outputs=[f"logistic_regression.{name}" for name in names])
    best = []
    for task in ("binary", "multinomial"):
        rows = table(tmp_path, f"logistic_regression/{task}/comparison.csv").set_index("solver")
        best.append(rows.loc["preconditioned_lbfgs", "objective"])
    assert best[0] == pytest.approx(best[1], rel=1e-8)


class TestRefusals:
    """What is wrong shows at once, in one line."""

    @pytest.mark.parametrize(
        ("n_classes", "parameters", "words"),
        [
            (
                3,
                {},
                "training labels: found no image of class 3, expected every class from 0 to 9 "
                "(parameter ingestion.n_classes; the pipeline import_data numbers other labels)",
            ),
            (
                3,
                {"ingestion": {"n_classes": 2}},
                "training labels: found label 2, expected 0 to 1 "
                "(parameter ingestion.n_classes is 2)",
            ),
            (
                3,
                {
                    "ingestion": {"n_classes": 3},
                    "logistic_regression": {"binary": {"positive_classes": [3, 7]}},
                },
                "parameter positive_classes: found [3, 7], expected some but not all of the "
                "classes [0, 1, 2]",
            ),
        ],
    )
    def test_parameters_that_do_not_fit_the_files(
        self, narrow, run_project, tmp_path, n_classes, parameters, words
    ):
        given = parameters | {"raw_root": str(narrow(n_classes))}
        with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
            run_project(tmp_path, given, pipeline_names=["ingestion", "logistic_regression"])

    def test_images_that_are_not_uint8(self, digits, run_project, tmp_path):
        raw = tmp_path / "raw"
        for name, array in arrays(digits).items():
            changed = array.astype(np.int32) if "images" in name else array
            IdxDataset(filepath=str(raw / name)).save(changed)
        words = "raw_train_images: images: found int32 of shape (1497, 8, 8), expected a non-empty "
        with pytest.raises(Exception, match=f"^{re.escape(words)}"):
            run_project(tmp_path, {"raw_root": str(raw)}, pipeline_names=["ingestion"])
        assert not (tmp_path / "05_model_input").exists()

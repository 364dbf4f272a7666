"""The whole project in the environment `test`: outputs, results, slices, determinism."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.datasets import (
    KerasModelDataset,
    LabelledImagesDataset,
    LinearModelsDataset,
)

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

ROOT = Path(__file__).parents[1]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
TASKS = ("binary", "multinomial")
OUTPUTS = {
    *(f"05_model_input/{name}.npz" for name in ("train", "validation", "test")),
    "06_models/fnn.keras",
    *(f"06_models/logistic_regression/{task}.npz" for task in TASKS),
    *(
        f"08_reporting/ingestion/{name}"
        for name in ("class_counts.csv", "class_counts.png", "sample_digits.png")
    ),
    *(
        f"08_reporting/fnn/{name}"
        for name in (
            "history.csv",
            "loss_curves.png",
            "accuracy_curves.png",
            "loss_curves.json",
            "accuracy_curves.json",
            "metrics.json",
            "parameters.json",
            "class_metrics.csv",
            "confusion_matrix.png",
            "calibration.png",
            "worst_mistakes.png",
            "augmentation_samples.png",
        )
    ),
    *(
        f"08_reporting/logistic_regression/{task}/{name}"
        for task in TASKS
        for name in (
            "comparison.csv",
            "history.csv",
            "convergence.png",
            "convergence.json",
            "penalty.json",
            "class_metrics.csv",
            "weights_plot.png",
            "roc_curves_plot.png",
            "confusion_matrix_plot.png",
        )
    ),
    *(
        f"08_reporting/{pipeline}/section.html"
        for pipeline in ("ingestion", "derivations", "logistic_regression", "fnn")
    ),
    "08_reporting/derivations/checks.csv",
    "08_reporting/reporting/model_comparison.csv",
    "08_reporting/reporting/report.html",
}


@pytest.fixture(scope="module")
def folder(full_run) -> Path:
    return full_run[1]


def files(folder: Path) -> dict[str, int]:
    """Each file below a folder but the checksums, and its time of modification."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".sha256")
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in paths}


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "08_reporting" / name)


def labelled(folder: Path, name: str) -> LabelledImages:
    return LabelledImagesDataset(filepath=str(folder / "05_model_input" / f"{name}.npz")).load()


class TestFullRun:
    def test_every_output_is_written(self, folder):
        assert OUTPUTS - set(files(folder)) == set()

    def test_every_picture_has_content(self, folder):
        pictures = list(folder.rglob("*.png"))
        assert len(pictures) > 15
        for path in pictures:
            pixels = imread(path)
            assert min(pixels.shape[:2]) > 200, path
            assert pixels[..., :3].std() > 0.02, path

    def test_console_ends_with_the_table_of_models_and_the_report(self, full_run, folder):
        run, _ = full_run
        assert run.stderr == ""
        stamped = [re.fullmatch(r"\d\d:\d\d:\d\d  (.*)", line) for line in run.stdout.splitlines()]
        assert None not in stamped  # the lines of the project's own log alone
        lines = [line[1] for line in stamped]
        models = table(folder, "reporting/model_comparison.csv").set_index("model")
        start = lines.index(next(line for line in lines if line.startswith("model ")))
        assert re.match(r"done in \d+ s", lines[start - 1])
        listed = [line.split()[:3] for line in lines[start + 1 : -1]]
        assert {name for name, _, _ in listed} == set(models.index)
        for name, error, unit in listed:
            assert (error, unit) == (f"{100 * models.test_error[name]:.2f}", "%")
        of_task = [float(error) for name, error, _ in listed if "multinomial" in name]
        assert of_task == sorted(of_task)  # the best first
        assert lines[-1] == f"report: {folder / '08_reporting/reporting/report.html'}"

    def test_sets_are_disjoint_and_hold_every_class(self, folder):
        sets = {name: labelled(folder, name) for name in ("train", "validation", "test")}
        assert {name: len(images) for name, images in sets.items()} == {
            "train": 2700,
            "validation": 300,
            "test": 1000,
        }
        rows = {name: {image.tobytes() for image in s.images} for name, s in sets.items()}
        assert rows["train"].isdisjoint(rows["validation"] | rows["test"])
        counts = table(folder, "ingestion/class_counts.csv")
        for name, images in sets.items():
            np.testing.assert_array_equal(np.bincount(images.labels, minlength=10), counts[name])
            assert (counts[name] > 0.07 * len(images)).all()


class TestNetwork:
    def test_network_has_float32_weights_whatever_the_settings_of_keras(self, full_run):
        run, folder = full_run
        assert json.loads((folder.parent / "keras.json").read_text())["floatx"] == "float16"
        assert run.stderr == ""
        network = KerasModelDataset(filepath=str(folder / "06_models/fnn.keras")).load()
        assert {str(weights.dtype) for weights in network.get_weights()} == {"float32"}
        assert {layer.dtype_policy.name for layer in network.layers} == {"float32"}

    def test_history_has_a_row_per_iteration(self, folder):
        history = table(folder, "fnn/history.csv")
        assert list(history) == [
            *("iteration", "epoch", "train_loss", "train_accuracy"),
            *("validation_loss", "validation_accuracy", "test_loss", "test_accuracy"),
        ]
        assert history["iteration"].tolist() == list(range(1, 4 * 54 + 1))
        growing = [1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22]
        regular = list(range(27, 217, 27))
        for column, evaluated in (("validation", regular), ("test", growing + regular)):
            rows = history[f"{column}_loss"].notna()
            assert history["iteration"][rows].tolist() == evaluated

    def test_loss_falls_and_accuracy_rises(self, folder):
        history = table(folder, "fnn/history.csv")
        assert history["train_loss"].iloc[0] == pytest.approx(np.log(10), abs=0.7)
        assert history["train_loss"].tail(27).mean() < 0.5
        test_accuracy = history["test_accuracy"].dropna()
        assert test_accuracy.iloc[-1] > max(0.85, test_accuracy.iloc[0] + 0.1)

    def test_metrics_are_those_of_the_saved_network(self, folder):
        metrics = json.loads((folder / "08_reporting/fnn/metrics.json").read_text())
        assert 0.04 < metrics["test_error"] < 0.15
        assert 0.04 < metrics["validation_error"] < 0.15
        assert 0.2 < metrics["test_loss"] < 0.7
        assert metrics["iterations"] == 216
        # 784 -> 64, normalised, -> 10
        assert metrics["parameters"] == 784 * 64 + 2 * 64 + 64 * 10 + 10
        assert 0 < metrics["recording_seconds"] < metrics["train_seconds"] < 120
        network = KerasModelDataset(filepath=str(folder / "06_models/fnn.keras")).load()
        test = labelled(folder, "test")
        predicted = np.asarray(network(test.images)).argmax(axis=1)
        assert np.mean(predicted != test.labels) == pytest.approx(metrics["test_error"], abs=0.001)


@pytest.mark.parametrize("task", TASKS)
class TestLogisticRegression:
    def test_comparison_has_a_row_per_solver(self, folder, task):
        comparison = table(folder, f"logistic_regression/{task}/comparison.csv")
        assert list(comparison) == [
            *("solver", "l2", "iterations", "seconds", "objective", "relative_gap"),
            *("max_abs_weight_difference", "train_error", "validation_error", "test_error"),
        ]
        path = folder / f"08_reporting/logistic_regression/{task}/penalty.json"
        assert (comparison["l2"] == json.loads(path.read_text())["l2"]).all()
        assert comparison["solver"].tolist()[0] == "gradient_descent"
        assert comparison["solver"].tolist()[-1] == "scikit_learn"

    def test_saved_models_make_the_errors_of_the_comparison(self, folder, task):
        rows = table(folder, f"logistic_regression/{task}/comparison.csv").set_index("solver")
        path = folder / f"06_models/logistic_regression/{task}.npz"
        models = LinearModelsDataset(filepath=str(path)).load()
        test = labelled(folder, "test")
        y = test.labels % 2 if task == "binary" else test.labels
        for name, model in models.items():
            predicted = model.predict(test.images.reshape(len(test), -1))
            assert np.mean(predicted != y) == pytest.approx(rows.loc[name, "test_error"])

    def test_solvers_are_compared_at_the_chosen_penalty(self, folder, task):
        outputs = folder / "08_reporting/logistic_regression" / task
        penalty = json.loads((outputs / "penalty.json").read_text(encoding="utf-8"))["l2"]
        path = table(folder, f"logistic_regression/{task}/regularisation_path.csv")
        assert penalty == path.loc[path["validation_error"].idxmin(), "l2"]
        rows = table(folder, f"logistic_regression/{task}/comparison.csv")
        assert set(rows["l2"]) == {penalty}
        metrics = json.loads((outputs / "metrics.json").read_text(encoding="utf-8"))
        assert {row["l2"] for row in metrics.values()} == {penalty}

    def test_errors_are_those_of_a_linear_model(self, folder, task):
        rows = table(folder, f"logistic_regression/{task}/comparison.csv").set_index("solver")
        assert 0.08 < rows.loc["scikit_learn", "test_error"] < 0.17
        assert (rows["train_error"] < rows["test_error"]).all()
        # With this number of iterations gradient descent stops far from the optimum.
        assert rows.loc["gradient_descent", "relative_gap"] > 0.01


class TestReports:
    def test_every_check_of_the_derivations_holds(self, folder):
        checks = table(folder, "derivations/checks.csv")
        assert list(checks)[:5] == ["identity", "oracle", "max_abs_error", "tolerance", "holds"]
        assert len(checks) > 20
        assert checks["holds"].all()
        assert (checks["max_abs_error"] <= checks["tolerance"]).all()

    def test_model_comparison_has_a_row_per_model(self, folder):
        models = table(folder, "reporting/model_comparison.csv")
        assert list(models) == [
            *("model", "parameters", "train_seconds", "test_error", "test_loss"),
            "expected_calibration_error",
        ]
        comparison = {
            task: table(folder, f"logistic_regression/{task}/comparison.csv") for task in TASKS
        }
        assert models["model"].tolist() == [
            *(
                f"logistic_regression.{task}.{solver}"
                for task in TASKS
                for solver in comparison[task]["solver"]
            ),
            "fnn",
        ]
        errors = np.concatenate([comparison[task]["test_error"] for task in TASKS])
        np.testing.assert_allclose(models["test_error"].iloc[:-1], errors)
        assert models["expected_calibration_error"].between(0, 1).all()

    def test_report_holds_the_test_error_and_its_pictures(self, folder):
        html = (folder / "08_reporting/reporting/report.html").read_text(encoding="utf-8")
        metrics = json.loads((folder / "08_reporting/fnn/metrics.json").read_text())
        assert f"<strong>{100 * metrics['test_error']:.2f} %</strong>" in html
        assert html.count('src="data:image/png;base64,') == html.count("<img ") >= 5
        assert "train_limit: 3000" in html


def without_seconds(path: Path) -> bytes:
    """The content of a file without its measured times."""
    if path.suffix == ".csv":
        content = pd.read_csv(path)
        kept = content.drop(columns=[name for name in content if "seconds" in name])
        return kept.to_csv().encode()
    if path.suffix == ".json":

        def strip(block):
            if isinstance(block, list):
                return [strip(v) for v in block]
            if not isinstance(block, dict):
                return block
            if block.get("hovertemplate", "").count(" s<br>"):  # time on the horizontal axis
                block = {name: block[name] for name in ("name", "y")}
            return {name: strip(v) for name, v in block.items() if "seconds" not in name}

        return json.dumps(strip(json.loads(path.read_text()))).encode()
    return path.read_bytes()


def assert_equal_runs(whole: Path, other: Path, least: int = 30) -> None:
    """Compare the data, tables and metrics of a run with those of a whole one, without times."""
    compared = [name for name in files(other) if Path(name).suffix in (".npz", ".csv", ".json")]
    assert len(compared) >= least
    different = [
        name for name in compared if without_seconds(whole / name) != without_seconds(other / name)
    ]
    assert different == []


# What every kind of node computes, without the figures; the linear models have a test of their own.
NUMBERS = [
    "ingestion.class_counts",
    *(f"derivations.{name}" for name in ("checks", "shift_sweep", "step_sweep")),
    "derivations.parity_check_summary",
    "fnn.class_metrics",
]


def test_parallel_run_gives_the_same_bytes(folder, kedro_run, tmp_path):
    run = kedro_run(tmp_path, "--runner", "ParallelRunner", "--to-outputs", ",".join(NUMBERS))
    assert run.returncode == 0, run.stderr
    assert "[in parallel] fnn.train_network" in run.stdout
    assert_equal_runs(folder, tmp_path, least=17)


def equal_on_any_number_of_cores(folder: Path) -> set[Path]:
    """The outputs that the table of docs/reliability.md calls equal in its last column."""
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`[^|]+`) \| .* \| equal \|$", text, re.MULTILINE)
    patterns = [pattern for cell in cells for pattern in re.findall(r"`([^`]+)`", cell)]
    return {path.relative_to(folder) for pattern in patterns for path in folder.glob(pattern)}


def test_linear_models_need_no_tensorflow_and_have_the_same_bytes_in_parallel_with_other_threads(
    folder, out_of_reach, tmp_path
):
    threads = "2" if os.environ.get("OMP_NUM_THREADS") == "1" else "1"
    outputs = ["logistic_regression.metrics", "ingestion.class_counts"]
    outputs += [f"logistic_regression.{task}.class_metrics" for task in TASKS]
    options = ["--runner", "ParallelRunner", "--params", f"data_root={tmp_path}"]
    options += ["--pipelines", "ingestion,logistic_regression", "--to-outputs", ",".join(outputs)]
    run = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--env", "test", *options],
        cwd=ROOT,
        env=out_of_reach.environment | dict.fromkeys(THREADS, threads),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "[in parallel] logistic_regression.multinomial.fit_models" in run.stdout
    assert out_of_reach.imported() == []
    compared = equal_on_any_number_of_cores(tmp_path)
    assert {path.suffix for path in compared} == {".npz", ".csv"}
    assert len(compared) >= 15
    different = [
        name
        for name in compared
        if without_seconds(tmp_path / name) != without_seconds(folder / name)
    ]
    assert different == []


def test_difference_in_the_last_bit_is_noticed(tmp_path):
    one, other, later = (tmp_path / f"{name}.csv" for name in ("one", "other", "later"))
    one.write_text("loss,seconds\n0.1,1\n")
    other.write_text("loss,seconds\n0.10000000000000002,1\n")
    later.write_text("loss,seconds\n0.1,2\n")
    assert without_seconds(one) == without_seconds(later)
    assert without_seconds(one) != without_seconds(other)


def test_difference_between_runs_is_noticed(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "data")
    path = copy / "08_reporting/fnn/metrics.json"
    metrics = json.loads(path.read_text())
    path.write_text(json.dumps(metrics | {"train_seconds": 0.0}))
    assert_equal_runs(folder, copy)
    path.write_text(json.dumps(metrics | {"test_error": 0.5}))
    with pytest.raises(AssertionError, match="metrics"):
        assert_equal_runs(folder, copy)


class TestSlices:
    @pytest.fixture
    def rewritten(self, folder, tmp_path, run_project):
        """Runs a slice on a copy of the outputs; returns the names of the written files."""
        copy = shutil.copytree(folder, tmp_path / "data")
        before = files(copy)

        def rewritten(**slice_):
            run_project(copy, **slice_)
            after = files(copy)
            assert after.keys() == before.keys()
            return {name for name in after if after[name] != before[name]}

        return rewritten

    @staticmethod
    def within(folder, *parts):
        return {name for name in files(folder) if any(part in name for part in parts)}

    def test_one_pipeline(self, rewritten, folder):
        assert rewritten(pipeline_names=["reporting"]) == self.within(folder, "/reporting")

    def test_tag(self, rewritten, folder, tmp_path):
        assert rewritten(tags=["binary"]) == self.within(folder, "/binary")
        assert_equal_runs(folder, tmp_path / "data")  # also with the run in this process

    def test_namespace(self, rewritten, folder):
        written = rewritten(namespaces=["ingestion"])
        assert written == self.within(folder, "02_", "05_", "/ingestion")

    def test_from_node(self, rewritten):
        assert rewritten(from_nodes=["fnn.evaluate_network"]) == {
            *(
                f"08_reporting/fnn/{name}"
                for name in ("metrics.json", "predictions.csv", "class_metrics.csv", "section.html")
            ),
            *(
                f"08_reporting/fnn/{name}.png"
                for name in ("confusion_matrix", "calibration", "worst_mistakes")
            ),
            "08_reporting/reporting/model_comparison.csv",
            "08_reporting/reporting/report.html",
        }

    def test_only_missing_outputs_writes_a_removed_file_and_no_other(self, rewritten, tmp_path):
        path = tmp_path / "data/08_reporting/ingestion/class_counts.png"
        path.unlink()
        assert rewritten(only_missing_outputs=True) == {"08_reporting/ingestion/class_counts.png"}

"""The measured numbers in README and docs are those of the evidence files in docs/results.

For each document a function computes the passages that quote an evidence file. Every passage must
stand in the document, where line breaks count as spaces and "..." stands for any text inside a cell
of a table. In the documents of `COMPLETE` nothing else may look like a measurement.
"""

import json
import operator
import re
import statistics
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from evidence import quotations

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
COMPLETE = ("README.md", "docs/benchmark.md")
# Numbers with a unit that are no measurements of this project, by the document that holds them.
NOT_MEASURED = {
    "docs/benchmark.md": ("already taken 5 seconds", "has used 5 seconds", "Hessian of 75 GiB")
}

# In the README, beside the network.
DEFAULT_MODELS = [
    f"logistic_regression.{task}.{solver}"
    for task in ("multinomial", "binary")
    for solver in ("preconditioned_lbfgs", "scikit_learn")
]

MEASUREMENT = re.compile(
    r"\d[\d,.]*\d?(?: %| s\b| seconds| minutes| hours?\b| times| GB| GiB| MiB| mistakes)"
)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)", flags=re.MULTILINE | re.DOTALL)


def evidence(name: str) -> Any:
    """The content of an evidence file: a dictionary, or a table as its rows."""
    path = RESULTS / name
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    return list(pd.read_csv(path).itertuples(index=False))


def percent(fraction: float, digits: int = 2) -> str:
    return f"{100 * fraction:.{digits}f} %"


def row(*cells: object) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def quoted(document: str) -> Iterator[str]:
    """The lines that `tools/evidence.py` writes into a document."""
    for text in quotations()[document].values():
        yield from (one_line(line).strip() for line in text.splitlines())


def mean_and_deviation(members: dict) -> tuple[float, float]:
    """Mean and standard deviation of the members' test errors."""
    errors = members["members_test_error"]
    return statistics.mean(errors), statistics.stdev(errors)


def readme() -> Iterator[str]:
    for folder in ("default", "best"):
        members = evidence(f"{folder}/ensemble_metrics.json")
        mean, deviation = mean_and_deviation(members)
        best = percent(min(members["members_test_error"]))
        yield row("...", len(members["seeds"]), f"{percent(mean)} ± {100 * deviation:.2f}", best)
    yield f"| {percent(evidence('ensemble/ensemble_metrics.json')['test_error'])} |"
    default = {found.model: found for found in evidence("default/model_comparison.csv")}
    for name in ("fnn", *DEFAULT_MODELS):
        model = default[name]
        yield row("...", percent(model.test_error), f"{model.train_seconds:.1f} s")
    yield percent(evidence("default/metrics.json")["test_error"])
    duration = evidence("default/run.json")
    yield f"takes {duration['seconds']:.0f} s"
    if memory := duration["peak_memory_gb"]:
        yield f"{memory:.1f} GB"
    yield one_line(quotations()["README.md"]["headline"])


def accuracy() -> Iterator[str]:
    best, members = evidence("best/metrics.json"), evidence("best/ensemble_metrics.json")
    for seed, error in zip(members["seeds"], members["members_test_error"], strict=True):
        yield row(f"seed {seed}", percent(error), round(1e4 * error))
    mean, deviation = mean_and_deviation(members)
    yield f"**{percent(mean, 3)}** | {1e4 * mean:.1f} ± {1e4 * deviation:.1f} |"
    yield f"{percent(best['recording_seconds'] / best['train_seconds'], 1)} of the training time"
    yield f"expected calibration error is {percent(best['test_expected_calibration_error'], 1)}"
    ensemble = evidence("ensemble/ensemble_metrics.json")
    for seed, error in zip(ensemble["seeds"], ensemble["members_test_error"], strict=True):
        yield row(f"seed {seed}", "...", percent(error))
    yield f"**{percent(ensemble['test_error'])}**"
    default = evidence("default/ensemble_metrics.json")
    mean, deviation = mean_and_deviation(default)
    yield f"{', '.join(map(percent, default['members_test_error']))}, mean {percent(mean, 3)}"
    yield f"standard deviation {percent(deviation, 3)}"
    for name in ("variants", "sizes"):
        for label, error, deviation, loss, *_ in evidence(f"ablation/{name}.csv"):
            label = f"{label:,}" if isinstance(label, int) else label
            yield row(label, percent(error), percent(deviation), f"{loss:.4f}")
    compared = pd.read_csv(RESULTS / "ablation" / "recipes.csv")
    yield from recipes(compared)
    yield from short_trainings(pd.read_csv(RESULTS / "ablation" / "limits.csv"), compared)
    yield from ideas(pd.read_csv(RESULTS / "accuracy" / "ideas.csv"))
    yield from ensembles(pd.read_csv(RESULTS / "accuracy" / "ensembles.csv"))
    yield from centres(evidence("accuracy/centres.csv")[0])
    yield from limits(pd.read_csv(RESULTS / "best" / "history.csv"))
    yield from estimates(best["train_seconds"] / 3600, best["parameters"], members)
    for found in evidence("benchmark/training_throughput.csv"):
        speed = f"{found.images_per_second:,}"
        yield row("...", found.way, speed, f"{found.fraction_of_peak:.2f}")


def recipes(trainings: pd.DataFrame) -> Iterator[str]:
    for variant, rows in trainings.groupby("variant", sort=False):
        error, loss = rows["validation_error"], rows["validation_loss"].mean()
        spread = percent(error.mean()), percent(error.std())
        yield row(variant, len(rows), *spread, f"{loss:.4f}", round(rows["cpu_seconds"].mean()))
    by_seed = trainings.pivot(index="seed", columns="variant")
    augmented = "batches of 256, every augmentation, 14 epochs"
    error, loss = (
        by_seed[f"validation_{name}", "unchanged"] - by_seed[f"validation_{name}", augmented]
        for name in ("error", "loss")
    )
    first = error.loc[:2]
    yield f"ahead by {100 * first.mean():.2f} percentage points, with a standard error of "
    yield f"points, with a standard error of {100 * first.sem():.2f}, as the best"
    yield f"{100 * error.mean():.2f} percentage points less, with a standard error of "
    yield f"of {100 * error.sem():.2f}, which is {error.mean() / error.sem():.1f} standard errors"
    yield f"lower by {loss.mean():.4f} nats, with a standard error of {loss.sem():.4f}"


def short_trainings(trainings: pd.DataFrame, compared: pd.DataFrame) -> Iterator[str]:
    """The rows of the short trainings, and of those of the default run beside them."""
    yield f"in {trainings['cpu_seconds'].sum() / 60:.0f} minutes of processor time"
    default = compared[compared["variant"] == "unchanged"]
    longer = trainings[trainings["variant"] == "24 epochs"].set_index("seed")["validation_error"]
    less = 100 * (default.set_index("seed")["validation_error"] - longer).dropna()
    yield f"than 16 by {' and '.join(f'{points:.2f}' for points in less)} percentage points"
    default = default[default["train_error"].notna()]
    rows = pd.concat([trainings, default.assign(variant="16 epochs")])
    for variant, found in rows.groupby("variant", sort=False):
        mean = found.mean(numeric_only=True)
        error = percent(mean.validation_error)
        if len(found) > 1:
            error += f" ± {100 * found['validation_error'].std():.2f}"
        train = f"{percent(mean.train_error)}, {mean.train_loss:.4f}"
        augmented = f"{percent(mean.augmented_error)}, {mean.augmented_loss:.4f}"
        losses = f"{mean.validation_loss:.4f}", train, augmented
        yield row(variant, len(found), error, *losses, round(mean.cpu_seconds))
        if found["translated_copies_error"].notna().all():
            errors = mean.validation_error, mean.translated_copies_error
            yield row(variant, *map(percent, errors))


def ideas(trainings: pd.DataFrame) -> Iterator[str]:
    """The rows of the ideas; differences are paired by seed with the baseline."""
    yield f"{trainings['cpu_seconds'].sum() / 3600:.1f} hours of processor time"
    baseline = trainings[trainings["variant"] == "baseline"]
    baseline = baseline.set_index("seed")["validation_error"]
    for variant, rows in trainings.groupby("variant", sort=False):
        mean = rows.mean(numeric_only=True)
        less = 100 * (rows.set_index("seed")["validation_error"] - baseline).dropna()
        difference = "–" if variant == "baseline" else f"{less.mean():+.2f}"
        if len(less) > 1 and variant != "baseline":
            difference += f" ± {less.sem():.2f}"
        fitted = percent(mean.train_error), percent(mean.augmented_error)
        errors = percent(mean.validation_error), difference, f"{mean.validation_loss:.4f}", *fitted
        if variant == "augmentation falls to 0":
            for some in (less[:3], less):
                standard_errors = -some.mean() / some.sem()
                yield f"{-some.mean():.2f} percentage points, {standard_errors:.1f} standard errors"
        copies = percent(mean.translated_copies_error)
        yield row(variant, len(rows), *errors, copies, round(mean.cpu_seconds))


def ensembles(table: pd.DataFrame) -> Iterator[str]:
    """The rows of the ensembles: errors on the half of the choice and on the other half."""
    means = table.groupby(["choice", "members"])[["chosen_error", "other_error"]].mean()
    fixed = means.loc["fixed", "other_error"]
    for members, greedy in means.loc["greedy"].iterrows():
        baseline = percent(fixed[members]) if members in fixed else "–"
        yield row(members, *map(percent, greedy), baseline)
    yield f"three together misread {percent(fixed[3])}"


def centres(found: Any) -> Iterator[str]:
    yield f"mean distance is {found.mean_distance:.2f} pixels"
    yield f"{found.mean_translation:.2f} pixels on average, at most {found.largest_translation:.1f}"


def limits(history: pd.DataFrame) -> Iterator[str]:
    """The rows of ten epochs of the large network."""
    for last in (10, 20, 40, 80, 120, 160):
        ten = history[history["epoch"].between(last - 9, last)]
        test_error = 1 - ten["test_accuracy"].dropna().iloc[-1]
        train_error, loss = 1 - ten["train_accuracy"].mean(), ten["train_loss"].mean()
        epochs = f"{last - 9} to {last}"
        yield row(epochs, percent(train_error), f"{loss:.4f}", percent(test_error))


def estimates(hours: float, n_parameters: int, members: dict) -> Iterator[str]:
    """The estimated times, from those of one training of 160 epochs."""
    widths = 784, 2500, 2000, 1500, 1000, 500, 10
    larger = sum(map(operator.mul, widths, widths[1:])) / n_parameters
    yield f"took {hours * 3600 / 160:.1f} s each on two cores"
    for factor in (5, larger, 5 * larger, 1):
        yield f"| {factor * hours:.1f} hours | {3 * factor * hours:.1f} hours |"
    # On the line through 160 epochs here and 800 epochs of Ciresan et al., over log epochs.
    error = 100 * mean_and_deviation(members)[0]
    longer = 5 ** ((error - 0.38) / (error - 0.35))
    yield f"about {160 * longer:.0f} epochs, {3 * longer * hours:.1f} hours for three seeds"


def benchmark() -> Iterator[str]:
    yield from quoted("docs/benchmark.md")


def estimator() -> Iterator[str]:
    yield from quoted("docs/estimator.md")
    tricks = pd.read_csv(RESULTS / "benchmark" / "tricks.csv")
    for change, rows in tricks.groupby("change", sort=False):
        times = [f"{time:.2f}" for time in rows["times_as_long"]]
        if change == "unchanged":
            times = [f"{seconds:.2f} s" for seconds in rows["seconds"]]
        yield row(change, *times)


def own_data() -> Iterator[str]:
    yield from quoted("docs/own_data.md")


def inference() -> Iterator[str]:
    for least, *fractions in evidence("rejection/rejection.csv"):
        yield row(f"{least:g}", *(percent(fraction, 1) for fraction in fractions))


def reliability() -> Iterator[str]:
    for found in evidence("faults.csv"):
        yield row(found.area, f"{found.tries:,}", f"{found.goal:,}", found.failures)


def scale() -> Iterator[str]:
    for found in chain(evidence("scale/fits.csv"), evidence("scale/idle.csv")):
        seconds = [f"{number:.1f}" for number in (found.seconds, found.cpu_seconds)]
        peaks = found.worker_peaks_mib if found.workers else "–"
        error, digest = percent(found.test_error), f"`{found.weights}`"
        yield row(f"{found.rows:,}", found.workers, *seconds, peaks, error, digest)
    for found in evidence("scale/pass.csv"):
        yield row(found.rows, found.cpu_ms, f"{found.page_faults:,}")
    settings = evidence("scale/settings.csv")
    for name, runs in (("Dask's settings", settings[:3]), ("these settings", settings[3:])):
        seconds, cpu = ([getattr(run, key) for run in runs] for key in ("seconds", "cpu_seconds"))
        lists = [", ".join(f"{number:.1f}" for number in numbers) for numbers in (seconds, cpu)]
        ratios = ", ".join(f"{number / cpu[0]:.2f}" for number in cpu[1:])
        yield row(name, *lists, ratios, f"{seconds[1] / seconds[2]:.2f}")


PASSAGES = {
    "README.md": readme,
    "src/mnist_gradients/pipelines/inference/README.md": inference,
    "docs/accuracy.md": accuracy,
    "docs/benchmark.md": benchmark,
    "docs/estimator.md": estimator,
    "docs/own_data.md": own_data,
    "docs/reliability.md": reliability,
    "docs/scale.md": scale,
}


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def one_line(text: str) -> str:
    """A text with single spaces in place of line breaks."""
    return re.sub(r"\s+", " ", text)


def pattern(passage: str) -> str:
    return re.escape(passage).replace(re.escape("..."), "[^|]*")


def missing(text: str, passages: Iterable[str]) -> list[str]:
    """The passages that do not stand in a text."""
    return [passage for passage in passages if not re.search(pattern(passage), one_line(text))]


def without_evidence(text: str, passages: Iterable[str]) -> list[str]:
    """What looks like a measurement in a text, outside code and the given passages."""
    rest = one_line(CODE.sub(" ", text))
    for passage in sorted(passages, key=len, reverse=True):
        rest = re.sub(pattern(one_line(CODE.sub(" ", passage))), " ", rest)
    return MEASUREMENT.findall(rest)


@pytest.mark.parametrize("document", PASSAGES)
def test_numbers_are_those_of_the_evidence(document):
    assert missing(read(document), PASSAGES[document]()) == []


@pytest.mark.parametrize("document", COMPLETE)
def test_every_measurement_has_its_evidence(document):
    passages = [*PASSAGES[document](), *NOT_MEASURED.get(document, ())]
    assert without_evidence(read(document), passages) == []


@pytest.mark.parametrize("document", NOT_MEASURED)
def test_exceptions_still_stand_in_the_document(document):
    assert missing(read(document), NOT_MEASURED[document]) == []


TEXT = (
    "The error is 0.40\n% after `--epochs 5 s`, at 1,946 s:\n\n```text\n3 %\n```\n| a | b | 2 % |"
)


def test_another_number_than_that_of_the_evidence_is_noticed():
    assert missing(TEXT, ["error is 0.40 %", "at 1,946 s", "| a | ... | 2 % |"]) == []
    assert missing(TEXT, ["error is 0.41 %", "| a | ... | 2.1 % |", "| a ... 2 % |"]) == [
        "error is 0.41 %",
        "| a | ... | 2.1 % |",
        "| a ... 2 % |",
    ]


def test_measurement_without_evidence_is_noticed():
    assert without_evidence(TEXT, ["is 0.40 %", "1,946 s", "| ... | 2 % |"]) == []
    assert without_evidence(TEXT, ["is 0.40 %"]) == ["1,946 s", "2 %"]
    assert without_evidence(TEXT, []) == ["0.40 %", "1,946 s", "2 %"]

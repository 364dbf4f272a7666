"""The measured numbers in README and docs are those of the evidence files in docs/results.

For each document a function computes the passages that quote an evidence file. Every passage must
stand in the document, where line breaks count as spaces. In the documents of `COMPLETE` nothing
else may look like a measurement.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
COMPLETE: tuple[str, ...] = ()
# Numbers with a unit that are no measurements of this project, and in which document they stand.
NOT_MEASURED: dict[str, tuple[str, ...]] = {}

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


def accuracy() -> Iterator[str]:
    best, members = evidence("best/metrics.json"), evidence("best/committee_metrics.json")
    errors = members["members_test_error"]
    for seed, error in zip(members["seeds"], errors, strict=True):
        yield row(f"seed {seed}", percent(error), round(1e4 * error))
    mean, deviation = (
        members[f"members_test_error_{name}"] for name in ("mean", "standard_deviation")
    )
    yield f"**{percent(mean, 3)}** | {1e4 * mean:.1f} ± {1e4 * deviation:.1f} |"
    yield f"{percent(best['recording_seconds'] / best['train_seconds'], 1)} of the training time"
    yield f"expected calibration error is {percent(best['test_expected_calibration_error'], 1)}"
    for name in ("variants", "sizes"):
        for label, error, deviation, loss, *_ in evidence(f"ablation/{name}.csv"):
            label = f"{label:,}" if isinstance(label, int) else label
            yield row(label, percent(error), percent(deviation), f"{loss:.4f}")
    for _, _, _, way, speed, fraction in evidence("benchmark/training_throughput.csv"):
        yield row(way, f"{speed:,}", f"{fraction:.2f}")


def benchmark() -> Iterator[str]:
    for problem, rows, columns, classes, l2, seconds, *_, times in evidence(
        "benchmark/robustness.csv"
    ):
        numbers = f"{rows:,}", columns, classes, f"{l2:g}", f"{seconds:.4f}", f"{times:.1f}"
        yield row(problem, *numbers)
    for found in evidence("benchmark/headline.csv"):
        numbers = found.seconds, found.times_faster_than_lbfgs, found.times_faster_than_best
        yield row(
            f"{found.l2:g}",
            f"{found.gap:g}",
            found.threads,
            "{:.2f} | {:.1f} | {:.1f}".format(*numbers),
        )


PASSAGES = {
    "docs/accuracy.md": accuracy,
    "docs/benchmark.md": benchmark,
}


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def one_line(text: str) -> str:
    """A text with single spaces in place of line breaks."""
    return re.sub(r"\s+", " ", text)


def missing(text: str, passages: Iterable[str]) -> list[str]:
    """The passages that do not stand in a text."""
    return [passage for passage in passages if passage not in one_line(text)]


def without_evidence(text: str, passages: Iterable[str]) -> list[str]:
    """What looks like a measurement in a text, outside code and the given passages."""
    rest = one_line(CODE.sub(" ", text))
    for passage in sorted(passages, key=len, reverse=True):
        rest = rest.replace(one_line(CODE.sub(" ", passage)), " ")
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


TEXT = "The error is 0.40\n% after `--epochs 5 s`, at 1,946 s:\n\n```text\n3 %\n```\n"


def test_another_number_than_that_of_the_evidence_is_noticed():
    assert missing(TEXT, ["error is 0.40 %", "at 1,946 s"]) == []
    assert missing(TEXT, ["error is 0.41 %"]) == ["error is 0.41 %"]


def test_measurement_without_evidence_is_noticed():
    assert without_evidence(TEXT, ["error is 0.40 %", "1,946 s"]) == []
    assert without_evidence(TEXT, ["error is 0.40 %"]) == ["1,946 s"]
    assert without_evidence(TEXT, []) == ["0.40 %", "1,946 s"]

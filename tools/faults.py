"""Try to break the project: mutated files, kills, full disks, two runs at once.

`python tools/faults.py --minutes 30` prints the tries and failures by area, and ends with the table
of docs/reliability.md. Each try is drawn from the seed, the area and its number: with
`--areas idx --first 1234` a printed failure comes again, except for the moments of kills and
pairs. The areas have the same time each, until they reach their goals and leave it to the others.
Ctrl-C ends it early, with the table.
"""

import argparse
import contextlib
import logging
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from fault_mutations import Attempt, expect, idx, images, mutated, server
from fault_workers import add_one, close_scheduler, disturbed_fits, kill_all, kill_one
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError
from matplotlib.figure import Figure

from mnist_gradients.console.errors import short_message

ROOT = Path(__file__).parents[1]
SMALL = (
    "fnn.checkpoints.seconds=0,fnn.epochs=2,fnn.evaluate_every=9,derivations.parity_check.iterations=9,"
    "ingestion.train_limit=1000,ingestion.test_limit=200"
)


def intermediates(folder: Path) -> Attempt:
    """Damaged files of a finished run: an error of one line that names the file."""
    copy = shutil.copytree(undisturbed(folder)[0], folder / "damaged")
    datasets = datasets_of(copy)
    paths = {name: path_of(dataset) for name, dataset in datasets.items()}

    def attempt(rng: random.Random) -> None:
        name = rng.choice(list(datasets))
        path = paths[name]
        good, other = path.read_bytes(), paths[rng.choice(list(datasets))].read_bytes()
        cut = good[: rng.randrange(len(good))]
        bad = rng.choice((mutated(good, rng, other), other, cut, bytes(len(good))))
        if bad == good:
            return
        path.write_bytes(bad)
        try:
            datasets[name].load()
        except DatasetError as error:
            words = short_message(error)
            expect(path.name in words, f"{name}: {words}")
        else:
            raise AssertionError(f"{name}: loaded, though the file is damaged")
        finally:
            path.write_bytes(good)

    return attempt


def full_disk(folder: Path) -> Attempt:
    """A disk that is full at some byte of a save: the old file or the new one, nothing beside."""
    copy = shutil.copytree(undisturbed(folder)[0], folder / "full")
    figure = Figure()
    figure.text(0.5, 0.5, "figure")
    saved = [
        (dataset, figure if path_of(dataset).suffix == ".png" else dataset.load())
        for dataset in datasets_of(copy).values()
    ]

    def attempt(rng: random.Random) -> None:
        dataset, data = rng.choice(saved)
        path = path_of(dataset)
        before = content_of(path.parent)
        room = rng.randrange(int(1.1 * path.stat().st_size) + 1)
        try:
            with files_of_at_most(room):
                dataset.save(data)
        except (DatasetError, OSError) as error:
            expect("\n" not in short_message(error), f"{path.name}: {short_message(error)}")
            expect(content_of(path.parent) == before, f"{path.name}: changed after {room} bytes")
        else:
            expect(content_of(path.parent).keys() == before.keys(), f"{path.name}: left-overs")
            dataset.load()

    return attempt


@contextlib.contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """Let every write beyond a length of the file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def kills(folder: Path, options: Sequence[str] = ("--only-missing-outputs",)) -> Attempt:
    """Kill -9 at a random moment: every file loads or is absent.

    The next run goes on with the missing outputs, or from the checkpoint of the training. After
    five kills it must end with the outputs of an undisturbed one, and no other file.
    """
    whole, seconds = undisturbed(folder)
    is_whole = "--pipelines" not in options
    longest = seconds / 3 if is_whole else seconds / 2
    copy = folder / f"killed{len(options)}"
    killed = 0

    def begin() -> None:
        shutil.rmtree(copy, ignore_errors=True)
        if not is_whole:  # a part of the run needs the files of the others
            shutil.copytree(whole, copy)

    def attempt(rng: random.Random) -> None:
        nonlocal killed
        if killed == 0:
            begin()
        killed = (killed + 1) % 5
        while not was_killed(start_run(copy, *options), rng.uniform(0, longest)):
            begin()
        for name, dataset in datasets_of(copy).items():
            try:
                dataset.load()
            except DatasetError as error:
                raise AssertionError(f"{name}: {short_message(error)}") from error
        if killed == 0:
            finish(start_run(copy, *options))
            compare(copy, whole)

    return attempt


def was_killed(run: subprocess.Popen, seconds: float) -> bool:
    """Kill a run after some time; return whether it had not ended before."""
    try:
        run.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        run.kill()
        run.communicate()
    return run.returncode == -signal.SIGKILL


def pairs(folder: Path) -> Attempt:
    """Two runs at once on one folder: one ends well, the other too or with one line."""
    whole, seconds = undisturbed(folder)

    def attempt(rng: random.Random) -> None:
        copy = folder / "pair"
        shutil.rmtree(copy, ignore_errors=True)
        first = start_run(copy, "--pipelines", "ingestion")
        time.sleep(rng.uniform(0, seconds / 4))
        second = start_run(copy, "--pipelines", "ingestion")
        errors = [run.communicate()[1] for run in (first, second)]
        codes = sorted(run.returncode for run in (first, second))
        refused = codes == [0, 1] and "expected none" in "".join(errors)
        expect(codes == [0, 0] or refused, f"exit codes {codes}: {errors}")
        compare(copy, whole)

    return attempt


def start_run(data_root: Path, *options: str) -> subprocess.Popen:
    """Start a run on few images that saves a checkpoint at every evaluation."""
    given = f"data_root={data_root},{SMALL}"
    command = [sys.executable, "-m", "kedro", "run", "--env", "test", "--params", given, *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)  # noqa: S603


def finish(run: subprocess.Popen) -> None:
    """Wait for a run that must end well."""
    errors = run.communicate()[1]
    expect(run.returncode == 0, f"exit code {run.returncode}: {errors}")


@cache
def undisturbed(folder: Path) -> tuple[Path, float]:
    """Return the outputs of one undisturbed run, and the seconds that it took."""
    began = time.monotonic()
    finish(start_run(folder / "whole"))
    return folder / "whole", time.monotonic() - began


def datasets_of(data_root: Path) -> dict[str, Any]:
    """Return the datasets of the default run whose file is below a folder."""
    given = {"data_root": str(data_root)}
    with KedroSession.create(ROOT, env="test", runtime_params=given) as session:
        catalog = session.load_context().catalog
    datasets = {name: catalog.get(name) for name in sorted(pipelines["__default__"].datasets())}
    return {
        name: dataset
        for name, dataset in datasets.items()
        if hasattr(dataset, "_filepath")
        and path_of(dataset).is_relative_to(data_root)
        and path_of(dataset).exists()  # dataset.exists() is false for a damaged file
    }


def path_of(dataset: Any) -> Path:
    """Return the path of a dataset that is one file."""
    return Path(str(dataset._filepath))


def content_of(folder: Path) -> dict[str, bytes]:
    """Return the content of each file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def compare(found: Path, expected: Path) -> None:
    """Expect the same arrays, models and tables, apart from measured times, and no other file."""
    for path in found.rglob("*"):
        name = path.relative_to(found)
        expect((expected / name).exists(), f"{name}: left over")
        if path.suffix == ".npz":
            expect(path.read_bytes() == (expected / name).read_bytes(), f"{name}: other bytes")
        if path.suffix == ".csv":
            tables = [pd.read_csv(root / name) for root in (found, expected)]
            kept = [table[[c for c in table if "seconds" not in c]] for table in tables]
            expect(kept[0].equals(kept[1]), f"{name}: other numbers")


class Area(NamedTuple):
    """What the table calls an area, its goal of tries, and how many follow each other."""

    words: str
    goal: int
    batch: int
    make: Callable[[Path], Attempt]


AREAS = {
    "idx": Area("mutations of IDX files", 1_000_000, 1000, idx),
    "images": Area("mutations of images", 100_000, 100, images),
    "server": Area("mutations of a mirror's answers", 2_000, 10, server),
    "intermediates": Area("damaged files of a run", 500, 5, intermediates),
    "disk": Area("full-disk positions of a save", 200, 5, full_disk),
    "kills": Area("kills of a run", 60, 1, kills),
    "training": Area("kills of a training", 40, 1, partial(kills, options=("--pipelines", "fnn"))),
    "pairs": Area("pairs of runs at once", 20, 1, pairs),
    "worker": Area("kills of one Dask worker", 20, 1, partial(disturbed_fits, disturb=kill_one)),
    "workers": Area("kills of all Dask workers", 5, 1, partial(disturbed_fits, disturb=kill_all)),
    "joining": Area("Dask workers that join", 5, 1, partial(disturbed_fits, disturb=add_one)),
    "scheduler": Area(
        "losses of a Dask scheduler", 5, 1, partial(disturbed_fits, disturb=close_scheduler)
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Try until the time is over; return the number of failures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--areas", default=",".join(AREAS), help="names, with commas between")
    parser.add_argument("--first", type=int, default=0, help="number of the first try")
    given = parser.parse_args(arguments)
    bootstrap_project(ROOT)
    logging.disable()
    names = given.areas.split(",")
    tries, spent = dict.fromkeys(names, 0), dict.fromkeys(names, 0.0)
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
        attempts = {name: AREAS[name].make(Path(folder)) for name in names}
        while sum(spent.values()) < 60 * given.minutes:
            unfinished = [name for name in names if tries[name] < AREAS[name].goal]
            name = min(unfinished or names, key=lambda name: spent[name])
            began = time.monotonic()
            for _ in range(AREAS[name].batch):
                number = given.first + tries[name]
                rng = random.Random(f"{given.seed} {name} {number}")  # noqa: S311 - no secrets
                try:
                    attempts[name](rng)
                except Exception as error:
                    failures.append(f"{name} {number}: {type(error).__name__}: {error}")
                    say(failures[-1])
                tries[name] += 1
            spent[name] += time.monotonic() - began
            if tries[name] == AREAS[name].goal:
                say(f"{name}: goal reached")
    say(table(tries, failures, sum(spent.values())))
    return len(failures)


def say(words: str) -> None:
    """Write a line on the console."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def table(tries: dict[str, int], failures: list[str], seconds: float) -> str:
    """Return the table of the tries as Markdown."""
    lines = ["| area | tries | goal | failures |", "|---|---|---|---|"]
    for name, n_tries in tries.items():
        n_failures = sum(failure.startswith(f"{name} ") for failure in failures)
        lines.append(f"| {AREAS[name].words} | {n_tries:,} | {AREAS[name].goal:,} | {n_failures} |")
    return "\n".join([*lines, "", f"{seconds / 60:.0f} minutes"])


if __name__ == "__main__":
    sys.exit(min(1, main()))

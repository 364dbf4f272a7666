"""Who runs when: each contender on each task, all of them once before any of them again."""

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mnist_gradients.benchmarking.data import PIXELS, targets, write_copies
from mnist_gradients.benchmarking.measurement import TARGET, exact_path, measure
from mnist_gradients.benchmarking.parameters import BenchmarkParameters, Input
from mnist_gradients.benchmarking.reference_objective import Judge
from mnist_gradients.benchmarking.worker import Job, Result
from mnist_gradients.core.labelled_images import LabelledImages

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A contender on a task: what is repeated, and a row of every table."""

    task: str
    l2: float
    solver: str
    input: Input
    threads: int

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.task} l2 {self.l2:g}, {self.solver} {self.input}, {threads}"


ENTRY = list(Entry.__annotations__)


def entries(parameters: BenchmarkParameters) -> dict[Entry, float]:
    """Return who takes part where, in the order of the race, each with its cap in seconds."""
    return {
        Entry(task.name, l2, contender.solver, input_type, threads): (
            contender.cap_seconds or parameters.cap_seconds
        )
        for task in parameters.tasks
        for l2 in task.l2_values
        for contender in parameters.contenders
        if contender.tasks is None or task.name in contender.tasks
        for input_type in contender.inputs
        for threads in contender.threads
    }


class Arena:
    """The data of all tasks, in a folder that outlives the race only as long as its owner wants.

    Args:
        images: Images to learn from.
        copies: How many times as many rows to write; see `write_copies`.
        max_shift: Largest shift of a copied image.
        seed: Seed of the shifts, and of the solvers that draw rows at random.
        folder: An empty folder.
    """

    def __init__(
        self,
        images: LabelledImages,
        folder: Path,
        copies: int = 1,
        max_shift: int = 1,
        seed: int = 0,
    ) -> None:
        self._folder = folder
        self._seed = seed
        self._labels = write_copies(images, copies, max_shift, seed, folder)
        self._pixels = np.load(folder / PIXELS, mmap_mode="r")

    def judge(
        self, positive_classes: tuple[int, ...] | None, l2: float, rows: int | None = None
    ) -> Judge:
        """Return the objective of a task on the first rows; None for all of them."""
        y = targets(self._labels[:rows], positive_classes)
        return Judge(self._pixels[:rows], y, positive_classes is not None, l2)

    def run(
        self,
        entry: Entry,
        judge: Judge,
        optimum: float,
        gaps: tuple[float, ...],
        *,
        cap_seconds: float,
        repeat: int = 0,
        memory_mapped: bool = False,
    ) -> tuple[Result, pd.DataFrame]:
        """Measure an entry once.

        Returns:
            How it ended, and its path as `exact_path` returns it.
        """
        labels = self._folder / "labels.npy"
        np.save(labels, judge.y)
        job = Job(
            pixels=str(self._folder / PIXELS),
            labels=str(labels),
            rows=len(judge.y),
            binary=judge.binary,
            l2=entry.l2,
            solver=entry.solver,
            input=entry.input,
            memory_mapped=memory_mapped,
            threads=entry.threads,
            target=optimum * (1 + TARGET * min(gaps)),
            cap_seconds=cap_seconds,
            seed=self._seed + repeat,
        )
        result, points = measure(job, judge.size)
        return result, exact_path(points, judge, optimum, gaps)


def hold_race(
    arena: Arena, optima: pd.DataFrame, parameters: BenchmarkParameters
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every entry as often as the parameters say.

    Returns:
        One row per run: the entry, repeat, and the fields of `Result`. And one row per judged
        point of a run: the entry, repeat, iteration, seconds, cpu_seconds, gap.
    """
    least = optima.set_index(["task", "l2"])["objective"]
    schedule = Schedule(parameters)
    runs, paths = [], []
    for repeat, entry, cap_seconds in schedule:
        judge = arena.judge(parameters.task(entry.task).positive_classes, entry.l2)
        result, path = arena.run(
            entry,
            judge,
            float(least[entry.task, entry.l2]),
            parameters.gaps,
            cap_seconds=cap_seconds,
            repeat=repeat,
        )
        key = asdict(entry) | {"repeat": repeat}
        runs.append(key | asdict(result))
        paths.append(path.assign(**key)[[*key, *path.columns]])
        schedule.note(entry, result)
        logger.info("    %s: %s (%s)", entry, describe(result, path), schedule.time_left())
    return pd.DataFrame(runs), pd.concat(paths, ignore_index=True)


def describe(result: Result, path: pd.DataFrame) -> str:
    """Return in a few words what a run reached."""
    if result.state == "failed":
        return f"failed, {result.message}"
    gap = f"gap {path['gap'].min():.0e}" if len(path) else "nothing"
    return f"{'capped at ' if result.state == 'capped' else ''}{gap} in {result.seconds:.2f} s"


class Schedule:
    """The order of the runs, who is not repeated, and the time that is left.

    All entries run once before any of them runs again, so that a machine that slows down or
    speeds up meanwhile treats all alike.
    """

    def __init__(self, parameters: BenchmarkParameters) -> None:
        self._entries = entries(parameters)
        self._repeats = parameters.repeats
        self._enough_seconds = parameters.enough_seconds
        self._measured: dict[Entry, float] = dict.fromkeys(self._entries, 0.0)  # seconds in all
        self._costs: dict[Entry, float] = {}  # seconds of the last run, start and judging included
        self._pending: list[tuple[int, Entry]] = []

    def __iter__(self) -> Iterator[tuple[int, Entry, float]]:
        """Yield repeat, entry and its cap in seconds."""
        self._pending = [(i, entry) for i in range(self._repeats) for entry in self._entries]
        while self._pending:
            repeat, entry = self._pending.pop(0)
            started = time.perf_counter()
            yield repeat, entry, self._entries[entry]
            self._costs[entry] = time.perf_counter() - started

    def note(self, entry: Entry, result: Result) -> None:
        """Take in how a run ended: an entry that was capped, failed or had enough is dropped."""
        self._measured[entry] += result.seconds
        if result.state in ("capped", "failed") or self._measured[entry] >= self._enough_seconds:
            self._pending = [(i, other) for i, other in self._pending if other != entry]

    def time_left(self) -> str:
        """Return an estimate in words: what ran before takes as long again, the rest the mean."""
        left = f"{len(self._pending)} runs left"
        if not self._costs or not self._pending:
            return left
        mean = sum(self._costs.values()) / len(self._costs)
        seconds = sum(self._costs.get(entry, mean) for _, entry in self._pending)
        return f"{left}, about {max(1, round(seconds / 60))} min"

"""The order of the measurements: each solver on each task, all once before any is repeated."""

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_gradients.benchmarking.data import PIXELS, targets, write_copies
from mnist_gradients.benchmarking.jobs import Fit, Job
from mnist_gradients.benchmarking.measurement import ladder, measure
from mnist_gradients.benchmarking.parameters import Input, TimeToGapParameters
from mnist_gradients.benchmarking.reference_objective import ReferenceObjective
from mnist_gradients.core.labelled_images import LabelledImages

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A solver on a task: what is repeated, and a row of every table."""

    task: str
    l2: float
    solver: str
    input: Input
    threads: int

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.task} l2 {self.l2:g}, {self.solver} {self.input}, {threads}"


ENTRY = list(Entry.__annotations__)


def entries(parameters: TimeToGapParameters) -> dict[Entry, float]:
    """Return the entries in the order of the measurement, each with its cap in seconds."""
    return {
        Entry(task.name, l2, solver.solver, input_type, threads): (
            solver.cap_seconds or parameters.cap_seconds
        )
        for task in parameters.tasks
        for l2 in task.l2_values
        for solver in parameters.solvers
        if solver.tasks is None or task.name in solver.tasks
        for input_type in solver.inputs
        for threads in solver.threads
    }


def first_tolerances(parameters: TimeToGapParameters) -> dict[Entry, tuple[float, ...]]:
    """Return the tolerances of each entry's first run."""
    return {
        entry: solver.tolerances or ladder(solver.solver, parameters.gaps)
        for solver in parameters.solvers
        for entry in entries(parameters.model_copy(update={"solvers": (solver,)}))
    }


class TaskFiles:
    """The rows of all tasks, in files.

    Args:
        images: Images to learn from.
        folder: An empty folder; the files live as long as it does.
        copies: Number of times as many rows to write; see `write_copies`.
        translation: Largest translation of a copied image.
        seed: Seed of the translations, and of the solvers that draw rows at random.
    """

    def __init__(
        self,
        images: LabelledImages,
        folder: Path,
        copies: int = 1,
        translation: int = 1,
        seed: int = 0,
    ) -> None:
        self._folder = folder
        self._seed = seed
        self._labels = write_copies(images, copies, translation, seed, folder)
        self._pixels = np.load(folder / PIXELS, mmap_mode="r")

    def reference(
        self, positive_classes: tuple[int, ...] | None, l2: float, rows: int | None = None
    ) -> ReferenceObjective:
        """Return the objective of a task on the first rows; None for all of them."""
        y = targets(self._labels[:rows], positive_classes)
        return ReferenceObjective(self._pixels[:rows], y, l2, 1 / 255)

    def measure(
        self,
        entry: Entry,
        reference: ReferenceObjective,
        optimum: float,
        gap: float,
        *,
        cap_seconds: float,
        tolerances: tuple[float, ...],
        repeat: int = 0,
        memory_mapped: bool = False,
        **options: Any,
    ) -> list[Fit]:
        """Fit an entry with one tolerance after another until it reaches the gap.

        Further options are fields of `Job`.
        """
        classes = self._folder / "classes.npy"
        np.save(classes, reference.y)
        return measure(
            Job(
                rows_file=str(self._folder / PIXELS),
                classes_file=str(classes),
                rows=len(reference.y),
                divisor=255,
                l2=entry.l2,
                solver=entry.solver,
                input=entry.input,
                memory_mapped=memory_mapped,
                threads=entry.threads,
                tolerances=tolerances,
                optimum=optimum,
                gap=gap,
                cap_seconds=cap_seconds,
                seed=self._seed + repeat,
                **options,
            )
        )


def measure_all(
    files: TaskFiles, optima: pd.DataFrame, parameters: TimeToGapParameters
) -> pd.DataFrame:
    """Measure every entry: one fit per tolerance, then repeats of the fits that count.

    Returns:
        One row per fit: the entry, repeat, and the fields of `Fit`.
    """
    least = optima.set_index(["task", "l2"])["objective"]
    schedule = Schedule(parameters)
    rows: list[dict[str, Any]] = []
    for repeat, entry, tolerances in schedule:
        fits = files.measure(
            entry,
            files.reference(parameters.task(entry.task).positive_classes, entry.l2),
            float(least[entry.task, entry.l2]),
            min(parameters.gaps) if repeat == 0 else 0.0,
            cap_seconds=schedule.cap(entry),
            tolerances=tolerances,
            repeat=repeat,
        )
        schedule.note(entry, fits)
        rows += [asdict(entry) | {"repeat": repeat} | asdict(fit) for fit in fits]
        logger.info("    %s: %s (%s)", entry, describe(fits), schedule.time_left())
    return pd.DataFrame(rows)


def describe(fits: list[Fit]) -> str:
    """Return in a few words what the fits of an entry reached."""
    seconds = f"{len(fits)} fits in {np.nansum([fit.seconds for fit in fits]):.2f} s"
    gaps = [fit.gap for fit in fits if np.isfinite(fit.gap)]
    reached = f"gap {min(gaps):.0e}" if gaps else "no result"
    last = fits[-1]
    end = {"converged": "", "warned": "", "capped": ", capped"}
    return f"{reached}, {seconds}{end.get(last.state, f', failed: {last.message}')}"


def loosest_within(fits: pd.DataFrame, gap: float) -> float | None:
    """Return the loosest tolerance whose fits all have at most that gap; None if none has."""
    gaps = fits["gap"].fillna(np.inf).groupby(fits["tolerance"]).max()
    within = gaps[gaps <= gap]
    return None if within.empty else float(within.index.max())


class Schedule:
    """The order of the runs, the entries that are not repeated, and the time that is left.

    All entries run once before any of them runs again, so that a machine that slows down or
    speeds up meanwhile treats all alike.
    """

    def __init__(self, parameters: TimeToGapParameters) -> None:
        self._caps = entries(parameters)
        self._parameters = parameters
        self._tolerances = first_tolerances(parameters)
        self._measured = dict.fromkeys(self._caps, 0.0)  # seconds in all
        self._costs: dict[Entry, float] = {}  # seconds of the last run, start included
        self._pending = [(i, entry) for i in range(parameters.repeats) for entry in self._caps]

    def __iter__(self) -> Iterator[tuple[int, Entry, tuple[float, ...]]]:
        """Yield repeat, entry and the tolerances of its fits."""
        while self._pending:
            repeat, entry = self._pending.pop(0)
            started = time.perf_counter()
            yield repeat, entry, self._tolerances[entry]
            self._costs[entry] = time.perf_counter() - started

    def cap(self, entry: Entry) -> float:
        """Return the time of all fits of a run of an entry, in seconds."""
        return self._caps[entry]

    def note(self, entry: Entry, fits: list[Fit]) -> None:
        """Choose the fits to repeat; drop an entry that failed, was capped or has run enough."""
        self._measured[entry] += sum(fit.seconds for fit in fits)
        if entry not in self._costs:  # its first run
            table = pd.DataFrame([asdict(fit) for fit in fits])
            found = {loosest_within(table, gap) for gap in self._parameters.gaps} - {None}
            self._tolerances[entry] = tuple(sorted((t for t in found if t), reverse=True))
        # A process that failed has no time: NaN is not below anything.
        enough = not self._measured[entry] < self._parameters.enough_seconds
        if enough or fits[-1].state in ("capped", "failed") or not self._tolerances[entry]:
            self._pending = [(i, other) for i, other in self._pending if other != entry]

    def time_left(self) -> str:
        """Return an estimate in words: an entry takes as long again, a new one the mean."""
        left = f"{len(self._pending)} runs left"
        if not self._costs or not self._pending:
            return left
        mean = sum(self._costs.values()) / len(self._costs)
        seconds = sum(self._costs.get(entry, mean) for _, entry in self._pending)
        return f"{left}, about {max(1, round(seconds / 60))} min"

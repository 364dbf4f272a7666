"""Parameters of the measurements."""

from typing import Any, Literal, Self

from pydantic import (
    ByteSize,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from mnist_gradients.benchmarking import solvers
from mnist_gradients.benchmarking.problems import GROUPS
from mnist_gradients.benchmarking.switches import CHANGES
from mnist_gradients.core.parameters import Parameters
from mnist_gradients.maths.checking import check_choice, mismatch
from mnist_gradients.training.parameters import TrainingParameters

Input = Literal["uint8", "float32", "float64"]


class TaskParameters(Parameters):
    """A classification task with one or more strengths of the penalty.

    Attributes:
        name: Name of the task in tables.
        positive_classes: Classes that count as 1 in a binary task; None keeps all classes apart.
        l2_values: Strengths of the penalty; the intercept is not penalised.
    """

    name: str
    positive_classes: tuple[NonNegativeInt, ...] | None = Field(default=None, min_length=1)
    l2_values: tuple[PositiveFloat, ...] = Field(min_length=1)


class SolverParameters(Parameters):
    """A solver or baseline, with the settings in which it is measured.

    Attributes:
        solver: A name of `solvers.SOLVERS`.
        inputs: Types of the rows; raw pixels if uint8, pixels in 0..1 otherwise.
        threads: Numbers of threads.
        tasks: Names of the tasks; None for all.
        cap_seconds: A cap of its own; None for that of the whole benchmark.
        tolerances: Tolerances of its fits, the loosest first; None for `measurement.ladder`.
    """

    solver: str
    inputs: tuple[Input, ...] = Field(min_length=1)
    threads: tuple[PositiveInt, ...] = Field(min_length=1)
    tasks: tuple[str, ...] | None = None
    cap_seconds: PositiveFloat | None = None
    tolerances: tuple[PositiveFloat, ...] | None = Field(default=None, min_length=1)

    @field_validator("solver")
    @classmethod
    def _solver_exists(cls, solver: str) -> str:
        solvers.find(solver)
        return solver


class TimeToGapParameters(Parameters):
    """The measurement of time to a gap.

    Attributes:
        tasks: The tasks.
        gaps: Relative suboptimality gaps, (J - J*) / J*.
        solvers: The solvers and baselines.
        repeats: Number of times that each fit which counts is run.
        enough_seconds: A solver that has run for so long is not repeated.
        cap_seconds: Time of all fits of one run together; a solver that was capped is not repeated.
    """

    tasks: tuple[TaskParameters, ...] = Field(min_length=1)
    gaps: tuple[PositiveFloat, ...] = Field(min_length=1)
    solvers: tuple[SolverParameters, ...] = Field(min_length=1)
    repeats: PositiveInt
    enough_seconds: PositiveFloat
    cap_seconds: PositiveFloat

    @model_validator(mode="after")
    def _tasks_exist(self) -> Self:
        names = [task.name for task in self.tasks]
        for name in sorted({name for entry in self.solvers for name in entry.tasks or ()}):
            check_choice("task", name, names)
        return self

    def task(self, name: str) -> TaskParameters:
        """Return the task of that name.

        Raises:
            ValueError: If there is none.
        """
        check_choice("task", name, [task.name for task in self.tasks])
        return next(task for task in self.tasks if task.name == name)

    def check_gap(self, gap: float) -> None:
        """Check that a gap is measured.

        Raises:
            ValueError: If it is not.
        """
        if gap not in self.gaps:
            raise mismatch("gap", f"{gap:g}", f"one of gaps {self.gaps}")


class ScalingParameters(Parameters):
    """The measurement of cost as the number of rows grows.

    Attributes:
        task: Name of the task.
        l2: Strength of the penalty.
        gap: Relative suboptimality gap that is timed.
        factors: Numbers of rows, in multiples of the images there are.
        translation: Largest translation of a copied image, in pixels.
        threads: Number of threads.
        cap_seconds: Time of all fits of one run together.
    """

    task: str
    l2: PositiveFloat
    gap: PositiveFloat
    factors: tuple[PositiveInt, ...] = Field(min_length=1)
    translation: PositiveInt
    threads: PositiveInt
    cap_seconds: PositiveFloat


class NetworkParameters(Parameters):
    """A network whose training is measured.

    Attributes:
        name: Name of the network in tables.
        changes: Changes to `ThroughputParameters.network`.
    """

    name: str
    changes: dict[str, Any]


class TricksParameters(Parameters):
    """The measurement of the default solver with one change at a time.

    Attributes:
        changes: Names of `switches.CHANGES`.
        gap: Relative suboptimality gap that the estimator is asked for.
        repeats: Largest number of fits with each change.
        enough_seconds: A change whose fits have taken so long is not repeated.
        cap_seconds: Time of all fits with a change together.
    """

    changes: tuple[str, ...] = Field(min_length=1)
    gap: PositiveFloat
    repeats: PositiveInt
    enough_seconds: PositiveFloat
    cap_seconds: PositiveFloat

    @field_validator("changes")
    @classmethod
    def _changes_exist(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            check_choice("change", name, CHANGES)
        return names


class ThroughputParameters(Parameters):
    """The measurement of the training of networks.

    Attributes:
        network: Parameters of the unchanged network.
        networks: The networks that are measured.
        seconds: Approximate time of each measurement.
        images: Number of training images to use.
    """

    network: TrainingParameters
    networks: tuple[NetworkParameters, ...] = Field(min_length=1)
    seconds: PositiveFloat
    images: PositiveInt


class RobustnessParameters(Parameters):
    """The measurement on problems of many shapes.

    Attributes:
        solvers: Names of `solvers.SOLVERS`; those that are not installed are left out.
        gap: Relative suboptimality gap that is timed.
        groups: Names of `problems.GROUPS`.
        rows: Number of images in the tasks on images.
        largest: Largest number of entries of X that are stored; larger problems are left out.
        cap_seconds: Time of all fits of one solver on one problem together.
        memory_mib: Largest address space of a process, on Linux.
    """

    solvers: tuple[str, ...] = Field(min_length=1)
    gap: PositiveFloat
    groups: tuple[str, ...] = Field(min_length=1)
    rows: PositiveInt
    largest: PositiveInt
    cap_seconds: PositiveFloat
    memory_mib: PositiveInt

    @field_validator("solvers")
    @classmethod
    def _solvers_exist(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            solvers.find(name)
        return names

    @field_validator("groups")
    @classmethod
    def _groups_exist(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            check_choice("group", name, GROUPS)
        return names


class DaskFitsParameters(Parameters):
    """The measurement of fits by workers of Dask.

    Attributes:
        rows: Numbers of rows.
        workers: Numbers of worker processes, each with one thread; 0 is this process alone, with
            the rows in memory.
        memory_limit: Memory of each worker, such as 1GB.
        l2: Strength of the penalty, for pixels divided by 255.
    """

    rows: tuple[PositiveInt, ...] = Field(min_length=1)
    workers: tuple[NonNegativeInt, ...] = Field(min_length=1)
    memory_limit: ByteSize
    l2: PositiveFloat

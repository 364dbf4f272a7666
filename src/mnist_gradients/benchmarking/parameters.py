"""Parameters of the benchmark pipeline."""

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from mnist_gradients.benchmarking import solvers
from mnist_gradients.maths.solvers.descent import SOLVERS

Input = Literal["uint8", "float32", "float64"]


class RaceTaskParameters(BaseModel):
    """A classification task, at one or more strengths of the penalty.

    Attributes:
        name: What to call it in tables.
        positive_classes: Classes that count as 1 in a binary task; None keeps all classes apart.
        l2_values: Strengths of the penalty; the intercept is free of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    positive_classes: tuple[NonNegativeInt, ...] | None = Field(default=None, min_length=1)
    l2_values: tuple[PositiveFloat, ...] = Field(min_length=1)


class ContenderParameters(BaseModel):
    """A solver, and where it takes part.

    Attributes:
        solver: A name of `solvers.CONTENDERS`: the project's own solvers and scikit-learn's.
        inputs: Types of the rows; raw pixels if uint8, pixels in 0..1 otherwise.
        threads: Numbers of threads.
        tasks: Names of the tasks; None for all.
        cap_seconds: A cap of its own; None for that of the whole benchmark.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    solver: str
    inputs: tuple[Input, ...] = Field(min_length=1)
    threads: tuple[PositiveInt, ...] = Field(min_length=1)
    tasks: tuple[str, ...] | None = None
    cap_seconds: PositiveFloat | None = None

    @field_validator("solver")
    @classmethod
    def _solver_exists(cls, solver: str) -> str:
        solvers.find(solver)
        return solver


class ScalingParameters(BaseModel):
    """How cost is measured as the number of rows grows.

    Attributes:
        task: Name of the task.
        l2: Strength of the penalty.
        gap: Relative gap to the optimum that is timed.
        factors: Numbers of rows, in multiples of the images there are.
        max_shift: Largest shift of a copied image, in pixels.
        threads: Number of threads.
        cap_seconds: Longest run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    l2: PositiveFloat
    gap: PositiveFloat
    factors: tuple[PositiveInt, ...] = Field(min_length=1)
    max_shift: PositiveInt
    threads: PositiveInt
    cap_seconds: PositiveFloat


class ThroughputParameters(BaseModel):
    """How the training of networks is timed.

    Attributes:
        networks: By name, what differs from the parameters of the network pipeline.
        seconds: How long to time each way of training, about.
        images: How many of the training images to use.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    networks: dict[str, dict[str, Any]] = Field(min_length=1)
    seconds: PositiveFloat
    images: PositiveInt


class BenchmarkParameters(BaseModel):
    """What is raced, and how often.

    Attributes:
        solver: The solver of the project that the headline and the scaling are about.
        tasks: The tasks.
        gaps: Relative gaps to the optimum, (J - J*) / J*, that are timed.
        headline_gaps: Those of them that stand in the headline.
        contenders: Who takes part.
        repeats: How often each is measured.
        enough_seconds: A contender that has been measured for so long is not repeated.
        cap_seconds: Longest run; a contender that was capped is not repeated.
        scaling: How cost is measured as the number of rows grows.
        robustness_rows: Rows of the tasks that stand for all the others.
        throughput: How the training of networks is timed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    solver: str
    tasks: tuple[RaceTaskParameters, ...] = Field(min_length=1)
    gaps: tuple[PositiveFloat, ...] = Field(min_length=1)
    headline_gaps: tuple[PositiveFloat, ...] = Field(min_length=1)
    contenders: tuple[ContenderParameters, ...] = Field(min_length=1)
    repeats: PositiveInt
    enough_seconds: PositiveFloat
    cap_seconds: PositiveFloat
    scaling: ScalingParameters
    robustness_rows: PositiveInt
    throughput: ThroughputParameters

    @field_validator("solver")
    @classmethod
    def _solver_exists(cls, solver: str) -> str:
        if solver not in SOLVERS:
            raise ValueError(f"found solver {solver!r}, expected one of {', '.join(SOLVERS)}")
        return solver

    @model_validator(mode="after")
    def _names_agree(self) -> "BenchmarkParameters":
        names = [task.name for task in self.tasks]
        used = {self.scaling.task}.union(*(contender.tasks or () for contender in self.contenders))
        for name in sorted(used - set(names)):
            raise ValueError(f"found task {name!r}, expected one of {', '.join(names)}")
        for gap in (*self.headline_gaps, self.scaling.gap):
            if gap not in self.gaps:
                raise ValueError(f"found gap {gap:g}, expected one of gaps {self.gaps}")
        l2_values = self.task(self.scaling.task).l2_values
        if self.scaling.l2 not in l2_values:
            raise ValueError(f"found scaling.l2 {self.scaling.l2:g}, expected one of {l2_values}")
        return self

    def task(self, name: str) -> RaceTaskParameters:
        """Return the task of that name."""
        return next(task for task in self.tasks if task.name == name)

"""Parameters of the benchmark pipeline."""

from typing import Self

from pydantic import Field, PositiveFloat, field_validator, model_validator

from mnist_gradients.benchmarking.parameters import (
    RobustnessParameters,
    ScalingParameters,
    ThroughputParameters,
    TimeToGapParameters,
    TricksParameters,
)
from mnist_gradients.maths.checking import check_choice, mismatch
from mnist_gradients.maths.solvers import SOLVERS


class BenchmarkParameters(TimeToGapParameters):
    """Everything that the benchmark measures.

    Attributes:
        solver: The project's solver in the headline and the scaling.
        headline_gaps: Those of the gaps that stand in the headline.
        tricks: The measurement of the default solver with one change at a time.
        scaling: The measurement of cost as the number of rows grows.
        robustness: The measurement on problems of many shapes.
        throughput: The measurement of the training of networks.
    """

    solver: str
    headline_gaps: tuple[PositiveFloat, ...] = Field(min_length=1)
    tricks: TricksParameters
    scaling: ScalingParameters
    robustness: RobustnessParameters
    throughput: ThroughputParameters

    @field_validator("solver")
    @classmethod
    def _solver_exists(cls, solver: str) -> str:
        check_choice("solver", solver, SOLVERS)
        return solver

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        for gap in (*self.headline_gaps, self.scaling.gap):
            self.check_gap(gap)
        l2_values = self.task(self.scaling.task).l2_values
        if self.scaling.l2 not in l2_values:
            raise mismatch("scaling.l2", f"{self.scaling.l2:g}", f"one of {l2_values}")
        return self

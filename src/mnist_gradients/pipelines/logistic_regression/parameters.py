"""Parameters of the logistic-regression pipeline, the same for every task."""

from pydantic import Field, PositiveFloat, field_validator

from mnist_gradients.maths.solvers import SOLVERS
from mnist_gradients.regression.solvers import ReferenceParameters, SolverParameters
from mnist_gradients.regression.task import Task


class TaskParameters(Task):
    """A classification task and the solvers that are compared on it.

    Attributes:
        l2_values: Strengths of the penalty to choose from by validation error.
        solvers: Solver name to its options; the names are the keys of `SOLVERS`.
        reference: Options of the scikit-learn fit.
    """

    l2_values: tuple[PositiveFloat, ...] = Field(min_length=1)
    solvers: dict[str, SolverParameters] = Field(min_length=1)
    reference: ReferenceParameters

    @field_validator("solvers")
    @classmethod
    def _solvers_exist(cls, solvers: dict[str, SolverParameters]) -> dict[str, SolverParameters]:
        for name in solvers:
            if name not in SOLVERS:
                raise ValueError(f"found solver {name!r}, expected one of {', '.join(SOLVERS)}")
        return solvers

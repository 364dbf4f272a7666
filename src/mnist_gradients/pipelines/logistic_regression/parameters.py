"""Parameters of the logistic-regression pipeline, the same for every task."""

from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
)

from mnist_gradients.maths.solvers.descent import SOLVERS


class SolverParameters(BaseModel):
    """When a solver stops, and how far it steps.

    Attributes:
        max_iterations: Largest number of iterations.
        tolerance: The solver's own stopping rule; see its docstring.
        step_size: Learning rate alpha; None lets the solver take 1/L.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    max_iterations: PositiveInt
    tolerance: PositiveFloat
    step_size: PositiveFloat | None = None


class ReferenceParameters(BaseModel):
    """How scikit-learn's `LogisticRegression` finds the reference optimum.

    Attributes:
        solver: Its solver.
        max_iterations: Its `max_iter`.
        tolerance: Its `tol`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    solver: Literal["lbfgs", "newton-cg", "newton-cholesky"]
    max_iterations: PositiveInt
    tolerance: PositiveFloat


class TaskParameters(BaseModel):
    """A classification task and the solvers that race on it.

    Attributes:
        positive_classes: The classes that count as 1 in a binary task; None keeps all classes
            apart (softmax regression).
        l2_values: Strengths of the penalty to choose from by validation error.
        intercept: "free" is not penalised, as in scikit-learn; "penalised" treats it as the
            weight of a constant feature; "none" leaves it out.
        solvers: Solver name to its options; the names are those of `maths.descent.SOLVERS`.
        reference: How the reference optimum is found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    positive_classes: tuple[NonNegativeInt, ...] | None = Field(default=None, min_length=1)
    l2_values: tuple[PositiveFloat, ...] = Field(min_length=1)
    intercept: Literal["free", "penalised", "none"]
    solvers: dict[str, SolverParameters] = Field(min_length=1)
    reference: ReferenceParameters

    @field_validator("solvers")
    @classmethod
    def _solvers_exist(cls, solvers: dict[str, SolverParameters]) -> dict[str, SolverParameters]:
        for name in solvers:
            if name not in SOLVERS:
                raise ValueError(f"found solver {name!r}, expected one of {', '.join(SOLVERS)}")
        return solvers

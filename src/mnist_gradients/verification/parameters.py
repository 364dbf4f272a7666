"""Parameters of the derivations pipeline."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator


class StepSweepParameters(BaseModel):
    """Steps at which difference quotients are compared with the hand-derived gradient.

    Attributes:
        largest: Largest step.
        smallest: Smallest step.
        points_per_decade: Number of steps per factor of ten.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    largest: PositiveFloat
    smallest: PositiveFloat
    points_per_decade: PositiveInt

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.smallest >= self.largest:
            raise ValueError(f"smallest is {self.smallest}, expected less than {self.largest}")
        return self


class TwinParameters(BaseModel):
    """The network that is trained twice, by the hand-derived code and by Keras.

    Attributes:
        hidden_widths: Number of units of each hidden layer.
        activation: Activation of the hidden layers.
        batch_size: Images per iteration.
        iterations: Steps of stochastic gradient descent.
        step_size: Learning rate.
        float64_tolerance: Largest difference between the two losses of one iteration, in nats, that
            counts as equal in float64.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden_widths: tuple[PositiveInt, ...] = Field(min_length=1)
    activation: Literal["relu", "tanh", "sigmoid"]
    batch_size: PositiveInt
    iterations: PositiveInt
    step_size: PositiveFloat
    float64_tolerance: PositiveFloat


class DerivationsParameters(BaseModel):
    """All parameters of the pipeline.

    Attributes:
        leave_out: Oracles not to ask, where time is short; the SymPy ones take the longest.
        step_sweep: Error of difference quotients against their step.
        twin: The network that is trained twice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    leave_out: tuple[Literal["SymPy proof", "SymPy derivative"], ...] = ()
    step_sweep: StepSweepParameters
    twin: TwinParameters

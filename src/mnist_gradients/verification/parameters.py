"""Parameters of the checks that train or sweep."""

from typing import Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from mnist_gradients.core.parameters import Parameters


class StepSweepParameters(Parameters):
    """Steps at which difference quotients are compared with the hand-derived gradient.

    Attributes:
        largest: Largest step.
        smallest: Smallest step.
        points_per_decade: Number of steps per factor of ten.
    """

    largest: PositiveFloat
    smallest: PositiveFloat
    points_per_decade: PositiveInt

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.smallest >= self.largest:
            raise ValueError(f"smallest: found {self.smallest}, expected less than {self.largest}")
        return self


class ParityCheckParameters(Parameters):
    """The network that is trained twice, by the hand-derived code and by Keras.

    Attributes:
        hidden_units: Number of units of each hidden layer.
        activation: Activation of the hidden layers.
        batch_size: Images per iteration.
        iterations: Steps of stochastic gradient descent.
        learning_rate: Learning rate.
        float64_tolerance: Largest difference between the two losses of one iteration, in nats, that
            counts as equal in float64.
    """

    hidden_units: tuple[PositiveInt, ...] = Field(min_length=1)
    activation: Literal["relu", "tanh", "sigmoid"]
    batch_size: PositiveInt
    iterations: PositiveInt
    learning_rate: PositiveFloat
    float64_tolerance: PositiveFloat

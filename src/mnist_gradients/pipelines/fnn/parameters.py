"""Parameters of the feed-forward network and of its training."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt


class FnnParameters(BaseModel):
    """Architecture, optimiser and recording.

    Attributes:
        hidden_widths: Number of units of each hidden layer.
        activation: Activation of the hidden layers, by its Keras name.
        dropout: Share of hidden units dropped in training; 0 switches dropout off.
        batch_normalisation: Normalise each hidden layer before its activation.
        optimiser: "momentum" is SGD with Nesterov momentum 0.9.
        learning_rate: Highest learning rate of the schedule.
        weight_decay: Decoupled weight decay; "adamw" alone applies it.
        schedule: "cosine" falls from learning_rate to 0 over the run.
        warmup_epochs: Epochs over which the learning rate rises linearly from 0 ("cosine" alone).
        label_smoothing: Share of the target probability spread evenly over all classes.
        max_shift: Each training image is moved by up to this many pixels in x and in y.
        batch_size: Images per iteration.
        epochs: Passes over the training images.
        evaluate_every: Iterations between two evaluations on the validation and test images.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    hidden_widths: tuple[PositiveInt, ...] = Field(min_length=1)
    activation: Literal["relu", "tanh", "sigmoid", "gelu", "silu"]
    dropout: float = Field(ge=0, lt=1)
    batch_normalisation: bool
    optimiser: Literal["sgd", "momentum", "adam", "adamw"]
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    schedule: Literal["constant", "cosine"]
    warmup_epochs: NonNegativeFloat
    label_smoothing: float = Field(ge=0, lt=1)
    max_shift: int = Field(ge=0)
    batch_size: PositiveInt
    epochs: PositiveInt
    evaluate_every: PositiveInt

"""Parameters of the ablation pipeline."""

from typing import Any

from pydantic import Field, PositiveInt

from mnist_gradients.training.parameters import Parameters


class AblationParameters(Parameters):
    """What to compare.

    Attributes:
        variants: By name, what differs from the parameters of the network pipeline.
        sizes: Numbers of training images to compare; larger than there are means all of them.
        epochs: Lengths of training to compare.
        seeds: Trainings of each, with the seeds seed, seed + 1, ...
    """

    variants: dict[str, dict[str, Any]]
    sizes: tuple[PositiveInt, ...] = Field(min_length=1)
    epochs: tuple[PositiveInt, ...] = Field(min_length=1)
    seeds: PositiveInt

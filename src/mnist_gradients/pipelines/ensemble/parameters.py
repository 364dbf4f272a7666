"""Parameters of the ensemble pipeline."""

from typing import Literal

from pydantic import Field, PositiveInt

from mnist_gradients.core.parameters import Parameters
from mnist_gradients.training.parameters import TrainingParameters


class EnsembleParameters(Parameters):
    """The members of an ensemble.

    Attributes:
        network: Parameters of every member.
        normalisations: One member for each, with the seeds seed, seed + 1, ...: images as they are
            ("original"), deskewed ("deskew"), or of a width in pixels.
    """

    network: TrainingParameters
    normalisations: tuple[Literal["original", "deskew"] | PositiveInt, ...] = Field(min_length=1)

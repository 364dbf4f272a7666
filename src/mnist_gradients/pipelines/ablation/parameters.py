"""Parameters of the ablation pipeline."""

from typing import Any, Self

from pydantic import Field, PositiveInt, model_validator

from mnist_gradients.core.parameters import Parameters
from mnist_gradients.maths.checking import check_choice
from mnist_gradients.training.parameters import TrainingParameters


class AblationParameters(Parameters):
    """What to compare.

    Attributes:
        network: Parameters of the unchanged network.
        compared: Name of the set of variants that is trained.
        variants: By set and name, the changes to the parameters of the network.
        sizes: Numbers of training images to compare; a larger number than there are means all.
        epochs: Lengths of training to compare.
        seeds: Number of trainings of each, with the seeds seed, seed + 1, ...
        n_jobs: Number of them at a time, each in a process of its own, by the current backend of
            joblib; the errors do not depend on it.
    """

    network: TrainingParameters
    compared: str
    variants: dict[str, dict[str, dict[str, Any]]]
    sizes: tuple[PositiveInt, ...] = Field(min_length=1)
    epochs: tuple[PositiveInt, ...] = Field(min_length=1)
    seeds: PositiveInt
    n_jobs: PositiveInt

    @model_validator(mode="after")
    def _set_exists(self) -> Self:
        check_choice("compared", self.compared, self.variants)
        return self

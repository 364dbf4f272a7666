"""Parameters of the preprocessing check."""

from typing import Self

from pydantic import Field, PositiveInt, model_validator

from mnist_gradients.core.parameters import Parameters
from mnist_gradients.preprocessing.rendering import KINDS


class PreprocessingCheckParameters(Parameters):
    """Which digits are rendered, and how well they must be read.

    Attributes:
        images: Number of test images of each kind, from the first; at most as many as there are.
        least_accuracy: Fraction that the network must read right of each kind.
        extreme: Kinds that may fall below it.
        digit_size: Longer side of the digit in an image, in pixels.
        solver: Name of one of the linear models of a task.
        positive_classes: Classes that the binary model tells from the others.
    """

    images: PositiveInt
    least_accuracy: float = Field(ge=0, le=1)
    extreme: tuple[str, ...] = ()
    digit_size: PositiveInt
    solver: str
    positive_classes: tuple[int, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _kinds_are_known(self) -> Self:
        unknown = [kind for kind in self.extreme if kind not in KINDS]
        if unknown:
            raise ValueError(f"found extreme {unknown[0]!r}, expected some of {', '.join(KINDS)}")
        return self

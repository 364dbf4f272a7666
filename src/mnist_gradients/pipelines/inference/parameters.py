"""Parameters of the inference pipeline."""

from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from mnist_gradients.core.parameters import Parameters


class InferenceParameters(Parameters):
    """Which images are read by which model.

    Attributes:
        folder: Folder of the images; the catalog reads it.
        model: The pipeline or task that trained the model; the catalog loads that model alone.
        solver: Name of one of the linear models of a task; without effect on "fnn".
        binary_classes: Names of the two classes of the binary task, the positive one last.
        least_probability: A shape that is read with less is rejected as no digit.
        most_megapixels: A picture with more is refused before it is decoded.
        digit_size: Longer side of the digit inside the model's input, in pixels.
        image_size: Side of that input, in pixels.
    """

    folder: str = Field(min_length=1)
    model: Literal["fnn", "binary", "multinomial"]
    solver: str
    binary_classes: tuple[str, str]
    least_probability: float = Field(ge=0, lt=1)
    most_megapixels: float = Field(gt=0)
    digit_size: PositiveInt
    image_size: PositiveInt

    @model_validator(mode="after")
    def _digit_fits(self) -> Self:
        if self.digit_size > self.image_size:
            raise ValueError(
                f"found digit_size {self.digit_size}, "
                f"expected at most image_size, which is {self.image_size}"
            )
        return self

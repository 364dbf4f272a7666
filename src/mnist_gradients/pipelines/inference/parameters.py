"""Parameters of the inference pipeline."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator


class InferenceParameters(BaseModel):
    """Which images go through which model.

    Attributes:
        folder: Where the images lie; the catalog reads it.
        model: The pipeline or task that trained the model; the catalog loads that model alone.
        solver: Which of the linear models of a task; of no meaning to "fnn".
        binary_classes: What to call the two classes of the binary task, the positive one last.
        digit_size: Longer side of the digit inside the image that the model sees, in pixels.
        image_size: Side of that image, in pixels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str = Field(min_length=1)
    model: Literal["fnn", "binary", "multinomial"]
    solver: str
    binary_classes: tuple[str, str]
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

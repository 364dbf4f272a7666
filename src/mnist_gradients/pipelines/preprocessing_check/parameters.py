"""Parameters of the round trip."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator


class RoundTripParameters(BaseModel):
    """Which digits make the trip, and what it may cost.

    Attributes:
        images: How many test images, from the first; more than there are means all of them.
        smallest_factor: A digit is blown up at least so many times.
        largest_factor: And at most so many times.
        allowed_loss: Percentage points of accuracy that a model may lose.
        digit_size: Longer side of the digit in an image, in pixels.
        solver: Which of the linear models of a task.
        positive_classes: The classes that the binary model tells from the others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    images: PositiveInt
    smallest_factor: float = Field(ge=1)
    largest_factor: float = Field(ge=1, le=50)
    allowed_loss: float = Field(ge=0, le=100)
    digit_size: PositiveInt
    solver: str
    positive_classes: tuple[int, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _factors_are_in_order(self) -> Self:
        if self.smallest_factor > self.largest_factor:
            raise ValueError(
                f"found smallest_factor {self.smallest_factor}, "
                f"expected at most largest_factor, which is {self.largest_factor}"
            )
        return self

"""Parameters of the import_data pipeline."""

from pydantic import Field, PositiveFloat, PositiveInt

from mnist_gradients.core.parameters import Parameters


class ImportParameters(Parameters):
    """Where images come from, and what their pixels mean.

    Attributes:
        source: A folder, a file, or the beginning of the names of several files.
        test_size: Test images if the source has none: a fraction of all images, or their number.
        full_ink: Pixel value of full ink; None is 1 if no pixel is above 1, and 255 otherwise.
        invert: Whether 0 is full ink and not background.
        transpose: Whether images are stored column by column, as in EMNIST.
    """

    source: str
    test_size: PositiveInt | float = Field(gt=0)
    full_ink: PositiveFloat | None = None
    invert: bool = False
    transpose: bool = False

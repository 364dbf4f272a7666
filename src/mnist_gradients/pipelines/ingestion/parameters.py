"""Parameters of the ingestion pipeline."""

from pydantic import Field, PositiveInt

from mnist_gradients.core.parameters import Parameters


class IngestionParameters(Parameters):
    """What the raw files must hold, and how the training set is split.

    Attributes:
        n_classes: Labels must lie in 0 .. n_classes - 1; each must occur in training and test set.
        validation_size: Validation images: a fraction of the training images, or their number.
        train_limit: Size of the stratified subset of the training images to keep; None keeps all.
        test_limit: The same for the test images.
    """

    n_classes: int = Field(ge=2, le=256)
    validation_size: PositiveInt | float = Field(gt=0)
    train_limit: PositiveInt | None = None
    test_limit: PositiveInt | None = None

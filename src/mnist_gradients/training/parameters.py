"""Parameters of a network and of its training."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from mnist_gradients.core.class_weights import ClassWeights
from mnist_gradients.core.parameters import Parameters


class AugmentationParameters(Parameters):
    """Limits of the random changes to each training image; zero switches a change off.

    Attributes:
        translation: Largest translation in x and in y, in whole pixels.
        rotation: Largest rotation either way, in degrees.
        scale: Largest relative change of the height and of the width, drawn separately.
        shear: Largest horizontal shear, in pixels per pixel of height.
        elastic: Mean length of the elastic displacement field, in pixels.
        elastic_smoothness: Standard deviation of the Gaussian that smooths the field, in pixels.
    """

    translation: int = Field(ge=0)
    rotation: float = Field(ge=0, le=180)
    scale: float = Field(ge=0, lt=1)
    shear: NonNegativeFloat
    elastic: NonNegativeFloat
    elastic_smoothness: PositiveFloat

    @property
    def translation_only(self) -> bool:
        """Whether every change but the translation is off."""
        return not (self.rotation or self.scale or self.shear or self.elastic)


class CheckpointParameters(Parameters):
    """Where and how often a training saves its state.

    Attributes:
        folder: Local folder of the checkpoints of all trainings.
        seconds: Least time between two checkpoints of a training.
    """

    folder: Path
    seconds: NonNegativeFloat

    @field_validator("folder", mode="before")
    @classmethod
    def _is_local(cls, folder: Path | str) -> Path | str:
        path = str(folder).removeprefix("file://")
        if "://" in path:
            raise ValueError(f"found {folder}, expected a local folder (parameter data_root)")
        return path


class TrainingParameters(Parameters):
    """Architecture, optimiser, data and recording of one training.

    Attributes:
        hidden_units: Number of units of each hidden layer.
        activation: Activation of the hidden layers, by its Keras name.
        dropout: Fraction of hidden units dropped in training; 0 switches dropout off.
        batch_normalisation: Normalise each hidden layer before its activation.
        optimiser: "momentum" is SGD with Nesterov momentum 0.9.
        learning_rate: Highest learning rate of the schedule.
        weight_decay: Decoupled weight decay, applied by "adamw" only.
        schedule: "cosine" rises linearly over the first half epoch and falls to 0 over the rest.
        label_smoothing: Fraction of the target probability spread evenly over all classes.
        class_weights: Weights of the classes in the loss that is minimised, as in
            `weights_by_class`; the recorded losses have no weights.
        augmentation: Random changes to the training images.
        train_on_validation: Add the validation images to the training images; then no validation
            metric is measured.
        batch_size: Images per iteration.
        epochs: Passes over the training images.
        evaluate_every: Largest interval between two evaluations, in iterations; the intervals
            before it are shorter.
        record_every: Iterations between two rows of the history.
        checkpoints: Where and how often the training saves its state.
    """

    hidden_units: tuple[PositiveInt, ...] = Field(min_length=1)
    activation: Literal["relu", "tanh", "sigmoid", "gelu", "silu"]
    dropout: float = Field(ge=0, lt=1)
    batch_normalisation: bool
    optimiser: Literal["sgd", "momentum", "adam", "adamw"]
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    schedule: Literal["constant", "cosine"]
    label_smoothing: float = Field(ge=0, lt=1)
    class_weights: ClassWeights = None
    augmentation: AugmentationParameters
    train_on_validation: bool
    batch_size: PositiveInt
    epochs: PositiveInt
    evaluate_every: PositiveInt
    record_every: PositiveInt
    checkpoints: CheckpointParameters

    def changed(self, changes: dict[str, Any]) -> Self:
        """Return these parameters with other values, checked; inside augmentation as well."""
        options = self.model_dump()
        augmentation = options["augmentation"] | changes.get("augmentation", {})
        return type(self)(**(options | changes | {"augmentation": augmentation}))

"""Parameters of the feed-forward network and of its training."""

from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
)

from mnist_gradients.training.views import View


class Parameters(BaseModel):
    """What all parameters have in common: no unknown names, no changes, finite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AugmentationParameters(Parameters):
    """How far each training image is deformed, anew each time it is shown; zero is not at all.

    Attributes:
        max_shift: Moved by up to this many whole pixels in x and in y.
        rotation: Turned by up to this many degrees either way.
        scale: Height and width, each on its own, larger or smaller by up to this share.
        shear: Slanted by up to this many pixels to the side per pixel in height.
        elastic: Mean length, in pixels, by which a smooth random field displaces the pixels.
        elastic_smoothness: Standard deviation, in pixels, of the Gaussian that smooths the field.
    """

    max_shift: int = Field(ge=0)
    rotation: float = Field(ge=0, le=180)
    scale: float = Field(ge=0, lt=1)
    shear: NonNegativeFloat
    elastic: NonNegativeFloat
    elastic_smoothness: PositiveFloat

    @property
    def moves_only(self) -> bool:
        """Whether images are moved by whole pixels and not deformed."""
        return not (self.rotation or self.scale or self.shear or self.elastic)


class FnnParameters(Parameters):
    """Architecture, optimiser, recording, and how many such networks to train.

    Attributes:
        hidden_widths: Number of units of each hidden layer.
        activation: Activation of the hidden layers, by its Keras name.
        dropout: Share of hidden units dropped in training; 0 switches dropout off.
        batch_normalisation: Normalise each hidden layer before its activation.
        precision: "mixed_bfloat16" multiplies in bfloat16 and keeps weights in float32.
        optimiser: "momentum" is SGD with Nesterov momentum 0.9.
        learning_rate: Highest learning rate of the schedule.
        weight_decay: Decoupled weight decay; "adamw" alone applies it.
        schedule: "cosine" falls from learning_rate to 0 over the run; "warmup_stable_decay" stays
            there and falls linearly to 0 over the last fifth.
        warmup_epochs: Epochs over which the learning rate rises linearly from 0 (not "constant").
        label_smoothing: Share of the target probability spread evenly over all classes.
        weight_averaging: Share of the average of past weights that each iteration keeps; the
            average is what is evaluated and returned. 0 for the last weights.
        augmentation: How training images are deformed.
        include_validation: Train on the validation images too; nothing is then measured on them.
        batch_size: Images per iteration.
        epochs: Passes over the training images.
        evaluate_every: Iterations between two evaluations on the validation and test images.
        record_every: Iterations between two that are recorded.
        networks: Networks to train, with the seeds seed, seed + 1, ...; they form a committee.
        views: What they are shown, one after another, from the front again if there are more
            networks: digits as they are ("original"), upright, or of a width in pixels. The first
            is "original", because that network is the one that other pipelines use.
        checkpoint_seconds: Least time between two checkpoints of a training.
    """

    hidden_widths: tuple[PositiveInt, ...] = Field(min_length=1)
    activation: Literal["relu", "tanh", "sigmoid", "gelu", "silu"]
    dropout: float = Field(ge=0, lt=1)
    batch_normalisation: bool
    precision: Literal["float32", "mixed_bfloat16"]
    optimiser: Literal["sgd", "momentum", "adam", "adamw"]
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    schedule: Literal["constant", "cosine", "warmup_stable_decay"]
    warmup_epochs: NonNegativeFloat
    label_smoothing: float = Field(ge=0, lt=1)
    weight_averaging: float = Field(ge=0, lt=1)
    augmentation: AugmentationParameters
    include_validation: bool
    batch_size: PositiveInt
    epochs: PositiveInt
    evaluate_every: PositiveInt
    record_every: PositiveInt
    networks: PositiveInt
    views: tuple[Literal["original", "upright"] | PositiveInt, ...]
    checkpoint_seconds: NonNegativeFloat

    @field_validator("views")
    @classmethod
    def _first_is_original(cls, views: tuple[View, ...]) -> tuple[View, ...]:
        if views[:1] != ("original",):
            raise ValueError("expected original as the first")
        return views

    def view_of(self, number: int) -> View:
        """Return what a network, counted from 0, is shown."""
        return self.views[number % len(self.views)]

    def changed(self, changes: dict[str, Any]) -> Self:
        """Return these parameters with other values, checked; inside augmentation as well."""
        options = self.model_dump()
        augmentation = options["augmentation"] | changes.get("augmentation", {})
        return type(self)(**(options | changes | {"augmentation": augmentation}))

"""The images of one training: to train on, and to evaluate."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from mnist_gradients.core.labelled_images import LabelledImages
from mnist_gradients.training.normalisations import Normalisation, normalise


@dataclass(frozen=True, eq=False)
class TrainingSets:
    """Labelled images of one training.

    Attributes:
        train: Images to train on.
        validation: Images for the validation columns of the history; None leaves them empty.
        test: Images for the test columns of the history; None leaves them empty.
    """

    train: LabelledImages
    validation: LabelledImages | None
    test: LabelledImages | None

    @classmethod
    def choose(
        cls,
        train: LabelledImages,
        validation: LabelledImages,
        test: LabelledImages,
        *,
        train_on_validation: bool,
    ) -> Self:
        """Return the three sets, or with the validation images among the training images."""
        if not train_on_validation:
            return cls(train, validation, test)
        images = np.concatenate([train.images, validation.images])
        labels = np.concatenate([train.labels, validation.labels])
        return cls(LabelledImages(images, labels), None, test)

    def normalised(self, normalisation: Normalisation) -> Self:
        """Return the sets with their images normalised."""
        return type(self)(
            normalise(self.train, normalisation),
            self.validation and normalise(self.validation, normalisation),
            self.test and normalise(self.test, normalisation),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all images and labels, in hexadecimal digits."""
        digest = hashlib.sha256()
        for labelled in (self.train, self.validation, self.test):
            for array in () if labelled is None else (labelled.images, labelled.labels):
                digest.update(str(array.shape).encode())
                digest.update(np.ascontiguousarray(array).data)
            digest.update(b"|")
        return digest.hexdigest()

"""One member of an ensemble, trained alone."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from mnist_gradients.core.trained_network import TrainedNetwork
from mnist_gradients.training.checkpoints import Checkpoint, name_of_training
from mnist_gradients.training.loop import train
from mnist_gradients.training.normalisations import Normalisation
from mnist_gradients.training.parameters import TrainingParameters
from mnist_gradients.training.sets import TrainingSets

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Member:
    """What distinguishes a member of an ensemble from the others.

    Attributes:
        seed: Seed of its training.
        normalisation: Normalisation of its images, in training and in use.
        training: Name of its training; see `checkpoints.name_of_training`.
    """

    seed: int
    normalisation: Normalisation
    training: str


def list_members(
    sets: TrainingSets,
    parameters: TrainingParameters,
    normalisations: tuple[Normalisation, ...],
    seed: int,
) -> Iterator[Member]:
    """Yield the members of an ensemble: one for each normalisation, with seeds from ``seed`` on."""
    for number, normalisation in enumerate(normalisations, start=seed):
        training = name_of_training(parameters, number, sets, normalisation)
        yield Member(number, normalisation, training)


def train_member(
    member: Member, sets: TrainingSets, parameters: TrainingParameters
) -> TrainedNetwork:
    """Train one member, independently of the others.

    Args:
        member: Its seed and its normalisation.
        sets: Images as they are, the same for all members.
        parameters: Parameters of the training, the same for all members.
    """
    logger.info("    member with seed %d, normalisation %s", member.seed, member.normalisation)
    checkpoint = Checkpoint(parameters.checkpoints.folder, member.training)
    return train(sets.normalised(member.normalisation), parameters, member.seed, checkpoint)

"""Parameters of the fnn pipeline."""

from mnist_gradients.training.parameters import TrainingParameters


class FnnParameters(TrainingParameters):
    """Parameters of the one network that this pipeline trains."""

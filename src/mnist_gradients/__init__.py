"""MNIST Gradients: gradients derived by hand, checked by oracles, and benchmarked."""

__version__ = "0.1.0"

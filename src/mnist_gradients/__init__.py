"""MNIST Gradients: gradients derived by hand, proven against independent oracles, and raced."""

__version__ = "0.1.0"

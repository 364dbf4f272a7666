"""Checks of every derivation of P1, P2 and P3, and of a network against Keras."""

from mnist_gradients.pipelines.derivations.pipeline import create_pipeline

__all__ = ["create_pipeline"]

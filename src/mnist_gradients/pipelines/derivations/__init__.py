"""Every derivation of P1, P2 and P3, proven against independent oracles, and a network's twin."""

from mnist_gradients.pipelines.derivations.pipeline import create_pipeline

__all__ = ["create_pipeline"]

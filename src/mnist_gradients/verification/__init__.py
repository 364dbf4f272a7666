"""Checks of every hand-derived formula against independent oracles."""

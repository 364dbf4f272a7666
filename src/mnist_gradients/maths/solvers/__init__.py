"""Solvers: each minimises an objective that returns its value and its gradient together."""

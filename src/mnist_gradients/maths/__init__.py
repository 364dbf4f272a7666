"""The mathematics, in NumPy and SciPy alone: it knows nothing of the rest of the project."""

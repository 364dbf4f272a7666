"""The mathematics, in NumPy and SciPy. It imports nothing of the rest of the project."""

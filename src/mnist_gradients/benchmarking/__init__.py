"""Time and memory to a given suboptimality gap: the project's solvers and scikit-learn's."""

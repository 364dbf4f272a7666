"""Parameters of the comparison of runs."""

from mnist_gradients.core.parameters import Parameters


class CompareRunsParameters(Parameters):
    """Which runs are compared.

    Attributes:
        runs: Names of the runs, in the order of the table; none means all runs.
    """

    runs: tuple[str, ...]

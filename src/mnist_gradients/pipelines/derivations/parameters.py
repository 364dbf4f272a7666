"""Parameters of the derivations pipeline."""

from typing import Literal

from mnist_gradients.core.parameters import Parameters
from mnist_gradients.verification.parameters import ParityCheckParameters, StepSweepParameters


class DerivationsParameters(Parameters):
    """All parameters of the pipeline.

    Attributes:
        skipped_oracles: Oracles that are left out to save time; the SymPy ones take the longest.
        step_sweep: Steps of the difference quotients.
        parity_check: The network that is trained twice.
    """

    skipped_oracles: tuple[Literal["SymPy proof", "SymPy derivative"], ...] = ()
    step_sweep: StepSweepParameters
    parity_check: ParityCheckParameters

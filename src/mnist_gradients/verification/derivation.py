"""The two kinds of check: a derivation (an objective and its gradient) and an equality."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]  # float64, but for labels

PROOF = "SymPy proof"
EXACT = "SymPy derivative"
VALUE = "SymPy value"
COMPLEX = "complex step"
CENTRAL = "central differences"
TAPE = "TensorFlow GradientTape"
KERAS = "Keras optimiser"
SVD = "singular values"


@dataclass(frozen=True)
class Derivation:
    """A hand-derived gradient: one objective in three languages, its gradient in two.

    The two Python functions are the code under test. The other three are the definitions it is
    tested against. They take the library first (`sympy` or `tensorflow`), then the quantities by
    name: symbols and column or rectangular matrices of symbols, or float64 tensors.

    Attributes:
        statements: Each identity, in words, and the names of the arguments whose gradients it
            states. Gradients come in this order everywhere.
        point: Value of every quantity by name: the arguments, and the data.
        objective: J in our code: keyword arguments to a number.
        gradients: dJ/d(argument) in our code, for every argument.
        symbolic_objective: J in SymPy.
        tensor_objective: J in TensorFlow.
        symbolic_gradients: The hand-derived formulas in SymPy; None if a check of its own proves
            them.
        probabilities: Names of quantities with rows that sum to one, also as symbols.
        analytic: Whether the code of J accepts complex numbers, which the complex step needs.
    """

    statements: Mapping[str, Sequence[str]]
    point: Mapping[str, ArrayLike]
    objective: Callable[..., Any]
    gradients: Callable[..., Sequence[Any]]
    symbolic_objective: Callable[..., Any]
    tensor_objective: Callable[..., Any]
    symbolic_gradients: Callable[..., Sequence[Any]] | None = None
    probabilities: Sequence[str] = ()
    analytic: bool = False

    @property
    def arguments(self) -> list[str]:
        """Names of the arguments, in the order of their gradients."""
        return [name for names in self.statements.values() for name in names]


@dataclass(frozen=True)
class Equality:
    """Two computations of the same numbers.

    Attributes:
        identity: What is stated, in words.
        oracle: Source of the second computation.
        ours: The numbers by the code under test.
        expected: The numbers by the oracle.
        tolerance: Largest absolute difference that rounding explains.
    """

    identity: str
    oracle: str
    ours: Callable[[], ArrayLike]
    expected: Callable[[], ArrayLike]
    tolerance: float = field(default=1e-12, kw_only=True)

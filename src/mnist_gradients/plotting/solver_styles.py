"""One colour and one line style per solver, in every figure.

The colours are those of Okabe and Ito, which colour-blind readers can tell apart; the line styles
tell the solvers apart without colour.
"""

from typing import NamedTuple

# plotly's names and matplotlib's values
LINE_STYLES: dict[str, str | tuple[int, tuple[int, ...]]] = {
    "solid": "-",
    "dot": ":",
    "dash": "--",
    "dashdot": "-.",
    "longdash": (0, (8, 2)),
    "longdashdot": (0, (8, 2, 1, 2)),
}


class SolverStyle(NamedTuple):
    """The line of a solver.

    Attributes:
        colour: As ``#rrggbb``.
        dash: A key of `LINE_STYLES`, plotly's ``line.dash``.
    """

    colour: str
    dash: str

    @property
    def line_style(self) -> str | tuple[int, tuple[int, ...]]:
        """Matplotlib's ``linestyle``."""
        return LINE_STYLES[self.dash]


SOLVER_STYLES = {
    "gradient_descent": SolverStyle("#0072b2", "dot"),
    "accelerated_descent": SolverStyle("#e69f00", "dash"),
    "lbfgs": SolverStyle("#009e73", "dashdot"),
    "preconditioned_lbfgs": SolverStyle("#d55e00", "solid"),
    "scikit_learn": SolverStyle("#000000", "solid"),
    "scikit_learn_lbfgs": SolverStyle("#000000", "dashdot"),
    "scikit_learn_newton_cg": SolverStyle("#56b4e9", "longdash"),
    "scikit_learn_newton_cholesky": SolverStyle("#cc79a7", "longdashdot"),
    "scikit_learn_sag": SolverStyle("#999999", "dash"),
    "scikit_learn_saga": SolverStyle("#999999", "dot"),
    "intelex_lbfgs": SolverStyle("#56b4e9", "dot"),
    "glum": SolverStyle("#cc79a7", "dash"),
    "scikit_learn_liblinear": SolverStyle("#999999", "solid"),
    "skglm": SolverStyle("#56b4e9", "dash"),
    "snapml": SolverStyle("#cc79a7", "dot"),
}

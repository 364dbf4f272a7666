"""Changes to the inside of the default solver, for the measurement of what each part of it buys.

Each change replaces module-level names for as long as a worker's job lasts. This is the one place
outside the solver that knows them; `CHANGES` lists what there is.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Literal
from unittest.mock import patch

import numpy as np

from mnist_gradients.maths.rows import blocks, products
from mnist_gradients.maths.rows.labelled_rows import ArrayRows, LabelledRows
from mnist_gradients.maths.solvers import columns, coordinates, search, working_problem
from mnist_gradients.maths.solvers.sampling import sample

Input = Literal["uint8", "float32", "float64"]
Replacement = tuple[object, str, Any]  # object, attribute, value

UNLIMITED = 2**62


def _no_factors() -> list[Replacement]:
    return [(working_problem, "choose_model", lambda *_: "diagonal")]


def _no_warm_start() -> list[Replacement]:
    return [(search, "warm_start_rows", lambda _: 0)]


def _no_centring() -> list[Replacement]:
    def describe_columns(few: Any) -> columns.Columns:
        found = columns.describe_columns(few)
        return replace(found, centre=np.zeros_like(found.centre))

    return [(working_problem, "describe_columns", describe_columns)]


def _no_tiles_or_padding() -> list[Replacement]:
    return [
        (products, "rows_per_tile", lambda n_rows, *_: n_rows),
        (products, "_padded", lambda columns: columns),
    ]


def _one_block() -> list[Replacement]:
    return [(blocks, "BLOCK_ENTRIES", UNLIMITED), (blocks, "MOST_ROWS", UNLIMITED)]


def _even_sample() -> list[Replacement]:
    def curvature_coordinates(
        few: Any,
        w: Any,
        features: Any,
        model: coordinates.Model,
        generator: np.random.Generator,
        **options: bool,
    ) -> coordinates.Coordinates:
        n_rows = coordinates.rows_per_factor(few.n_outputs if model == "classes" else 1)
        few = sample(few, n_rows, generator)  # so few that all of them enter each factor
        return coordinates.curvature_coordinates(few, w, features, model, generator, **options)

    return [(search, "curvature_coordinates", curvature_coordinates)]


def _one_sample() -> list[Replacement]:
    return [(working_problem, "candidate_rows", lambda *_: 0)]


def _not_drawn_by_curvature() -> list[Replacement]:
    return [(working_problem, "MOST_NUMBERS", 0)]


def _factor_of_all() -> list[Replacement]:
    return [(coordinates, "WEAK", -1.0)]  # a sum of no features is not below


def _nothing() -> list[Replacement]:
    return []


UNCHANGED = "unchanged"

# By name: the replacements, the type of the rows, and the number of threads.
CHANGES: dict[str, tuple[Callable[[], list[Replacement]], Input, int]] = {
    UNCHANGED: (_nothing, "float32", 1),
    "no curvature factors": (_no_factors, "float32", 1),
    "no warm start": (_no_warm_start, "float32", 1),
    "no centring": (_no_centring, "float32", 1),
    "curvature rows drawn evenly": (_even_sample, "float32", 1),
    "no sample by residuals": (_one_sample, "float32", 1),
    "no sample by curvature": (_not_drawn_by_curvature, "float32", 1),
    "factor of all features": (_factor_of_all, "float32", 1),
    "no tiles or padding": (_no_tiles_or_padding, "float32", 1),
    "all rows in one block": (_one_block, "float32", 1),
    "two threads": (_nothing, "float32", 2),
    "uint8 rows": (_nothing, "uint8", 1),
    "float64 rows": (_nothing, "float64", 1),
}


@contextmanager
def changed(change: str) -> Iterator[None]:
    """Replace what a change of that name replaces."""
    with ExitStack() as stack:
        for target, name, value in CHANGES[change][0]():
            stack.enter_context(patch.object(target, name, value))
        yield


class RowCounter:
    """Context that counts the rows which the objectives of this process sum over.

    Args:
        kinds: Kinds of rows beside those in memory.

    Attributes:
        rows: The count so far; those of samples included.
    """

    def __init__(self, *kinds: type[LabelledRows]) -> None:
        self.rows = 0
        self._stack = ExitStack()
        self._kinds: tuple[type[LabelledRows], ...] = (ArrayRows, *kinds)

    def __enter__(self) -> "RowCounter":
        for kind in self._kinds:
            self._stack.enter_context(patch.object(kind, "combined", self._counted(kind.combined)))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _counted(self, of_rows: Callable[..., Any]) -> Callable[..., Any]:
        def counted(rows: LabelledRows, *args: Any, **options: Any) -> Any:
            self.rows += rows.shape[0]
            return of_rows(rows, *args, **options)

        return counted

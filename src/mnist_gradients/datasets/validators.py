"""Validators for the catalog key ``validator:``, which Kedro applies on load and on save.

::

    raw_train_images:
      type: mnist_gradients.datasets.IdxDataset
      filepath: data/01_raw/mnist/train-images-idx3-ubyte.gz
      validator: mnist_gradients.datasets.validators.check_raw_images

    fnn.predictions:
      type: mnist_gradients.datasets.atomic.CSVDataset
      filepath: data/08_reporting/fnn/predictions.csv
      validator:
        class: mnist_gradients.datasets.validators.Table
        options:
          columns: {image: count, label: count, predicted: count, confidence: fraction}
"""

from numbers import Real
from typing import Any

import numpy as np
from kedro.validation.exceptions import DataValidationError

from mnist_gradients.maths.checking import check_array, check_choice, mismatch

EMPTY = " or empty"
_RANGES = {
    "number": (-np.inf, np.inf),
    "size": (0.0, np.inf),
    "count": (0.0, np.inf),
    "fraction": (0.0, 1.0),
}
_KINDS = {
    "text": "a text",
    "flag": "True or False",
    "number": "a finite number",
    "size": "a finite number of at least 0",
    "count": "an integer of at least 0",
    "fraction": "a number in 0..1",
}


class FormError(DataValidationError):
    """Data of the wrong form, reported in one line that names the dataset."""

    def __str__(self) -> str:
        return f"{self.dataset_name}: {self.message}" if self.dataset_name else self.message


class Table:
    """Checks that a table has rows, and the columns that it should have with their kinds of values.

    Args:
        columns: Kind of the values by the name of a column: text, flag, number, size (a number of
            at least 0), count or fraction (in 0..1); in ``size or empty`` cells may be empty. A
            table may have more columns. A column of a nested record has a dotted name.

    Raises:
        ValueError: If there is no such kind.
    """

    def __init__(self, columns: dict[str, str]) -> None:
        for name, kind in columns.items():
            check_choice(f"column {name}", kind.removesuffix(EMPTY), _KINDS)
        self._columns = columns

    def validate(self, data: Any) -> Any:
        """Check a DataFrame, or JSON: a record by column, or a list of them, or them by name.

        Raises:
            FormError: If the table has another form.
        """
        import pandas as pd

        table = data if isinstance(data, pd.DataFrame) else pd.json_normalize(_records(data))
        try:
            if table.empty:
                raise mismatch("table", "no rows", "some")
            for name, kind in self._columns.items():
                if name not in table:
                    raise mismatch("columns", ", ".join(map(str, table)), f"{name} among them")
                _check_column(name, table[name], kind)
        except ValueError as error:
            raise FormError(str(error)) from error
        return data


def check_raw_images(data: object) -> None:
    """Check that ``data`` holds images: uint8 of shape (N, height, width), not empty.

    Raises:
        FormError: If it does not.
    """
    _check("images", data, dimensions=3)


def check_raw_labels(data: object) -> None:
    """Check that ``data`` holds labels: uint8 of shape (N,), not empty.

    Raises:
        FormError: If it does not.
    """
    _check("labels", data, dimensions=1)


def _check(name: str, data: object, dimensions: int) -> None:
    try:
        check_array(name, data, np.uint8, dimensions)
    except ValueError as error:
        raise FormError(str(error)) from error


def _records(data: Any) -> list[dict[str, Any]]:
    """Return the records of JSON: one, or several in a list or by name."""
    values = list(data.values()) if isinstance(data, dict) else data
    if isinstance(values, list) and all(isinstance(value, dict) for value in values):
        return values
    if not isinstance(data, dict):
        raise FormError(f"data: found {type(data).__name__}, expected a record by column")
    return [data]


def _check_column(name: str, column: Any, kind: str) -> None:
    """Check the values of a column, all at once, and name the first wrong one."""
    present = column.dropna() if kind.endswith(EMPTY) else column
    kind = kind.removesuffix(EMPTY)
    if kind == "text":
        right = present.map(lambda value: isinstance(value, str))
    elif kind == "flag":
        right = present.map(_is_flag)
    else:
        is_number = present.map(lambda value: isinstance(value, Real) and not _is_flag(value))
        numbers = present.where(is_number).astype(np.float64)
        least, most = _RANGES[kind]
        right = np.isfinite(numbers) & (numbers >= least) & (numbers <= most)
        if kind == "count":
            right &= numbers == numbers.round()
    if not right.all():
        row = int(np.argmin(right))
        raise mismatch(f"{name} in row {row + 1}", present.iloc[row], _KINDS[kind])


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)

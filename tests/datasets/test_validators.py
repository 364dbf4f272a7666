import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError

from mnist_gradients.datasets.validators import FormError, Table

CONFIG = {
    "raw_images": {
        "type": "mnist_gradients.datasets.IdxDataset",
        "validator": "mnist_gradients.datasets.validators.check_raw_images",
    },
    "raw_labels": {
        "type": "mnist_gradients.datasets.IdxDataset",
        "validator": "mnist_gradients.datasets.validators.check_raw_labels",
    },
}
GOOD = {
    "raw_images": np.zeros((2, 3, 3), dtype=np.uint8),
    "raw_labels": np.zeros(2, dtype=np.uint8),
}


@pytest.fixture
def catalog(tmp_path):
    return DataCatalog.from_config(
        {name: entry | {"filepath": str(tmp_path / name)} for name, entry in CONFIG.items()}
    )


@pytest.mark.parametrize("name", ["raw_images", "raw_labels"])
def test_data_of_the_right_form_passes_unchanged(catalog, name):
    catalog.save(name, GOOD[name])
    np.testing.assert_array_equal(catalog.load(name), GOOD[name])


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (
            "raw_images",
            np.zeros((2, 9), dtype=np.uint8),
            "raw_images: images: found uint8 of shape (2, 9), "
            "expected a non-empty 3-dimensional uint8 array",
        ),
        (
            "raw_images",
            np.zeros((0, 3, 3), dtype=np.uint8),
            "raw_images: images: found uint8 of shape (0, 3, 3), "
            "expected a non-empty 3-dimensional uint8 array",
        ),
        (
            "raw_labels",
            np.zeros(2, dtype=np.int32),
            "raw_labels: labels: found int32 of shape (2,), "
            "expected a non-empty 1-dimensional uint8 array",
        ),
    ],
)
def test_data_of_another_form_is_refused_in_one_line(catalog, name, data, words):
    catalog[name].save(data)  # past the validator
    with pytest.raises(DatasetError) as caught:
        catalog.load(name)
    assert str(caught.value) == words


def test_refused_data_is_not_saved(catalog):
    with pytest.raises(DatasetError):
        catalog.save("raw_images", np.zeros(3))
    assert not catalog.exists("raw_images")


TABLE = {
    "class": "mnist_gradients.datasets.validators.Table",
    "options": {
        "columns": {
            "solver": "text",
            "iterations": "count",
            "gap": "size or empty",
            "error": "fraction",
        }
    },
}
ROWS = pd.DataFrame(
    {"solver": ["lbfgs", "sag"], "iterations": [3, 40], "gap": [0.5, None], "error": [0.0, 1.0]}
)


@pytest.fixture
def tables(tmp_path):
    """A table and JSON, both with a validator and no checksum beside them."""
    atomic = "mnist_gradients.datasets.atomic"
    config = {
        name: {"type": f"{atomic}.{kind}", "filepath": str(tmp_path / name), "validator": TABLE}
        for name, kind in (("rows", "CSVDataset"), ("metrics", "JSONDataset"))
    }
    return DataCatalog.from_config(config)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rows", ROWS),
        ("rows", ROWS.assign(more="column")),
        ("metrics", {"solver": "lbfgs", "iterations": 3, "gap": 1e-9, "error": 0.1}),
        ("metrics", {"a": {"solver": "x", "iterations": 0, "gap": 0, "error": 1}}),
        ("metrics", [{"solver": "x", "iterations": 0, "gap": None, "error": 1}] * 2),
    ],
)
def test_table_of_the_right_form_passes_unchanged(tables, name, data):
    tables.save(name, data)
    loaded = tables.load(name)
    assert loaded.equals(data) if name == "rows" else loaded == data


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("rows", ROWS[:0], "table: found no rows, expected some"),
        (
            "rows",
            ROWS.drop(columns="gap"),
            "columns: found solver, iterations, error, expected gap among them",
        ),
        (
            "rows",
            ROWS.assign(iterations=[3, 40.5]),
            "iterations in row 2: found 40.5, expected an integer of at least 0",
        ),
        (
            "rows",
            ROWS.assign(iterations=[3, None]),
            "iterations in row 2: found nan, expected an integer of at least 0",
        ),
        (
            "rows",
            ROWS.assign(gap=["0.5", "O.5"]),
            "gap in row 1: found 0.5, expected a finite number of at least 0",
        ),
        (
            "rows",
            ROWS.assign(gap=[-1e-300, 0]),
            "gap in row 1: found -1e-300, expected a finite number of at least 0",
        ),
        (
            "rows",
            ROWS.assign(gap=[0, np.inf]),
            "gap in row 2: found inf, expected a finite number of at least 0",
        ),
        (
            "rows",
            ROWS.assign(error=[0, 1.001]),
            "error in row 2: found 1.001, expected a number in 0..1",
        ),
        (
            "rows",
            ROWS.assign(error=[True, False]),
            "error in row 1: found True, expected a number in 0..1",
        ),
        ("rows", ROWS.assign(solver=[1, 2]), "solver in row 1: found 1, expected a text"),
        ("metrics", [1, 2], "data: found list, expected a record by column"),
        (
            "metrics",
            {"a": {"solver": "x", "iterations": -1, "gap": 0, "error": 1}},
            "iterations in row 1: found -1, expected an integer of at least 0",
        ),
        ("metrics", [], "table: found no rows, expected some"),
    ],
)
def test_table_of_another_form_is_refused_in_one_line(tables, name, data, words):
    tables[name].save(data)  # past the validator
    with pytest.raises(DatasetError) as caught:
        tables.load(name)
    assert str(caught.value) == f"{name}: {words}"


def test_columns_of_a_nested_record_have_dotted_names():
    table = Table({"iterations": "count", "float64.gap": "size"})
    table.validate({"iterations": 3, "float64": {"gap": 1e-16}})
    with pytest.raises(FormError, match=r"float64\.gap in row 1: found -1, expected a finite num"):
        table.validate({"iterations": 3, "float64": {"gap": -1}})


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="column gap: found 'sized', expected one of text, flag,"):
        Table({"gap": "sized"})

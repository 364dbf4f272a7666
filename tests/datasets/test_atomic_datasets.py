"""The atomic datasets read and write as kedro-datasets' own, and never leave half a file."""

import inspect
import pickle
import resource
import sys

import pandas as pd
import plotly.graph_objects as go
import pytest
from kedro.io import DataCatalog, DatasetError, Version
from kedro_datasets import json, pandas, plotly, text

from mnist_gradients.datasets import atomic

TABLE = pd.DataFrame({"task": ["binary", "multinomial"] * 300, "seconds": [1.5, None] * 300})
CASES = {
    "csv": (atomic.CSVDataset, pandas.CSVDataset, TABLE),
    "json": (atomic.JSONDataset, json.JSONDataset, {"test_error": 0.25, "name": "½" * 2000}),
    "plotly": (atomic.PlotlyDataset, plotly.JSONDataset, go.Figure(go.Bar(y=[*range(2000)]))),
    "text": (atomic.TextDataset, text.TextDataset, "½\n" * 2000),
}


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture
def small_disk():
    """A disk on which no file may grow beyond 1000 bytes."""
    if sys.platform == "win32":
        pytest.skip("Windows has no limit on the size of files")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_file_equals_that_of_the_original_and_is_read_back(case, tmp_path):
    own, original, data = case
    dataset = own(filepath=str(tmp_path / "folder" / "own"))
    dataset.save(data)
    original(filepath=str(tmp_path / "original")).save(data)
    assert (tmp_path / "folder" / "own").read_bytes() == (tmp_path / "original").read_bytes()
    loaded = dataset.load()
    assert loaded.equals(data) if isinstance(data, pd.DataFrame) else loaded == data
    assert names(tmp_path / "folder") == {"own", ".own.sha256"}


@pytest.mark.parametrize("kind", CASES)
def test_full_disk_leaves_the_earlier_file(kind, tmp_path, request):
    own, original, data = CASES[kind]
    earlier = {"csv": TABLE[:1], "plotly": go.Figure(layout={"template": "none"})}.get(kind, "0")
    datasets = {cls: cls(filepath=str(tmp_path / cls.__module__)) for cls in (own, original)}
    for dataset in datasets.values():
        dataset.save(earlier)
    before = {cls: (tmp_path / cls.__module__).read_bytes() for cls in datasets}
    request.getfixturevalue("small_disk")
    for dataset in datasets.values():
        with pytest.raises(DatasetError, match="File too large"):
            dataset.save(data)
    after = {cls: (tmp_path / cls.__module__).read_bytes() for cls in datasets}
    assert after[own] == before[own]
    assert after[original] != before[original]  # the reason for these classes
    assert names(tmp_path) == {own.__module__, original.__module__, f".{own.__module__}.sha256"}


def test_arguments_are_recorded_and_kept_by_pickling(case, tmp_path):
    own, original, _ = case
    configurations = []
    for cls in (own, original):
        dataset = cls(filepath=str(tmp_path / "file"), metadata={"layer": "reporting"})
        copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301  # our own bytes
        assert str(copy) == str(dataset)
        configurations.append(DataCatalog({"file": dataset}).to_config()[0]["file"])
    found, expected = configurations
    assert found.pop("type") == f"mnist_gradients.datasets.atomic.{own.__name__}"
    assert expected.pop("type").startswith("kedro_datasets.")
    assert found == expected != {}


def test_versions_are_stamped_once(case, tmp_path):
    own, _, data = case
    dataset = own(filepath=str(tmp_path / "file"), version=Version(None, None))
    dataset.save(data)  # a warning would mean that Kedro took two stamps
    assert dataset.exists()
    assert len(dataset.list_versions()) == 1


def test_catalog_entry_passes_arguments(tmp_path):
    entry = {
        "type": "mnist_gradients.datasets.atomic.CSVDataset",
        "filepath": str(tmp_path / "table.csv"),
        "save_args": {"float_format": "%.2f"},
        "load_args": {"dtype": {"task": "category"}},
        "metadata": {"kedro-viz": {"layer": "reporting"}},
    }
    catalog = DataCatalog.from_config({"table": entry})
    catalog.save("table", TABLE[:1])
    assert (tmp_path / "table.csv").read_text() == "task,seconds\nbinary,1.50\n"
    assert catalog.load("table")["task"].dtype == "category"
    assert catalog["table"].metadata == entry["metadata"]


@pytest.mark.parametrize(
    ("kind", "preview"),
    [("csv", "Table"), ("json", "JSON"), ("plotly", "Plotly"), ("text", "HTML")],
)
def test_kedro_viz_finds_the_kind_of_preview_by_its_name(kind, preview, tmp_path):
    own, _, data = CASES[kind]
    dataset = own(filepath=str(tmp_path / "file"))
    dataset.save(data)
    assert dataset.preview()
    annotation = inspect.signature(dataset.preview).return_annotation
    assert getattr(annotation, "__name__", annotation) == f"{preview}Preview"


PAGE = """<!doctype html>
<html><head><style>h1 { color: red; }</style></head>
<body class="wide">
<h1>Odd   digits</h1>
<p title="a_b_c">solver_one, solver_two,
J* and <b>2 * 3</b></p>
</body></html>
"""


@pytest.mark.parametrize(
    ("page", "preview"),
    [
        (
            PAGE,
            '<h1>Odd digits</h1> <p title="a_b_c">solver<u>&nbsp;</u>one, '
            "solver<u>&nbsp;</u>two, J∗ and <b>2 ∗ 3</b></p>",
        ),
        ("<p>all\nthere is</p>", "<p>all there is</p>"),
    ],
)
def test_preview_of_a_page_is_its_body_on_one_line_without_signs_of_markdown(
    page, preview, tmp_path
):
    dataset = atomic.TextDataset(filepath=str(tmp_path / "page.html"))
    dataset.save(page)
    assert dataset.preview().strip() == preview

import pytest

from mnist_gradients.names import suggestion, unknown

PIPELINES = ["benchmark", "derivations", "fnn", "ingestion"]


@pytest.mark.parametrize(
    ("found", "nearest"),
    [
        ("bechmark", "benchmark"),
        ("ingest", "ingestion"),
        ("fn", "fnn"),
        ("Benchmark", "benchmark"),
    ],
)
def test_nearest_name_is_suggested(found, nearest):
    assert suggestion(found, PIPELINES) == f"; did you mean {nearest}?"


def test_last_part_of_a_name_stands_for_the_whole():
    assert suggestion("histroy", ["fnn.history", "train"]) == "; did you mean fnn.history?"


def test_nothing_is_suggested_where_nothing_is_near():
    assert suggestion("penguins", PIPELINES) == ""
    assert suggestion("fnn", []) == ""


def test_complaint_names_what_was_found_and_all_there_is():
    assert unknown("pipeline", "fn", PIPELINES) == (
        "pipeline: found 'fn', expected one of benchmark, derivations, fnn, ingestion; "
        "did you mean fnn?"
    )


def test_complaint_does_not_list_dozens_of_names():
    names = [f"dataset_{i}" for i in range(50)]
    assert unknown("data set", "datset_7", names) == (
        "data set: found 'datset_7', expected one of 50 other names; did you mean dataset_7?"
    )

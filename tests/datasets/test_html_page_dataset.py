import inspect

import pytest
from kedro.io import DatasetError

from mnist_gradients.datasets import HtmlPageDataset

PAGE = """<!doctype html>
<html><head><style>h1 { color: red; }</style></head>
<body class="wide">
<h1>Odd   digits</h1>
<p title="a_b_c">solver_one, solver_two,
J* and <b>2 * 3</b></p>
</body></html>
"""


@pytest.fixture
def dataset(tmp_path):
    return HtmlPageDataset(filepath=str(tmp_path / "folder" / "page.html"))


def test_page_is_read_back_as_it_was_saved(dataset):
    dataset.save(PAGE + "½")
    assert dataset.load() == PAGE + "½"


def test_file_that_is_no_text_is_refused(dataset):
    dataset.save("")
    dataset._fs.pipe_file(dataset._path_to_load(), b"\xff\xfe")
    with pytest.raises(DatasetError, match=r"page\.html: 'utf-8' codec can't decode byte 0xff"):
        dataset.load()


def test_preview_is_the_body_on_one_line_without_signs_of_markdown(dataset):
    dataset.save(PAGE)
    blank = "<u>&nbsp;</u>"
    assert dataset.preview().strip() == (
        f'<h1>Odd digits</h1> <p title="a_b_c">solver{blank}one, solver{blank}two, '
        "J∗ and <b>2 ∗ 3</b></p>"
    )
    # kedro-viz takes the kind of preview from this name
    assert inspect.signature(dataset.preview).return_annotation.__name__ == "HTMLPreview"


def test_preview_of_a_fragment_is_the_fragment(dataset):
    dataset.save("<p>all\nthere is</p>")
    assert dataset.preview() == "<p>all there is</p>"

import base64
import re
from html.parser import HTMLParser
from importlib.metadata import version

import pandas as pd
import pytest
import yaml
from jinja2 import UndefinedError
from pydantic import BaseModel

from mnist_gradients.pipelines.reporting import nodes
from mnist_gradients.pipelines.reporting.pipeline import PICTURES


def metrics(number):
    return {
        "test_error": number / 100,
        "test_loss": number / 10,
        "test_expected_calibration_error": number / 1000,
        "validation_error": 0.5,
        "train_seconds": float(number),
        "iterations": 7,
        "parameters": 1000 + number,
    }


@pytest.fixture
def models():
    binary = {"gradient_descent": metrics(1), "scikit_learn": metrics(2)}
    return nodes.compare_models(binary, {"gradient_descent": metrics(3)}, metrics(4))


CHECKS = pd.DataFrame(
    {
        "identity": ["softmax shift <invariance>", "gradient of P2"],
        "oracle": ["SymPy", "GradientTape"],
        "max_abs_error": [0.0, 2.5e-3],
        "tolerance": [1e-12, 1e-9],
        "holds": [True, False],
    }
)
PNGS = {name: f"picture of {name}".encode() for name in PICTURES}


class Solver(BaseModel):
    """A block of parameters as Kedro hands it on."""

    steps: tuple[float, ...] = (0.5, 0.25)


PARAMETERS = {"seed": 3, "tasks": {"binary": Solver()}}


def report(models, **pictures):
    return nodes.write_report(models, CHECKS, PARAMETERS, **pictures)


class Page(HTMLParser):
    """What a browser would fetch, the rows of the tables, and the text of a page."""

    def __init__(self, html):
        super().__init__()
        self.resources, self.rows, self.text = [], [], ""
        self.in_cell = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        names = ("src", "srcset", "href", "data", "poster", "action")
        self.resources += [value for name, value in attributes if name in names]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.in_cell = False

    def handle_data(self, data):
        self.text += data
        if self.in_cell:
            self.rows[-1][-1] += data


def outside(html):
    """Return whatever the page would fetch that is not inside itself."""
    fetched = [url for url in Page(html).resources if not url.startswith(("data:", "#"))]
    return fetched + re.findall(r"@import|url\((?!['\"]?data:).*?\)|<script", html)


class TestCompareModels:
    def test_one_row_per_model_named_by_its_pipeline_and_solver(self, models):
        assert models["model"].tolist() == [
            "logistic_regression.binary.gradient_descent",
            "logistic_regression.binary.scikit_learn",
            "logistic_regression.multinomial.gradient_descent",
            "fnn",
        ]

    def test_columns_and_values(self, models):
        assert models.to_dict("records")[3] == {
            "model": "fnn",
            "parameters": 1004,
            "train_seconds": 4.0,
            "test_error": 0.04,
            "test_loss": 0.4,
            "expected_calibration_error": 0.004,
        }

    def test_missing_measure_is_an_error_and_no_empty_cell(self):
        incomplete = metrics(4)
        del incomplete["test_loss"]
        with pytest.raises(KeyError, match="test_loss"):
            nodes.compare_models({}, {}, incomplete)


class TestReport:
    @pytest.fixture
    def html(self, models):
        return report(models, **PNGS)

    def test_every_picture_is_inside_the_page_once(self, html):
        prefix = "data:image/png;base64,"
        shown = [base64.b64decode(url.removeprefix(prefix)) for url in Page(html).resources]
        assert sorted(shown) == sorted(PNGS.values())

    def test_page_needs_nothing_but_itself(self, html):
        assert outside(html) == []

    @pytest.mark.parametrize(
        "piece",
        [
            '<img src="loss.png">',
            '<link rel="stylesheet" href="https://example.org/style.css">',
            '<script src="plot.js"></script>',
            "<style>@import 'style.css';</style>",
            "<style>p { background: url(paper.png) }</style>",
        ],
    )
    def test_that_would_be_noticed(self, html, piece):
        assert outside(html.replace("</body>", f"{piece}</body>"))

    def test_table_shows_every_model(self, html):
        assert [
            "logistic_regression.binary.gradient_descent",
            *("1.00", "0.1000", "0.10", "1.0", "1,001"),
        ] in Page(html).rows

    def test_first_lines_say_what_was_found(self, html):
        lead = re.sub(r"\s+", " ", Page(html).text)
        assert "is wrong on 4.00 % of the test images after 4 seconds of training." in lead
        assert "1 of 2 checks of the hand-derived formulas hold." in lead

    def test_check_that_fails_is_told_from_one_that_holds(self, html):
        rows = Page(html).rows
        assert ["softmax shift <invariance>", "SymPy", "0.0e+00", "1e-12", "yes"] in rows
        assert ["gradient of P2", "GradientTape", "2.5e-03", "1e-09", "NO"] in rows

    def test_versions_and_parameters_are_there_to_reproduce_the_run(self, html):
        assert ["keras", version("keras")] in Page(html).rows
        written = re.search(r"<pre>(.*?)</pre>", html, re.DOTALL)[1]
        assert yaml.safe_load(written) == {"seed": 3, "tasks": {"binary": {"steps": [0.5, 0.25]}}}

    def test_picture_that_is_missing_is_an_error_and_no_hole(self, models):
        with pytest.raises(UndefinedError, match="has no attribute 'loss_curves'"):
            report(models, **{name: png for name, png in PNGS.items() if name != "loss_curves"})

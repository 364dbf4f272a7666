import base64
import re
from html.parser import HTMLParser
from importlib.metadata import version

import numpy as np
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
    binary = {"gradient_descent": metrics(2), "scikit_learn": metrics(1)}
    return nodes.compare_models(binary, {"gradient_descent": metrics(3)}, metrics(4))


def comparison(**gap_and_seconds):
    return pd.DataFrame(
        {
            "solver": solver,
            "iterations": 1200,
            "seconds": seconds,
            "objective": 0.2,
            "relative_gap": gap,
            "max_abs_weight_difference": 2e-5,
            "train_error": 0.07,
            "validation_error": 0.08,
            "test_error": 0.075,
        }
        for solver, (gap, seconds) in gap_and_seconds.items()
    )


BINARY = comparison(
    gradient_descent=(0.03, 1.0), slow=(1e-7, 20.0), fast=(0.0, 2.5), scikit_learn=(9e-7, 10.0)
)
MULTINOMIAL = comparison(gradient_descent=(0.03, 1.0), scikit_learn=(0.0, 10.0))
CHECKS = pd.DataFrame(
    {
        "identity": ["softmax shift <invariance>", "gradient of P2", "Hessian of P2"],
        "oracle": ["SymPy", "GradientTape", "GradientTape"],
        "max_abs_error": [0.0, 2.5e-3, 1e-10],
        "tolerance": [1e-12, 1e-9, 1e-9],
        "holds": [True, False, True],
    }
)
TWINS = {"iterations": 1000, "float64": {"largest_loss_difference": 4.4e-16}}
BENCHMARK = pd.DataFrame(
    {
        "task": ["ten_class", "ten_class"],
        "l2": [1e-3, 1e-3],
        "gap": [1e-4, 1e-6],
        "threads": [1, 1],
        "seconds": [1.0, 1.618],
        "times_faster_than_lbfgs": [20.0, 27.18],
        "times_faster_than_best": [10.0, np.nan],
        "best": ["scikit_learn_lbfgs float32, threads 1", np.nan],
    }
)
PNGS = {name: f"picture of {name}".encode() for name in PICTURES}


class Solver(BaseModel):
    """A block of parameters as Kedro hands it on."""

    steps: tuple[float, ...] = (0.5, 0.25)


PARAMETERS = {
    "seed": 3,
    "logistic_regression": {"binary": Solver()},
    "benchmark": {"repeats": 3},  # runs on demand, and the page is not about it
}


def report(models, multinomial=MULTINOMIAL, checks=CHECKS, benchmark=BENCHMARK, **pictures):
    return nodes.write_report(
        models, BINARY, multinomial, checks, TWINS, benchmark, PARAMETERS, **pictures
    )


class Page(HTMLParser):
    """What a browser would fetch, the rows of the tables, and the text of a page."""

    def __init__(self, html):
        super().__init__()
        self.resources, self.rows, self.text = [], [], ""
        self.in_cell = False
        self.feed(html)
        self.text = re.sub(r"\s+", " ", self.text)

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


class TestRace:
    def test_those_at_the_optimum_come_first_and_the_soonest_of_ours_wins(self):
        race = nodes.race(BINARY)
        assert [row["solver"] for row in race["rows"]] == [
            *("fast", "scikit_learn", "slow"),
            "gradient_descent",  # the quickest to end, but not there
        ]
        assert race["winner"]["solver"] == "fast"
        assert race["times_faster"] == 4.0

    def test_nobody_wins_who_did_not_get_there(self):
        race = nodes.race(MULTINOMIAL)
        assert race["winner"] is None
        assert race["times_faster"] is None

    def test_no_claim_about_scikit_learn_where_it_did_not_get_there(self):
        race = nodes.race(comparison(fast=(0.0, 2.0), scikit_learn=(1e-5, 10.0)))
        assert race["winner"]["solver"] == "fast"
        assert race["times_faster"] is None


class TestTables:
    def test_models_stand_with_their_task_the_winner_of_the_race_first(self, models):
        """However little better another one did on the test images."""
        winners = {"logistic_regression.binary": "gradient_descent"}
        names = {
            task: [(row["model"], row["chosen"]) for row in rows]
            for task, rows in nodes.models_by_task(models, winners).items()
        }
        assert names == {
            "Feed-forward network, all classes": [("fnn", True)],
            "Softmax regression, all classes": [("gradient_descent", False)],
            "Logistic regression, two groups of classes": [
                ("gradient_descent", True),
                ("scikit_learn", False),
            ],
        }

    def test_checks_are_counted_by_oracle(self):
        assert nodes.summarise_checks(CHECKS) == [
            {"oracle": "SymPy", "checks": 1, "held": 1, "max_abs_error": 0.0},
            {"oracle": "GradientTape", "checks": 2, "held": 1, "max_abs_error": 2.5e-3},
        ]

    def test_benchmark_is_shown_at_its_smallest_gap(self):
        assert nodes.tightest(BENCHMARK)["seconds"].tolist() == [1.618]
        assert nodes.tightest(pd.DataFrame()).empty

    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (0.0, "0"),
            (0.25, "0.25"),
            (123.4, "123"),
            (2.5e-3, "2.5 × 10⁻³"),
            (4.44e-16, "4.4 × 10⁻¹⁶"),
            (1e-6, "10⁻⁶"),
            (-5e4, "-5.0 × 10⁴"),
        ],
    )
    def test_numbers_are_written_as_in_print(self, number, text):
        assert nodes.scientific(number) == text


class TestReport:
    @pytest.fixture
    def html(self, models):
        return report(models, **PNGS)

    def test_every_picture_is_inside_the_page_once(self, html):
        prefix = "data:image/png;base64,"
        shown = [base64.b64decode(url.removeprefix(prefix)) for url in Page(html).resources]
        assert sorted(shown) == sorted(PNGS.values())

    def test_page_fits_a_phone_and_a_sheet_of_paper(self, html):
        assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
        assert "@media print {" in html
        inside = html.count('<div class="scroll"><table>')
        assert inside == html.count("<table") == 7

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

    def test_first_lines_say_what_was_found(self, html):
        text = Page(html).text
        assert "is wrong on 4.00 % of the test images after 4 seconds of training" in text
        assert "of training. 2 of 3" in text  # no solver of softmax regression got there
        assert "checks of the hand-derived formulas hold." in text
        assert "4.0 ×as fast as scikit-learn to the optimum: binary task, fast, 2.5 s" in text
        assert "to the optimum: softmax regression" not in text
        assert "4.4 × 10⁻¹⁶nats at most" in text

    def test_softmax_regression_is_named_where_a_solver_got_there(self, models):
        there = comparison(gradient_descent=(1e-7, 1.0))
        text = Page(report(models, multinomial=there, **PNGS)).text
        assert "of training, softmax regression on 3.00 % after 3.0. 2 of 3" in text

    def test_table_shows_every_model(self, html):
        row = ["gradient_descent", "2.00", "0.2000", "0.20", "2.0", "1,002"]
        assert row in Page(html).rows

    def test_race_shows_every_solver(self, html):
        row = ["slow", "20.00", "1,200", "10⁻⁷", "2.0 × 10⁻⁵", "7.50"]
        assert row in Page(html).rows

    def test_check_that_fails_is_told_from_one_that_holds(self, html):
        rows = Page(html).rows
        assert ["softmax shift <invariance>", "SymPy", "0", "10⁻¹²", "yes"] in rows
        assert ["gradient of P2", "GradientTape", "2.5 × 10⁻³", "10⁻⁹", "NO"] in rows
        assert "Do not hold: gradient of P2" in Page(html).text

    def test_nothing_is_said_of_failures_where_there_are_none(self, models):
        assert "Do not hold" not in report(models, checks=CHECKS[CHECKS["holds"]], **PNGS)

    def test_benchmark_has_its_table_and_a_dash_for_what_was_not_reached(self, html):
        row = ["ten_class", "0.001", "1", "1.62", "27.2", "–", "–"]
        assert row in Page(html).rows

    def test_page_does_without_a_benchmark(self, models):
        html = report(models, benchmark=pd.DataFrame(), **PNGS)
        assert "<h2>The benchmark</h2>" not in html
        assert "<h2>Derivations, checked</h2>" in html

    def test_what_it_takes_to_reproduce_the_run_is_there(self, html):
        rows = Page(html).rows
        assert ["seed", "3"] in rows
        assert ["keras", version("keras")] in rows
        names = [row[0] for row in rows if len(row) == 2]
        assert {"date", "commit", "processor", "cores", "system", "python"} <= set(names)
        written = re.search(r"<pre>(.*?)</pre>", html, re.DOTALL)[1]
        assert yaml.safe_load(written) == {
            "seed": 3,
            "logistic_regression": {"binary": {"steps": [0.5, 0.25]}},
        }

    def test_picture_that_is_missing_is_an_error_and_no_hole(self, models):
        with pytest.raises(UndefinedError, match="has no attribute 'loss_curves'"):
            report(models, **{name: png for name, png in PNGS.items() if name != "loss_curves"})

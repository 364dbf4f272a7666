import base64
import re
from html import unescape
from html.parser import HTMLParser
from importlib.metadata import version

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import yaml
from jinja2 import UndefinedError
from matplotlib.figure import Figure
from pydantic import BaseModel

from mnist_gradients import report
from mnist_gradients.report import rendering, summaries

COUNTS = pd.DataFrame(
    {
        "class": [0, 1],
        "name": ["0", "1"],
        "train": [900, 1100],
        "validation": [5, 6],
        "test": [7, 9],
    }
)
INGESTION = {
    "class_counts": COUNTS,
    "class_counts_plot": b"counts",
    "sample_digits_plot": b"digits",
}
LINE = go.Scatter(x=[1, 2, 40], y=[2.5, 0.0001, 0.5], name="training <loss>")
CURVES = go.Figure([LINE, go.Scatter(LINE, showlegend=False)])
CLASSES = pd.DataFrame({"class": ["<coat>"], "images": [7], "f1": [0.5]})
FNN = {
    "class_metrics": CLASSES,
    "metrics": {
        "test_error": 0.0123,
        "test_loss": 0.04567,
        "train_seconds": 41.6,
        "iterations": 6736,
        "parameters": 669706,
    },
    "loss_curves": b"loss",
    "loss_curves_plotly": CURVES,
    "accuracy_curves": b"accuracy",
    "accuracy_curves_plotly": go.Figure(),
    "augmentation_samples_plot": b"augmented",
    "worst_mistakes_plot": b"mistakes",
    "confusion_matrix_plot": b"confusion",
    "calibration_plot": b"calibration",
}
MODEL = {
    "model": "fnn",
    "chosen": True,
    "test_error": 0.04,
    "test_loss": 0.4,
    "expected_calibration_error": 0.004,
    "train_seconds": 4.4,
    "microseconds_per_image": 12.34,
    "parameters": 1004,
}


HEADLINE = pd.DataFrame(
    {
        "task": ["ten_class", "ten_class"],
        "l2": [1e-3, 1e-3],
        "gap": [1e-4, 1e-6],
        "threads": [1, 1],
        "seconds": [1.0, 1.618],
        "times_faster_than_lbfgs": [20.0, 27.18],
        "times_faster_than_best": [10.0, np.nan],
        "best": ["scikit_learn_lbfgs float32, threads 1", None],
    }
)
TABLE = pd.DataFrame({"problem": ["<wide>"], "seconds": [2.5e-3], "rows": [60000]})


class Network(BaseModel):
    """A block of parameters as Kedro hands it on."""

    name: str
    units: tuple[int, ...] = (64, 32)


def softmax(solver: str, chosen: bool, test_error: float, train_seconds: float) -> dict:
    measured = {"test_error": test_error, "train_seconds": train_seconds}
    return MODEL | {"model": solver, "chosen": chosen} | measured


def page(**changes) -> str:
    content = {
        "models": {
            "Feed-forward network, all classes": [MODEL],
            "Softmax regression, all classes": [
                softmax("lucky", False, 0.07, 9.0),
                softmax("default", True, 0.08, 2.25),
            ],
            "Logistic regression, two groups of classes": [],
        },
        "sections": {"fnn": "<section id='fnn'><h2>Network</h2></section>"},
        "outdated": [],
    }
    return report.write_page(**(content | changes))


class Page(HTMLParser):
    """The addresses that a browser would fetch, the rows of the tables, the tags and the text."""

    def __init__(self, html: str):
        super().__init__()
        self.resources, self.rows, self.tags, self.text = [], [], [], ""
        self.in_cell = False
        self.feed(html)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        names = ("src", "srcset", "data", "poster", "action", *(["href"] if tag != "a" else []))
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


def outside(html: str) -> list[str]:
    """Whatever a browser would fetch for the page from elsewhere."""
    fetched = [url for url in Page(html).resources if not url.startswith("data:")]
    return fetched + re.findall(r"@import|url\((?!['\"]?data:).*?\)|<script", html)


class TestNumbers:
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
        assert rendering.scientific(number) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [(1234567, "1,234,567"), (0.5, "0.5"), (True, "True"), ("a_b", "a_b"), (np.nan, "–")],
    )
    def test_cell_of_a_table_holds_any_value(self, value, text):
        assert rendering.cell(value) == text

    def test_lines_of_a_figure_are_summarised_once_per_legend_entry(self):
        expected = {"name": "training <loss>", "points": 3, "first_x": 1.0, "last_x": 40.0}
        values = {"first": 2.5, "last": 0.5, "lowest": 1e-4, "highest": 2.5}
        assert rendering.lines_of(CURVES) == [expected | values]


def test_figure_in_memory_is_drawn_as_a_png_file():
    figure = Figure(figsize=(1, 1))
    uri = rendering.data_uri(figure)
    assert base64.b64decode(uri.partition(",")[2]).startswith(b"\x89PNG")


class TestSection:
    def test_section_is_one_element_with_its_run(self):
        html = report.write_section("ingestion", **INGESTION)
        assert html.startswith('<section id="ingestion">')
        assert html.rstrip().endswith("</section>")
        assert Page(html).tags.count("section") == 1
        assert re.search(
            r"Run of \d{4}-\d\d-\d\d, \d\d:\d\d UTC, commit: .+, \d+ cores", Page(html).text
        )
        assert "2,000 images for training, 11 for validation and 16 for the test, in 2 classes" in (
            Page(html).text
        )

    def test_parameters_of_the_run_are_written_as_yaml_and_escaped(self):
        parameters = {"seed": 3, "network": Network(name="</pre><b>")}
        html = report.write_section("ingestion", parameters=parameters, **INGESTION)
        assert "b" not in Page(html).tags
        written = unescape(re.search(r"<pre>(.*?)</pre>", html, re.DOTALL)[1])
        assert yaml.safe_load(written) == {
            "seed": 3,
            "network": {"name": "</pre><b>", "units": [64, 32]},
        }
        assert "<pre>" not in report.write_section("ingestion", **INGESTION)

    def test_figures_are_inside_the_section_once(self):
        page = Page(report.write_section("fnn", **FNN))
        prefix = "data:image/png;base64,"
        shown = [base64.b64decode(url.removeprefix(prefix)) for url in page.resources]
        assert sorted(shown) == sorted(value for value in FNN.values() if isinstance(value, bytes))

    def test_network_is_described_by_its_metrics(self):
        text = Page(report.write_section("fnn", **FNN)).text
        assert "1.23 % of the test images are misclassified" in text
        assert "0.0457 nats" in text
        assert "42 s of training, 6,736 iterations" in text
        assert "669,706 trained parameters" in text

    def test_first_figure_explains_the_training_loss_above_the_test_loss(self):
        html = report.write_section("fnn", **FNN)
        caption = re.search(r"<figcaption>(.*?)</figcaption>", html, re.DOTALL)[1]
        assert "the training loss can lie above the test loss" in caption
        assert "augmented images" in caption
        assert "Label smoothing" in caption

    def test_numbers_of_a_figure_are_below_it(self):
        rows = Page(report.write_section("fnn", **FNN)).rows
        assert ["training <loss>", "3", "1", "40", "2.5", "0.5", "10⁻⁴", "2.5"] in rows

    def test_missing_figure_is_an_error(self):
        with pytest.raises(UndefinedError, match="'sample_digits_plot' is undefined"):
            report.write_section("ingestion", class_counts=COUNTS, class_counts_plot=b"counts")

    def test_labels_are_escaped(self):
        html = report.write_section("fnn", **FNN)
        assert "training &lt;loss&gt;" in html
        assert "<loss>" not in html


class TestDerivations:
    CHECKS = pd.DataFrame(
        {
            "identity": ["softmax shift <invariance>", "gradient of P2", "Hessian of P2"],
            "oracle": ["SymPy", "GradientTape", "GradientTape"],
            "max_abs_error": [0.0, 2.5e-3, 1e-10],
            "tolerance": [1e-12, 1e-9, 1e-9],
            "holds": [True, False, True],
        }
    )

    def section(self, checks: pd.DataFrame) -> Page:
        return Page(
            report.write_section(
                "derivations",
                checks=checks,
                oracles=summaries.summarise_checks(checks),
                parity_check={"iterations": 1000, "float64": {"largest_loss_difference": 4.4e-16}},
                shift_sweep_plot=b"shift",
                step_sweep_plot=b"sweep",
                parity_check_plot=b"parity",
            )
        )

    def test_checks_are_counted_and_the_networks_compared(self):
        text = self.section(self.CHECKS).text
        assert "2 / 3 checks of the hand-derived formulas hold, against 2 oracles" in text
        assert "4.4 × 10⁻¹⁶ nats at most" in text
        assert "in 1,000 iterations" in text

    def test_check_that_fails_is_named_and_marked(self):
        section = self.section(self.CHECKS)
        assert ["softmax shift <invariance>", "SymPy", "0", "10⁻¹²", "yes"] in section.rows
        assert ["gradient of P2", "GradientTape", "2.5 × 10⁻³", "10⁻⁹", "NO"] in section.rows
        assert ["GradientTape", "2", "1", "2.5 × 10⁻³"] in section.rows
        assert "Checks that do not hold: gradient of P2" in section.text

    def test_nothing_is_named_where_all_checks_hold(self):
        text = self.section(self.CHECKS[self.CHECKS["holds"]]).text
        assert "2 / 2" in text
        assert "do not hold" not in text


class TestLogisticRegression:
    def section(self, *solvers: tuple[str, float, float]) -> Page:
        columns = ["solver", "relative_gap", "seconds"]
        comparison = pd.DataFrame(solvers, columns=columns).assign(
            iterations=1200, max_abs_weight_difference=2e-5, test_error=0.075
        )
        figures = ("convergence", "regularisation_path_plot", "weights_plot", "roc_curves_plot")
        return Page(
            report.write_section(
                "logistic_regression_task",
                title="Classes <1> against the others",
                ranking=summaries.rank_solvers(comparison),
                class_metrics=CLASSES,
                convergence_plotly=CURVES,
                confusion_matrix_plot=b"confusion",
                **dict.fromkeys(figures, b"figure"),
            )
        )

    def test_fastest_solver_is_compared_with_scikit_learn(self):
        section = self.section(("fast", 0.0, 2.5), ("scikit_learn", 9e-7, 10.0), ("slow", 0.1, 1.0))
        assert "4.0 × as fast as scikit-learn to the optimum: fast, 2.5 s" in section.text
        assert "7.50 % of the test images are misclassified at the optimum" in section.text
        assert [row[0] for row in section.rows[1:4]] == ["fast", "scikit_learn", "slow"]
        assert section.rows[3] == ["slow", "1.00", "1,200", "0.1", "2.0 × 10⁻⁵", "7.50"]

    def test_nothing_is_claimed_where_a_solver_did_not_converge(self):
        assert "to the optimum:" not in self.section(("slow", 0.1, 1.0)).text
        text = self.section(("fast", 0.0, 2.5), ("scikit_learn", 0.1, 10.0)).text
        assert "2.5 s to the optimum: fast" in text
        assert "as fast as" not in text

    def test_tasks_stand_in_one_section(self):
        html = report.write_section("logistic_regression", tasks=["<h3>one</h3>", "<h3>two</h3>"])
        assert html.index("<h3>one</h3>") < html.index("<h3>two</h3>")


class TestOptionalSections:
    def test_benchmark_shows_the_smallest_gap_and_a_dash_for_what_was_not_reached(self):
        html = report.write_section(
            "benchmark",
            headline=HEADLINE,
            convergence=b"paths",
            scaling_plot=b"scaling",
            tricks=TABLE.assign(problem="no warm start"),
            robustness=TABLE,
            training_throughput=TABLE,
            augmentation_cost=TABLE,
            environment={"processor": "<fast>"},
        )
        rows = Page(html).rows
        assert rows[1] == ["ten_class", "0.001", "1", "1.62", "27.2", "–", "–"]
        assert len([row for row in rows if row[0] == "ten_class"]) == 1
        assert ["<wide>", "2.5 × 10⁻³", "60,000"] in rows
        assert ["no warm start", "2.5 × 10⁻³", "60,000"] in rows
        assert "processor: &lt;fast&gt;" in html

    def test_ablation_shows_its_variants(self):
        figures = {"sizes_plot": b"sizes", "lengths_plot": b"lengths"}
        html = report.write_section("ablation", variants=TABLE, **figures)
        assert Page(html).rows == [
            ["problem", "seconds", "rows"],
            ["<wide>", "2.5 × 10⁻³", "60,000"],
        ]

    def test_scale_shows_its_fits(self):
        html = report.write_section("scale", fits=TABLE, fits_plot=b"fits")
        assert Page(html).rows[1] == ["<wide>", "2.5 × 10⁻³", "60,000"]

    def test_ensemble_stands_beside_its_members(self):
        metrics = {"test_error": 0.004, "members_test_error_mean": 0.0062}
        text = Page(report.write_section("ensemble", metrics=metrics, comparison=TABLE)).text
        assert "0.40 % of the test images are misclassified by the ensemble" in text
        assert "0.62 % by a member" in text


class TestPage:
    def test_first_lines_have_units(self):
        text = Page(page()).text
        assert "The feed-forward network misclassifies 4.00 % of the test images after 4 s" in text
        assert "Softmax regression misclassifies 8.00 % after 2.2 s. " in text
        assert re.findall(r"after [\d.]+ (\w+)", text) == ["s", "s"]

    def test_softmax_regression_is_left_out_of_the_first_lines_without_a_chosen_model(self):
        models = {
            "Feed-forward network, all classes": [MODEL],
            "Softmax regression, all classes": [softmax("other", False, 0.07, 9.0)],
        }
        assert "Softmax regression misclassifies" not in Page(page(models=models)).text

    def test_table_shows_every_model_in_the_given_order_and_marks_the_chosen_one(self):
        rows = [row for row in Page(page()).rows if len(row) == 7]
        assert [row[0] for row in rows] == ["model", "fnnchosen", "lucky", "defaultchosen"]
        assert rows[2] == ["lucky", "7.00", "0.4000", "0.40", "9.0", "12.3", "1,004"]

    def test_sections_stand_in_the_page_unchanged_and_in_its_list(self):
        html = page()
        assert "<section id='fnn'><h2>Network</h2></section>" in html
        assert '<a href="#fnn">Network</a>' in html

    def test_page_names_what_is_out_of_date(self):
        assert "Out of date" not in page()
        found = ["fnn.section is older than fnn.metrics", "fnn.model is older than train"]
        text = Page(page(outdated=found)).text
        assert f"Out of date: {found[0]}; {found[1]}. kedro run brings everything" in text

    def test_page_names_versions_and_machine(self):
        rows = Page(page()).rows
        assert ["keras", version("keras")] in rows
        names = {row[0] for row in rows if len(row) == 2}
        assert {"date", "commit", "processor", "cores", "system", "python"} <= names

    def test_page_fits_a_phone_and_a_sheet_of_paper(self):
        html = page()
        assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
        assert "@media print {" in html
        assert html.count('<div class="scroll"><table>') == html.count("<table") == 2

    def test_page_needs_no_other_file(self):
        assert outside(page()) == []

    def test_browser_is_told_to_fetch_and_to_run_nothing(self):
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page()

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
    def test_another_file_would_be_noticed(self, piece):
        assert outside(page().replace("</body>", f"{piece}</body>"))

    def test_models_and_outdated_datasets_are_escaped(self):
        attack = "</pre><script>alert(1)</script>"
        model = softmax(attack, False, 0.07, 9.0)
        models = {
            "Feed-forward network, all classes": [MODEL],
            "Softmax regression, all classes": [model],
        }
        html = page(models=models, outdated=[attack])
        assert "script" not in Page(html).tags
        assert html.count("&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;") == 2

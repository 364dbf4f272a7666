"""`kedro viz run` and the site of `kedro viz build`, looked at in a real browser."""

import base64
import csv
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from mnist_gradients.datasets import IdxDataset
from mnist_gradients.pipelines.fnn import nodes

ROOT = Path(__file__).parents[1]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PIPELINES = {"ingestion", "derivations", "logistic_regression", "fnn", "reporting"}
FOLDED = "types=nodes&expandAllPipelines=false"
NOTHING_TO_SHOW = {"fnn.checkpoints", "fnn.committee_models"}  # a folder, and networks


def version(command: str) -> str:
    """The first number of what a command says of its version."""
    run = subprocess.run([command, "--version"], capture_output=True, text=True)
    return next(iter(re.findall(r"\d+", run.stdout)), "none")


def why_not() -> str:
    """Why there is no browser to look with; nothing if there is one."""
    if CHROMIUM is None or DRIVER is None:
        return "needs the commands chromium and chromedriver: apt-get install chromium-driver"
    found = version(CHROMIUM), version(DRIVER)
    if found[0] != found[1]:
        return f"needs chromium and chromedriver of one version, found {' and '.join(found)}"
    return ""


pytestmark = [
    pytest.mark.slow,
    pytest.mark.tensorflow,  # the run whose outputs are looked at
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]


class Browser:
    """A headless Chromium."""

    def __init__(self, profile: Path):
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for argument in (
            *("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "disable-sync"),
            *("no-first-run", "disable-background-networking", "disable-component-update"),
            *("window-size=1440,1000", f"user-data-dir={profile}"),
        ):
            options.add_argument(f"--{argument}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # With the path of the driver nothing is looked for, and nothing downloaded.
        self.driver = webdriver.Chrome(options, Service(str(DRIVER)))

    def wait(self, condition, what: str):
        """What a condition gives once it gives something true."""
        return WebDriverWait(self.driver, 20, 0.1).until(lambda _: condition(), what)

    def wait_for(self, selector: str):
        """The one visible element that a CSS selector finds, as soon as it is there."""

        def found():
            elements = self.driver.find_elements(By.CSS_SELECTOR, selector)
            return elements[0] if len(elements) == 1 and elements[0].is_displayed() else None

        return self.wait(found, f"found no {selector}")

    def wait_for_labels(self, expected: set[str]) -> None:
        """Wait until the graph has nodes of these labels and no others."""

        def labels():
            return set(self.run("texts('.pipeline-node .pipeline-node__text')"))

        self.wait(lambda: labels() == expected, f"expected nodes {sorted(expected)}")

    def open(self, site: str, query: str) -> None:
        """Open a page of kedro-viz as somebody does who was never there before."""
        self.driver.get(f"{site}/favicon.ico")
        self.driver.execute_script("localStorage.clear()")  # what is folded and hidden
        self.driver.get(f"{site}/?{query}")

    def run(self, expression: str, *arguments):
        """The value of an expression of JavaScript."""
        texts = "const texts = css => [...document.querySelectorAll(css)].map(e => e.textContent);"
        return self.driver.execute_script(f"{texts} return {expression};", *arguments)

    def fold_or_unfold(self, namespace: str) -> None:
        """Click on the arrow beside a namespace in the list at the left."""
        row = f"//li[@role='treeitem'][.//*[@id='{namespace}']]"
        arrow = f"({row})[last()]/*//*[contains(@class, 'iconContainer')]"
        self.driver.find_elements(By.XPATH, arrow)[0].click()

    def errors(self) -> list[str]:
        """What the console has seen since it was last asked, less kedro-viz's own.

        It asks for a font from the internet and, as a static site, for a file that it never wrote.
        """
        own = ("fonts.googleapis.com", "api/metadata", "metadata fetch error")
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" and not any(part in entry["message"] for part in own)
        ]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


@pytest.fixture(scope="module")
def folder(full_run) -> Path:
    return full_run[1]


@pytest.fixture(scope="module")
def logging_to_see(tmp_path_factory) -> dict[str, str]:
    """The project's logging, and what kedro-viz says of previews that fail besides."""
    text = (ROOT / "conf" / "logging.yml").read_text(encoding="utf-8")
    silent = "kedro_viz:\n    level: ERROR"
    assert silent in text
    path = tmp_path_factory.mktemp("logging") / "logging.yml"
    path.write_text(text.replace(silent, "kedro_viz:\n    level: WARNING"), encoding="utf-8")
    return {"KEDRO_LOGGING_CONFIG": str(path)}


@pytest.fixture(scope="module")
def served(folder, kedro_viz, module_out_of_reach, logging_to_see):
    """The address of `kedro viz run` over the outputs of a run, and the file of its log."""
    environment = module_out_of_reach.environment | logging_to_see
    options = ["--env", "test", "--params", f"data_root={folder}"]
    with kedro_viz(*options, environment=environment) as (url, log):
        yield url, log


@pytest.fixture
def viz(served, browser):
    """Opens an address of kedro-viz; afterwards the browser must not have met an error."""

    def viz(query: str) -> Browser:
        browser.open(served[0], query)
        return browser

    browser.errors()
    yield viz
    assert browser.errors() == []


@pytest.fixture
def panel(viz):
    """Opens the panel of a dataset by its deep link."""

    def panel(dataset: str, pipeline: str = "__default__") -> Browser:
        browser = viz(f"pid={pipeline}&sn={dataset}&expandAllPipelines=true")
        title = browser.wait_for(".pipeline-metadata__title")
        browser.wait(lambda: title.text == dataset, f"expected the panel of {dataset}")
        return browser

    return panel


def answer(url: str):
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - our own server
        return json.load(response)


def picture_shown(browser: Browser) -> tuple[bytes, tuple[int, int]]:
    """The bytes of the picture in the panel, and its width and height as the browser sees them."""
    image = browser.wait_for("img.pipeline-metadata__plot-image")
    browser.wait(lambda: browser.run("arguments[0].complete", image), "picture is not loaded")
    size = browser.run("[arguments[0].naturalWidth, arguments[0].naturalHeight]", image)
    return base64.b64decode(image.get_attribute("src").partition(",")[2]), tuple(size)


class TestGraph:
    def test_pipelines_are_folded_and_joined(self, viz):
        browser = viz(f"pid=__default__&{FOLDED}")
        browser.wait_for_labels(PIPELINES)
        edges = browser.run("document.querySelectorAll('.pipeline-edge').length")
        assert edges == 6  # ingestion to three, and they to reporting

    def test_layers_are_in_the_order_of_the_data(self, viz):
        browser = viz("pid=__default__&expandAllPipelines=true")
        browser.wait(lambda: browser.run("texts('.pipeline-layer-name')"), "found no layers")
        assert browser.run("texts('.pipeline-layer-name')") == [
            *("raw", "intermediate", "model_input", "models", "reporting")
        ]

    def test_template_folds_and_unfolds_per_task(self, viz, pipelines):
        tasks = [f"logistic_regression.{task}" for task in ("binary", "multinomial")]
        inside = {
            node.short_name
            for node in pipelines["logistic_regression"].nodes
            if node.namespace == tasks[0]
        }
        browser = viz(f"pid=logistic_regression&{FOLDED}")
        browser.wait_for_labels({"logistic_regression"})
        browser.fold_or_unfold("logistic_regression")
        browser.wait_for_labels(set(tasks))
        browser.fold_or_unfold(tasks[0])
        browser.wait_for_labels({*inside, tasks[1]})
        browser.fold_or_unfold(tasks[0])
        browser.wait_for_labels(set(tasks))


class TestPanel:
    def test_deep_link_shows_the_loss_curves(self, panel, folder):
        shown, size = picture_shown(panel("fnn.loss_curves"))
        path = folder / "08_reporting" / "fnn" / "loss_curves.png"
        assert shown == path.read_bytes()
        assert size == imread(path).shape[1::-1]

    def test_raw_images_show_their_first_digits(self, panel):
        shown, size = picture_shown(panel("raw_test_images", "ingestion"))
        assert size == (800, 400)  # five rows of ten
        raw = ROOT / "data" / "01_raw" / "mnist" / "t10k-images-idx3-ubyte.gz"
        assert shown == base64.b64decode(IdxDataset(filepath=str(raw)).preview())

    @pytest.mark.parametrize(
        ("dataset", "file", "axes"),
        [
            ("fnn.loss_curves_plotly", "fnn/loss_curves.json", ["log"]),
            ("fnn.accuracy_curves_plotly", "fnn/accuracy_curves.json", ["linear"]),
            (
                "logistic_regression.binary.convergence_plotly",
                "logistic_regression/binary/convergence.json",
                ["log", "log"],
            ),
        ],
    )
    def test_interactive_curves_are_drawn(self, panel, folder, dataset, file, axes):
        browser = panel(dataset, dataset.partition(".")[0])
        browser.wait_for(".js-plotly-plot .main-svg .cartesianlayer")
        plot = "document.querySelector('.js-plotly-plot')"
        traces = json.loads((folder / "08_reporting" / file).read_text())["data"]
        drawn = browser.run(f"{plot}._fullData.map(t => [t.name, [...t.y]])")
        assert drawn == [[trace["name"], trace["y"]] for trace in traces]
        assert browser.run(f"{plot}.querySelectorAll('.scatterlayer .trace').length") == len(traces)
        assert browser.run(f"{plot}._fullLayout._subplots.yaxis.length") == len(axes)
        names = [f"yaxis{number}".removesuffix("1") for number in range(1, len(axes) + 1)]
        assert browser.run(f"arguments[0].map(a => {plot}._fullLayout[a].type)", names) == axes

    def test_table_has_the_rows_of_the_file(self, panel, folder):
        browser = panel("logistic_regression.multinomial.comparison", "logistic_regression")
        browser.wait_for(".preview-table")
        path = folder / "08_reporting" / "logistic_regression" / "multinomial" / "comparison.csv"
        header, *rows = csv.reader(path.read_text().splitlines())
        assert browser.run("texts('.preview-table th')") == header
        cells = np.array(browser.run("texts('.preview-table td')")).reshape(len(rows), -1)
        assert cells[:, 0].tolist() == [row[0] for row in rows]
        objective = header.index("objective")
        np.testing.assert_allclose(
            cells[:, objective].astype(float), [float(row[objective]) for row in rows]
        )

    def test_metrics_are_those_of_the_file(self, panel, folder):
        browser = panel("fnn.metrics", "fnn")
        shown = browser.wait_for(".pipeline-metadata__preview-json").text
        metrics = json.loads((folder / "08_reporting" / "fnn" / "metrics.json").read_text())
        _, *lines, _ = shown.splitlines()  # the first says how many there are, the last is }
        assert json.loads(f"{{{','.join(lines)}}}") == metrics
        assert metrics["test_error"] > 0

    def test_report_can_be_read(self, panel, folder):
        browser = panel("reporting.report", "reporting")
        browser.wait_for(".html-renderer h1")
        assert browser.run("texts('.html-renderer h1')") == ["MNIST Gradients"]
        metrics = json.loads((folder / "08_reporting" / "fnn" / "metrics.json").read_text())
        error = f"{100 * metrics['test_error']:.2f} %"
        assert error in browser.run("texts('.html-renderer strong')")
        assert browser.run("document.querySelectorAll('.html-renderer em').length") == 0
        pictures = "[...document.querySelectorAll('.html-renderer img')]"
        browser.wait(
            lambda: browser.run(f"{pictures}.every(i => i.complete)"), "pictures are not loaded"
        )
        widths = browser.run(f"{pictures}.map(i => i.naturalWidth)")
        assert len(widths) >= 5
        assert min(widths) > 400

    def test_node_says_what_it_does(self, served, viz):
        graph = answer(f"{served[0]}/api/main")["nodes"]
        (id_,) = [node["id"] for node in graph if node["name"] == "train_network"]
        browser = viz(f"pid=fnn&sid={id_}&expandAllPipelines=true")
        said = browser.wait_for(".pipeline-text-renderer__content").text
        assert said.startswith(nodes.train_network.__doc__.splitlines()[0])


def test_every_dataset_has_a_preview_and_nothing_is_logged(served, module_out_of_reach):
    url, log = served
    graph = answer(f"{url}/api/main")["nodes"]
    data = {node["name"]: node["id"] for node in graph if node["type"] == "data"}
    shown = {name: answer(f"{url}/api/nodes/{id_}") for name, id_ in data.items()}
    assert len(shown) > 50
    assert {name for name, panel in shown.items() if not panel.get("preview")} == NOTHING_TO_SHOW
    text = log.read_text()
    assert "Kedro Viz started successfully" in text
    for sign in ("could not be previewed", "Traceback", "Error", "ERROR", "CRITICAL"):
        assert sign not in text, text
    assert module_out_of_reach.imported() == []


def test_preview_that_fails_would_be_noticed(folder, kedro_viz, logging_to_see, tmp_path):
    copy = shutil.copytree(folder / "08_reporting", tmp_path / "08_reporting")
    (copy / "fnn" / "loss_curves.png").unlink()
    options = ["--env", "test", "--params", f"data_root={tmp_path}"]
    with kedro_viz(*options, environment=os.environ | logging_to_see) as (url, log):
        graph = answer(f"{url}/api/main")["nodes"]
        (id_,) = [node["id"] for node in graph if node["name"] == "fnn.loss_curves"]
        assert answer(f"{url}/api/nodes/{id_}").get("preview") is None
        assert "'fnn.loss_curves' could not be previewed" in log.read_text()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def static_site(folder, tmp_path_factory, module_out_of_reach):
    """The address of what `kedro viz build` makes of the default run, served as plain files."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "conf", project / "conf")
    shutil.copytree(ROOT / "src", project / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, project)
    (project / "data").mkdir()
    for layer in (ROOT / "data" / "01_raw", *folder.iterdir()):
        (project / "data" / layer.name).symlink_to(layer)
    run = subprocess.run(
        [sys.executable, "-m", "kedro", "viz", "build", "--include-previews"],
        cwd=project,
        env=module_out_of_reach.environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    handler = partial(Quiet, directory=str(project / "build"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_built_site_shows_graph_and_previews_without_a_server(static_site, browser, folder):
    browser.errors()
    browser.open(static_site, f"pid=__default__&{FOLDED}")
    browser.wait_for_labels(PIPELINES)
    browser.open(static_site, "pid=__default__&sn=fnn.loss_curves&expandAllPipelines=true")
    shown, _ = picture_shown(browser)
    assert shown == (folder / "08_reporting" / "fnn" / "loss_curves.png").read_bytes()
    assert browser.errors() == []

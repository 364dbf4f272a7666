"""`kedro viz run`: the previews that it serves, and the graph that a browser shows at first."""

import json
import os
import re
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).parents[1]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = "fnn.calibration_plot"  # its file is left out, to see that a failing preview is noticed
WITHOUT_PREVIEW = {"reporting.all_sections", MISSING}
BOXES = {"ingestion", "derivations", "logistic_regression", "fnn", "reporting"}
BETWEEN = {
    *("raw_train_images", "raw_train_labels", "raw_test_images", "raw_test_labels"),
    "raw_class_names",
    *("train", "validation", "test", "class_names"),
    *("logistic_regression.binary.models", "logistic_regression.multinomial.models", "fnn.model"),
    *("logistic_regression.metrics", "fnn.metrics"),
    *(f"{name}.section" for name in ("ingestion", "derivations", "logistic_regression", "fnn")),
    *("reporting.all_sections", "reporting.file_times", "reporting.report"),
}
SMALLEST_TEXT = 8  # pixels from top to bottom

pytestmark = [
    pytest.mark.slow,
    pytest.mark.tensorflow,  # the run whose outputs are shown
]


def version(command: str | None) -> str:
    """The main version of a command, or `none`."""
    if command is None:
        return "none"
    run = subprocess.run([command, "--version"], capture_output=True, text=True)
    return next(iter(re.findall(r"\d+", run.stdout)), "none")


@pytest.fixture(scope="module")
def served(full_run, kedro_viz, module_out_of_reach, tmp_path_factory) -> Iterator[tuple]:
    """The address and the log of `kedro viz run` over the outputs of a run, one of them missing."""
    folder = tmp_path_factory.mktemp("viz") / "data"
    shutil.copytree(full_run[1], folder, copy_function=os.symlink)
    (folder / "08_reporting" / "fnn" / "calibration.png").unlink()
    logging = (ROOT / "conf" / "logging.yml").read_text(encoding="utf-8")
    assert "kedro_viz:\n    level: ERROR" in logging  # hides the warnings about previews
    path = folder.parent / "logging.yml"
    path.write_text(logging.replace("level: ERROR", "level: WARNING"), encoding="utf-8")
    environment = module_out_of_reach.environment | {"KEDRO_LOGGING_CONFIG": str(path)}
    options = ["--env", "test", "--params", f"data_root={folder}"]
    with kedro_viz(*options, environment=environment) as (url, log):
        yield url, log


@pytest.fixture
def driver(tmp_path) -> Iterator[webdriver.Chrome]:
    """A headless Chromium that nobody has used before."""
    if version(CHROMIUM) == "none" or version(CHROMIUM) != version(DRIVER):
        pytest.skip(
            "needs chromium and chromedriver of one version: apt-get install chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        *("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking"),
        *("no-first-run", "window-size=1440,900", f"user-data-dir={tmp_path}"),
    ):
        options.add_argument(f"--{argument}")
    driver = webdriver.Chrome(options, Service(str(DRIVER)))
    size = {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield driver
    driver.quit()


def answer(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - our own server
        return json.load(response)


def test_every_dataset_has_a_preview(served, module_out_of_reach):
    url, log = served
    graph = answer(f"{url}/api/main")["nodes"]
    data = {node["name"]: node["id"] for node in graph if node["type"] == "data"}
    panels = {name: answer(f"{url}/api/nodes/{id_}") for name, id_ in data.items()}
    assert len(panels) > 50
    assert {name for name, panel in panels.items() if not panel.get("preview")} == WITHOUT_PREVIEW
    assert "misclassified" in panels["fnn.section"]["preview"]
    text = log.read_text()
    assert re.findall(r"'(\S+)' could not be previewed", text) == [MISSING]
    assert "Traceback" not in text
    assert module_out_of_reach.imported() == []


def test_server_listens_on_127_0_0_1_alone(served):
    port = int(served[0].rpartition(":")[2])
    socket.create_connection(("127.0.0.1", port), timeout=10).close()
    with pytest.raises(OSError, match=r"refused|timed out|assign"):
        socket.create_connection(("127.0.0.2", port), timeout=10)


def test_plain_address_shows_the_pipelines_and_what_passes_between_them(served, driver):
    driver.get(served[0])
    labels = "[...document.querySelectorAll('.pipeline-node .pipeline-node__text')]"
    shown = f"return {labels}.map(e => [e.textContent, e.getBoundingClientRect().toJSON()])"
    WebDriverWait(driver, 20, 0.1).until(lambda _: stands_still(driver, shown), "found no graph")
    places = dict(driver.execute_script(shown))
    assert set(places) == BOXES | BETWEEN
    for name, place in places.items():
        assert place["height"] >= SMALLEST_TEXT, name
        assert 0 <= place["left"] <= place["right"] <= 1440, name
        assert 0 <= place["top"] <= place["bottom"] <= 900, name


def stands_still(driver: webdriver.Chrome, script: str) -> bool:
    """Whether a script finds something, and the same a moment later: the graph moves at first."""
    before = driver.execute_script(script)
    driver.execute_async_script("setTimeout(arguments[0], 300)")
    return bool(before) and driver.execute_script(script) == before

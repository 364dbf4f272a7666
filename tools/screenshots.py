"""Take the screenshots of kedro viz and of the report that README and docs show.

`python tools/screenshots.py` after `kedro run`; `python tools/screenshots.py FOLDER` after
`kedro run --params data_root=FOLDER`. It needs `pip install -e ".[test]"` and the commands chromium
and chromedriver (on Debian: `apt-get install chromium-driver`).
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
URL = "http://127.0.0.1:24141"
WIDTH, HEIGHT = 1440, 900
PANEL_ONLY = {"graph": True, "sidebar": False, "miniMap": False, "slicing": False}
# Screenshot: query of the page, visible parts other than kedro-viz's own choice, and the element
# that shows that the page is complete.
PAGES = {
    "viz_overview": ("", None, ".pipeline-node"),  # the plain address
    "viz_loss_curves": (
        "?pid=fnn&sn=fnn.loss_curves_plotly&expandAllPipelines=true",
        PANEL_ONLY,
        ".js-plotly-plot .scatterlayer .trace",
    ),
    "viz_digits": (
        "?pid=ingestion&sn=train&expandAllPipelines=true",
        PANEL_ONLY,
        "img.pipeline-metadata__plot-image",
    ),
}


def main() -> None:
    """Take every screenshot."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "data").resolve()
    command = ["viz", "run", "--no-browser", "--port", URL[-5:], "--params", f"data_root={folder}"]
    server = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "kedro", *command],
        cwd=ROOT,
        start_new_session=True,  # it starts processes of its own
    )
    with tempfile.TemporaryDirectory() as profile:
        driver = start_browser(profile)
        try:
            wait_until_served()
            for name, page in PAGES.items():
                open_graph(driver, *page)
                save(driver, name)
            driver.get((folder / "08_reporting/reporting/report.html").as_uri())
            save(driver, "report")
        finally:
            driver.quit()
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def start_browser(profile: str) -> webdriver.Chrome:
    """Start a headless Chromium of the size of the screenshots."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in (
        *("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking"),
        *("hide-scrollbars", f"user-data-dir={profile}"),
    ):
        options.add_argument(f"--{argument}")
    driver = webdriver.Chrome(options, Service(str(shutil.which("chromedriver"))))
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return driver


def wait_until_served() -> None:
    """Return when kedro viz answers."""
    while True:
        try:
            urllib.request.urlopen(f"{URL}/api/version").close()  # noqa: S310 - our own server
        except OSError:
            time.sleep(0.2)
        else:
            return


def open_graph(
    driver: webdriver.Chrome, query: str, visible: dict[str, bool] | None, selector: str
) -> None:
    """Open a page of kedro viz without its tour, its news and the folders of this machine."""
    driver.get(f"{URL}/favicon.ico")
    state = {"showFeatureHints": False} | ({"visible": visible} if visible else {})
    driver.execute_script(
        "localStorage.clear(); localStorage.KedroViz = arguments[0]", json.dumps(state)
    )
    driver.get(f"{URL}/{query}")
    WebDriverWait(driver, 30).until(lambda _: driver.find_elements("css selector", selector))
    time.sleep(2)  # the graph moves to its place
    driver.execute_script("""
        for (const element of document.querySelectorAll('.pipeline-metadata__value--kind-path'))
            element.textContent = element.textContent.replace(/^.*[/](?=0\\d_)/, 'data/');
        for (const element of document.querySelectorAll('[class*=update-reminder]'))
            element.style.display = 'none';
    """)


def save(driver: webdriver.Chrome, name: str) -> None:
    """Save what the browser shows, in 256 colours."""
    picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    colours = picture.quantize(256, dither=Image.Dither.NONE)
    colours.save(DOCS / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()

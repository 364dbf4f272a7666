"""Measure how long each command takes, and write docs/timings.md: `python tools/timings.py`."""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from mnist_gradients.core.machine import processor
from mnist_gradients.maths.rows.blocks import available_cores

ROOT = Path(__file__).parents[1]
REPEATS = 3
PORT = 4149  # of the measured server
BUSY = 0.5  # load average at the start above which something else is running
KEDRO = [sys.executable, "-m", "kedro"]


def main() -> None:
    """Measure every command and write the table."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        test = ["--env", "test", "--params", f"data_root={folder}"]
        seconds_of([*KEDRO, "run", "--pipelines", "ingestion", *test])  # whose output is needed
        rows = {
            "kedro --help": median(lambda: seconds_of([*KEDRO, "--help"])),
            "kedro registry list": median(lambda: seconds_of([*KEDRO, "registry", "list"])),
            "kedro catalog describe-datasets": median(
                lambda: seconds_of([*KEDRO, "catalog", "describe-datasets"])
            ),
            "kedro viz run (until the graph is there)": median(seconds_of_viz),
            "kedro run --pipelines logistic_regression --env test": median(
                lambda: seconds_of([*KEDRO, "run", "--pipelines", "logistic_regression", *test])
            ),
            "kedro run --env test": median(lambda: seconds_of([*KEDRO, "run", *test])),
        }
    lines = [
        "# How long the commands take",
        "",
        f"Wall time, median of {REPEATS} runs after each other, on {available_cores()} cores of "
        f"{processor()} with Python {sys.version.split()[0]}. "
        + (f"The machine was busy with other work (load {load:.1f}). " if load > BUSY else "")
        + "Written by `python tools/timings.py`.",
        "",
        "| command | seconds |",
        "|---|---|",
        *(f"| `{command}` | {seconds:.1f} |" for command, seconds in rows.items()),
        "",
        "All but the last never import TensorFlow, which alone takes seconds; "
        "`tests/test_command_line.py` sees to that.",
    ]
    (ROOT / "docs" / "timings.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def median(measure) -> float:
    """Return the median of some measurements."""
    return statistics.median(measure() for _ in range(REPEATS))


def seconds_of(command: list[str]) -> float:
    """Return how long a command takes."""
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - above
    return time.perf_counter() - started


def seconds_of_viz() -> float:
    """Return how long kedro-viz takes from its start to its first answer."""
    command = [*KEDRO, "viz", "run", "--no-browser", "--port", str(PORT)]
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - this very project
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/main").read()
                return time.perf_counter() - started
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"kedro viz run ended with {process.returncode}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    main()

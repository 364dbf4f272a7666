"""Measure the wall time of the commands, and write docs/timings.md and docs/results/timings.

`python tools/timings.py` takes a quarter of an hour on two cores. With `--check` it measures
nothing and ends with an error if the page does not agree with the files of docs/results/timings.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from mnist_gradients.core.machine import processor
from mnist_gradients.maths.rows.threads import available_cores

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "timings.md"
EVIDENCE = ROOT / "docs" / "results" / "timings"
REPEATS = 3
PORT = 4149  # of the measured server
BUSY = 0.5  # load average at the start above which another program is running


def main() -> None:
    """Measure all commands and write the page, or check the page."""
    if sys.argv[1:] == ["--check"]:
        current = PAGE.read_text(encoding="utf-8") == page(*evidence())
        sys.exit(0 if current else "docs/timings.md: found other numbers than in results/timings")
    machine = {
        "processor": processor(),
        "cores": available_cores(),
        "python": sys.version.split()[0],
        "busy": os.getloadavg()[0] > BUSY,
    }
    EVIDENCE.mkdir(exist_ok=True)
    pd.DataFrame(measurements()).to_csv(EVIDENCE / "seconds.csv", index=False)
    text = json.dumps(machine, indent=2) + "\n"
    (EVIDENCE / "machine.json").write_text(text, encoding="utf-8")
    PAGE.write_text(page(*evidence()), encoding="utf-8")


def evidence() -> tuple[pd.DataFrame, dict]:
    """Return the measured times and the machine."""
    machine = json.loads((EVIDENCE / "machine.json").read_text(encoding="utf-8"))
    return pd.read_csv(EVIDENCE / "seconds.csv"), machine


def page(times: pd.DataFrame, machine: dict) -> str:
    """Return the page for some times and a machine."""
    lines = [
        "# How long the commands take",
        "",
        f"Wall time on {machine['cores']} cores of {machine['processor']} with Python",
        f"{machine['python']}; of several runs the median. Written by `python tools/timings.py`.",
        *(["The machine was busy with other work."] if machine["busy"] else []),
        "",
        "| command | seconds | runs |",
        "|---|---|---|",
        *(f"| `{row.command}` | {row.seconds:.1f} | {row.runs} |" for row in times.itertuples()),
        "",
        "Only the runs with the network and `pytest` import TensorFlow, which takes seconds.",
    ]
    return "\n".join(lines) + "\n"


def measurements() -> Iterator[dict]:
    """Yield the time of each command, in the order of the table."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = ["--params", f"data_root={folder}/data"]
        seconds_of("kedro run --pipelines ingestion --env test", outputs)  # the next runs read it
        yield measured("kedro --help")
        yield measured("kedro registry list")
        yield measured("kedro catalog describe-datasets")
        yield measured("kedro viz run", measure=seconds_of_viz)
        yield measured("kedro run --pipelines logistic_regression --env test", outputs)
        yield measured("kedro run --env test", outputs)
        yield measured("kedro run", outputs, repeats=1)
        yield measured("pytest", repeats=1)


def measured(
    command: str,
    options: Sequence[str] = (),
    repeats: int = REPEATS,
    measure: Callable[[str, Sequence[str]], float] | None = None,
) -> dict:
    """Return a command's row of the table."""
    measure = measure or seconds_of
    median = statistics.median(measure(command, options) for _ in range(repeats))
    return {"command": command, "seconds": round(median, 2), "runs": repeats}


def seconds_of(command: str, options: Sequence[str]) -> float:
    """Return the wall time of a command."""
    started = time.perf_counter()
    arguments = [sys.executable, "-m", *command.split(), *options]
    subprocess.run(arguments, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
    return time.perf_counter() - started


def seconds_of_viz(command: str, options: Sequence[str]) -> float:
    """Return the time from the start of kedro-viz to its first answer with the graph."""
    served = ["--no-browser", "--port", str(PORT), *options]
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-m", *command.split(), *served],
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

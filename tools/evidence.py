"""Keep the evidence of a default run in docs/results/default, and quote it in the documents.

`python tools/evidence.py FOLDER` runs `kedro run --params data_root=FOLDER`, measures its time and
memory, and rewrites the quotations. With `--seconds S --gigabytes G` it takes the outputs of a run
that is already in FOLDER, took S seconds and had a peak memory of G. With `--quote` it rewrites the
quotations alone. With `--check` it runs nothing and ends with an error if a document does not agree
with the evidence.

A quotation stands between the lines `<!-- evidence: NAME -->` and `<!-- end -->`.
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import benchmark_tables
import pandas as pd
import yaml
from PIL import Image

from mnist_gradients.core.machine import describe

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EVIDENCE = DOCS / "results" / "default"
KINDS = DOCS / "results" / "preprocessing_check" / "accuracy.csv"  # copied by hand
TASKS = {"multinomial": "softmax regression", "binary": "odd against even"}
WIDTH = 100
# Evidence or picture: file of the run.
COPIED = {
    EVIDENCE / "model_comparison.csv": "reporting/model_comparison.csv",
    EVIDENCE / "metrics.json": "fnn/metrics.json",
    EVIDENCE / "checks.csv": "derivations/checks.csv",
    EVIDENCE / "parity_check_summary.json": "derivations/parity_check_summary.json",
    DOCS / "loss_curves.png": "fnn/loss_curves.png",
    DOCS / "accuracy_curves.png": "fnn/accuracy_curves.png",
    DOCS / "convergence_odd_even.png": "logistic_regression/binary/convergence.png",
    DOCS / "parity_check.png": "derivations/parity_check_plot.png",
    DOCS / "shift_sweep.png": "derivations/shift_sweep_plot.png",
    DOCS / "step_sweep.png": "derivations/step_sweep_plot.png",
}


def main() -> None:
    """Run the project and rewrite the documents, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="data_root of the run")
    parser.add_argument("--seconds", type=float, help="duration of the run already in the folder")
    parser.add_argument("--gigabytes", type=float, help="its peak memory, if that is known")
    parser.add_argument("--quote", action="store_true", help="only rewrite the documents")
    parser.add_argument("--check", action="store_true", help="only compare documents and evidence")
    arguments = parser.parse_args()
    if arguments.check:
        errors = [f"{name}: found other numbers than evidence" for name in outdated()]
        sys.exit("\n".join(errors) or 0)
    if not arguments.quote:
        if arguments.folder is None:
            parser.error("folder: found none, expected the data_root of a run")
        keep(arguments.folder.resolve(), arguments.seconds, arguments.gigabytes)
    for name, values in quotations().items():
        page = ROOT / name
        page.write_text(rewritten(page.read_text(encoding="utf-8"), values), encoding="utf-8")


def outdated() -> list[str]:
    """Return the documents that do not agree with the evidence."""
    pages = {name: (ROOT / name).read_text(encoding="utf-8") for name in quotations()}
    return [name for name, page in pages.items() if rewritten(page, quotations()[name]) != page]


def keep(folder: Path, seconds: float | None, memory: float | None) -> None:
    """Copy the evidence of a run, which is started if its duration is not given."""
    machine = describe()  # the commit, before files change
    if seconds is None:
        started = time.perf_counter()
        command = [sys.executable, "-m", "kedro", "run", "--params", f"data_root={folder}"]
        subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own command
        seconds = time.perf_counter() - started
        unit = 1 if sys.platform == "darwin" else 1024
        memory = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e9, 2)
    missing = [name for name in COPIED.values() if not (folder / "08_reporting" / name).exists()]
    if missing:
        sys.exit(f"{folder}: found no {', '.join(missing)}, expected the outputs of a whole run")
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    for target, name in COPIED.items():
        source = folder / "08_reporting" / name
        if target.suffix == ".png":  # 256 colours take a third of the space
            Image.open(source).convert("RGB").quantize(256).save(target, optimize=True)
        else:
            shutil.copyfile(source, target)
    configuration = ROOT / "conf" / "base" / "parameters_logistic_regression.yml"
    tasks = yaml.safe_load(configuration.read_text(encoding="utf-8"))["logistic_regression"]
    run: dict[str, Any] = {"seconds": round(seconds, 1), "peak_memory_gb": memory}
    run["scikit_learn_solver"] = {task: tasks[task]["reference"]["solver"] for task in TASKS}
    text = json.dumps(run | machine, indent=2) + "\n"
    (EVIDENCE / "run.json").write_text(text, encoding="utf-8")


def rewritten(page: str, values: dict[str, str]) -> str:
    """Return a page with other quotations.

    Raises:
        ValueError: If a quotation has not exactly one place in the page.
    """
    for name, value in values.items():
        pattern = rf"(<!-- evidence: {re.escape(name)} -->\n).*?(<!-- end -->)"
        parts = re.split(pattern, page, flags=re.DOTALL)
        if len(parts) != 4:
            places = len(parts) // 3
            raise ValueError(f"quotation {name}: found {places} places in the page, expected 1")
        page = f"{parts[0]}{parts[1]}{value}\n{parts[2]}{parts[3]}"
    return page


def quotations() -> dict[str, dict[str, str]]:
    """Return the Markdown of every quotation, by document and name."""
    run = read("run.json")
    checks = pd.read_csv(EVIDENCE / "checks.csv")
    return {
        "README.md": {
            "models": models(run["scikit_learn_solver"]),
            "checks": wrapped(sentences_on_checks(checks)),
            "duration": wrapped(sentences_on_duration(run)),
            "headline": benchmark_tables.sentence_on_headline(),
        },
        "docs/benchmark.md": benchmark_tables.quotations(),
        "docs/estimator.md": {
            "small": benchmark_tables.sentence_on_small(benchmark_tables.field()),
        },
        "docs/own_data.md": {"kinds": table_of_kinds(pd.read_csv(KINDS))},
        "docs/assignment.md": {
            problem: table_of_checks(checks, problem) for problem in ("P1.1", "P1.2", "P2", "P3")
        },
    }


def wrapped(text: str) -> str:
    """Return a text in lines of at most 100 characters."""
    return textwrap.fill(text, WIDTH, break_on_hyphens=False, break_long_words=False)


def sentences_on_duration(run: dict[str, Any]) -> str:
    """Return the time of a run, its memory if that is known, and its output."""
    memory = f" and up to {run['peak_memory_gb']:.1f} GB of memory" if run["peak_memory_gb"] else ""
    return (
        f"The run takes {run['seconds']:.0f} s{memory} on {run['cores']} cores of "
        f"{run['processor']}. It prints a line per step and epoch, a table of all models, and the "
        "path of the report, `data/08_reporting/reporting/report.html`."
    )


def table_of_checks(checks: pd.DataFrame, problem: str) -> str:
    """Return the formulas of a problem, with their oracles and largest errors."""
    found = checks[checks["identity"].str.startswith(f"{problem} ")]
    rows = []
    for identity, group in found.groupby("identity", sort=False):
        formula = str(identity).removeprefix(f"{problem} ").replace("|", "\\|")
        error = f"{group['max_abs_error'].max():.0e}".replace("0e+00", "0")
        holds = "yes" if group["holds"].all() else "no"
        rows.append(f"| `{formula}` | {', '.join(group['oracle'])} | {error} | {holds} |")
    return "\n".join(["| formula | oracles | largest error | holds |", "|---|---|---|---|", *rows])


def table_of_kinds(accuracy: pd.DataFrame) -> str:
    """Return the accuracy of the network on each kind of rendered picture."""
    rows = [
        f"| {row.kind.replace('_', ' ')} | {row.description} | {100 * row.fnn:.1f} % "
        f"| {100 * row.multinomial:.1f} % |"
        for row in accuracy.itertuples()
    ]
    head = "| kind | picture | network | softmax regression |"
    return "\n".join([head, "|---|---|---|---|", *rows])


def models(references: dict[str, str]) -> str:
    """Return the table of models: test error and training time."""
    found = pd.read_csv(EVIDENCE / "model_comparison.csv").set_index("model")
    names = {"fnn": "network 784-512-512-10"}
    for task, title in TASKS.items():
        prefix = f"logistic_regression.{task}"
        names[f"{prefix}.preconditioned_lbfgs"] = f"{title}, preconditioned L-BFGS"
        names[f"{prefix}.scikit_learn"] = f"{title}, scikit-learn `{references[task]}`"
    rows = [
        f"| {title} | {100 * found.test_error[name]:.2f} % | {found.train_seconds[name]:.1f} s |"
        for name, title in names.items()
    ]
    return "\n".join(["| model | test error | training |", "|---|---|---|", *rows])


def sentences_on_checks(checks: pd.DataFrame) -> str:
    """Return the sentences on the checks of the formulas and on the parity check."""
    parity = read("parity_check_summary.json")
    return (
        f"{checks['holds'].sum()} of {len(checks)} checks of the formulas held. The losses of a "
        "NumPy network and of a Keras network, trained in float64 on the same mini-batches, "
        f"differed by at most {parity['float64']['largest_loss_difference']:.1e} over "
        f"{parity['iterations']:,} iterations."
    )


def read(name: str) -> Any:
    """Return the content of a JSON file of the evidence."""
    return json.loads((EVIDENCE / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

"""Run the commands of docs/walkthrough.md in a fresh clone, and write their output below them.

`python tools/walkthrough.py` takes a quarter of an hour on two cores. With `--check` it runs
nothing and ends with an error if a `kedro run` in the page has no output, or if the page is not of
one go: its times run backwards.

A command is a line that begins with "$ " inside a block of the kind ``console``, together with the
lines after it that begin with ">". All other lines of such a block are output, and are replaced.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "walkthrough.md"
PROJECT = "mnist-gradients"
FIRST_LINES, LAST_LINES = 14, 22  # of an output that is longer
WIDEST = 150  # characters; a longer line is cut
BLOCK = re.compile(r"```console\n(.*?)\n```", flags=re.DOTALL)
END = "<<< end of output >>>"

Run = Callable[[str], str]


def rewrite(page: str, run: Run) -> str:
    """Return a page with new output below every command.

    Args:
        page: Markdown with blocks of the kind ``console``.
        run: Runs a command and returns what it prints.
    """

    def block(match: re.Match[str]) -> str:
        lines = [line for command in commands(match[1]) for line in transcript(command, run)]
        return "```console\n" + "\n".join(lines) + "\n```"

    return BLOCK.sub(block, page)


def runs_without_output(page: str) -> list[str]:
    """Return the commands `kedro run` of a page that have no output below them."""
    command = re.compile(r"^\$ (kedro run.*)\n(?=\$|\Z)", flags=re.MULTILINE)
    return [found for block in BLOCK.findall(page) for found in command.findall(block + "\n")]


def backward_times(page: str) -> list[str]:
    """Return the times that are earlier than the one before, except across midnight."""
    times = re.findall(r"^(\d\d:\d\d:\d\d)  ", page, flags=re.MULTILINE)
    return [b for a, b in pairwise(times) if b < a and not (a > "22" and b < "02")]


def commands(block: str) -> list[list[str]]:
    """Return the commands of a block, each as its lines with "$ " or "> " in front."""
    found: list[list[str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append([line])
        elif found and line.startswith(">"):
            found[-1].append(line)
    return found


def transcript(command: list[str], run: Run) -> list[str]:
    """Return the lines of a command and of its output, without the middle of a long one."""
    output = run("\n".join(line[2:] for line in command)).splitlines()
    if len(output) > FIRST_LINES + LAST_LINES:
        output = [*output[:FIRST_LINES], "[...]", *output[-LAST_LINES:]]
    return [*command, *(cut(line) for line in output)]


def cut(line: str) -> str:
    """Return a line without colours, cut to `WIDEST`."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip()
    return plain if len(plain) <= WIDEST else plain[: WIDEST - 6] + " [...]"


def shell(process: subprocess.Popen[str], command: str) -> str:
    """Run a command in a bash, and return its output and errors."""
    assert process.stdin is not None  # noqa: S101 - see `start`
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(f"{command}\necho; echo '{END}'\n")
    process.stdin.flush()
    lines = list(iter(process.stdout.readline, f"{END}\n"))
    return "".join(lines).removesuffix("\n")


def start(folder: Path) -> subprocess.Popen[str]:
    """Start a bash that keeps its folder and its environment from command to command."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(["bash"], cwd=folder, text=True, **pipes)  # noqa: S607


def main() -> None:
    """Run all commands in a clone and write the page, or check the page."""
    if sys.argv[1:] == ["--check"]:
        page = PAGE.read_text(encoding="utf-8")
        silent, backward = runs_without_output(page), backward_times(page)
        if silent or backward:
            sys.exit(f"docs/walkthrough.md: no output below {silent}, times backwards: {backward}")
        return
    with tempfile.TemporaryDirectory() as home:
        project = Path(home) / PROJECT
        subprocess.run(["git", "clone", "--quiet", ROOT, project], check=True)  # noqa: S603, S607
        (Path(home) / "tmp").mkdir()
        with start(project) as process:

            def run(command: str) -> str:
                # The page's /tmp is a folder inside the temporary one.
                output = shell(process, command.replace("/tmp/", f"{home}/tmp/"))  # noqa: S108
                return output.replace(f"{home}/tmp/", "/tmp/")  # noqa: S108

            page = rewrite(PAGE.read_text(encoding="utf-8"), run)
        PAGE.write_text(page.replace(f"{home}/", "~/"), encoding="utf-8")
        sheet = project / "data" / "08_reporting" / "inference" / "sheet.png"
        if sheet.exists():
            (ROOT / "docs" / "inference_sheet.png").write_bytes(sheet.read_bytes())


if __name__ == "__main__":
    main()

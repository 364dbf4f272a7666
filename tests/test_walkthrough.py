"""The walkthrough is a transcript: every command has been run, and its output is that of a run."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"

PAGE = """\
Text $ that stays.

```console
$ first
old output
$ second <<'END'
> more
> END
```

```bash
$ not run
```
"""


@pytest.fixture(scope="module")
def walkthrough():
    specification = importlib.util.spec_from_file_location("walkthrough", DOCS / "walkthrough.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_outputs_are_made_anew_and_all_else_stays(walkthrough):
    ran = []

    def run(command):
        ran.append(command)
        return f"\x1b[1moutput {len(ran)}\x1b[0m\n"

    page = walkthrough.rewrite(PAGE, run)
    assert ran == ["first", "second <<'END'\nmore\nEND"]
    assert page == PAGE.replace("old output", "output 1").replace("> END\n", "> END\noutput 2\n")


def test_middle_of_a_long_output_is_left_out(walkthrough):
    lines = walkthrough.transcript(["$ count"], lambda _: "\n".join(map(str, range(100))))
    assert lines[:2] == ["$ count", "0"]
    assert lines.count("[...]") == 1
    assert lines[-1] == "99"
    assert len(lines) == 2 + walkthrough.FIRST_LINES + walkthrough.LAST_LINES


def test_shell_keeps_its_folder_and_environment_and_shows_errors(walkthrough, tmp_path):
    with walkthrough.start(tmp_path) as process:

        def shell(command):
            return walkthrough.shell(process, command)

        assert shell("mkdir inside && cd inside && X=3") == ""
        assert shell("pwd; echo $X") == f"{tmp_path / 'inside'}\n3\n"
        assert "nowhere" in shell("cat nowhere")
        assert shell("printf unfinished") == "unfinished"


def test_every_run_in_the_page_has_its_output():
    page = (DOCS / "walkthrough.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)\n```", page, flags=re.DOTALL)
    silent = [
        command
        for block in blocks
        for command in re.findall(r"^\$ kedro run.*\n(?=\$|\Z)", block + "\n", flags=re.MULTILINE)
    ]
    assert len(blocks) > 5
    assert silent == []

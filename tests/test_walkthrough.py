"""The walkthrough is a transcript: below every command stands the output of a run."""

import walkthrough

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


def test_output_is_replaced_and_all_else_stays():
    ran = []

    def run(command):
        ran.append(command)
        return f"\x1b[1moutput {len(ran)}\x1b[0m\n"

    page = walkthrough.rewrite(PAGE, run)
    assert ran == ["first", "second <<'END'\nmore\nEND"]
    assert page == PAGE.replace("old output", "output 1").replace("> END\n", "> END\noutput 2\n")


def test_middle_of_a_long_output_is_left_out():
    lines = walkthrough.transcript(["$ count"], lambda _: "\n".join(map(str, range(100))))
    assert lines[:2] == ["$ count", "0"]
    assert lines.count("[...]") == 1
    assert lines[-1] == "99"
    assert len(lines) == 2 + walkthrough.FIRST_LINES + walkthrough.LAST_LINES


def test_shell_keeps_its_folder_and_environment_and_shows_errors(tmp_path):
    with walkthrough.start(tmp_path) as process:

        def shell(command):
            return walkthrough.shell(process, command)

        assert shell("mkdir inside && cd inside && X=3") == ""
        assert shell("pwd; echo $X") == f"{tmp_path / 'inside'}\n3\n"
        assert "nowhere" in shell("cat nowhere")
        assert shell("printf unfinished") == "unfinished"


def test_every_run_in_the_page_has_its_output():
    page = walkthrough.PAGE.read_text(encoding="utf-8")
    assert len(walkthrough.BLOCK.findall(page)) > 5
    assert walkthrough.runs_without_output(page) == []


def test_page_is_of_one_go():
    page = walkthrough.PAGE.read_text(encoding="utf-8")
    assert walkthrough.backward_times(page) == []


def test_time_that_runs_backwards_is_noticed():
    page = "23:59:58  [1/2] a\n00:00:03  [2/2] b\n12:00:00  [1/1] c\n11:59:59  [1/1] d\n"
    assert walkthrough.backward_times(page) == ["11:59:59"]


def test_run_without_output_is_noticed():
    page = "```console\n$ kedro run --env test\n$ kedro run\ndone\n```\n"
    assert walkthrough.runs_without_output(page) == ["kedro run --env test"]

"""CI, the pre-commit hooks and the documents name the same checks."""

import os
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TOOLS = ("ruff", "mypy")


def checks_of_ci(script: str) -> set[str]:
    """The checks of style and types in the script, without the folder they are told."""
    lines = [line.removesuffix(" .") for line in script.splitlines()]
    return {line for line in lines if line.split(" ")[0] in TOOLS}


def checks_of_hooks(configuration: str) -> set[str]:
    repositories = yaml.safe_load(configuration)["repos"]
    return {hook["entry"] for repository in repositories for hook in repository["hooks"]}


@pytest.fixture(scope="module")
def script():
    return (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_hooks_make_the_checks_that_ci_makes(script):
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert checks_of_ci(script) == checks_of_hooks(hooks) != set()


def test_check_that_one_of_them_lacks_is_noticed():
    script = "set -e\nruff check .\nmypy\necho ruff\n"
    hooks = "repos: [{repo: local, hooks: [{id: a, entry: ruff check}, {id: b, entry: pyright}]}]"
    assert checks_of_ci(script) ^ checks_of_hooks(hooks) == {"mypy", "pyright"}


def test_contributors_are_told_the_same_checks(script):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for check in checks_of_ci(script):
        assert check in text


def test_workflow_runs_the_script_on_the_oldest_python_there_may_be(script):
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (job,) = yaml.safe_load(text)["jobs"].values()
    assert job["steps"][-1] == {"run": ".ci/run"}
    (python,) = [step["with"]["python-version"] for step in job["steps"] if "with" in step]
    required = re.search(r'requires-python = ">=(.*?)"', (ROOT / "pyproject.toml").read_text())
    assert python == required[1]
    assert script.startswith("#!")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)

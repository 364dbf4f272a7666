"""The file of tested versions holds bare versions, and fits the project's own requirements."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LINE = re.compile(r"[A-Za-z0-9][\w.-]*==[0-9][0-9a-z.!+]*")


def versions(text: str) -> dict[str, str]:
    """The version of each package; no options, addresses or ranges are allowed."""
    lines = text.splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    pairs = (line.split("==") for line in lines)
    return {canonicalize_name(name): version for name, version in pairs}


def unmet(requirements: list[str], tested: dict[str, str]) -> list[str]:
    """The requirements without a tested version that they admit."""
    return [
        text
        for text in requirements
        if (name := canonicalize_name((requirement := Requirement(text)).name)) not in tested
        or not requirement.specifier.contains(tested[name])
    ]


def test_tested_versions_meet_the_requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tested = versions((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    extras = project["optional-dependencies"]
    assert unmet(project["dependencies"] + extras["download"] + extras["test"], tested) == []
    assert "setuptools" not in tested  # the build has a requirement of its own


def test_unmet_requirement_and_other_lines_are_noticed():
    assert unmet(["a>=2", "b[c]~=1.0", "d"], {"a": "1.9", "b": "1.1"}) == ["a>=2", "d"]
    for line in ("a>=1", "-i https://example.org", "a==1 @ https://example.org", "a==1; x"):
        with pytest.raises(AssertionError):
            versions(line)

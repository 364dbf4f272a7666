import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mnist_gradients.core import machine


def test_processor_is_named_by_linux(tmp_path, monkeypatch):
    names = tmp_path / "cpuinfo"
    names.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nprocessor\t: 1\n")
    monkeypatch.setattr(machine, "Path", lambda _: names)
    assert machine.processor() == "Some CPU @ 2 GHz"


def test_processor_has_a_name_elsewhere_too(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda _: Path(tmp_path / "missing"))
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "riscv64")
    assert machine.processor() == "riscv64"


def git(folder, *arguments):
    settings = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    command = [shutil.which("git"), *settings, *arguments]
    run = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one committed file in a folder."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    file = tmp_path / "package" / "module.py"
    file.parent.mkdir()
    file.write_text("x = 1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return file


def test_commit_is_that_of_the_checkout_and_says_whether_anything_is_changed(checkout):
    head = git(checkout.parent, "rev-parse", "HEAD")
    found = machine.commit(checkout)
    assert re.fullmatch(r"[0-9a-f]{4,}", found)
    assert head.startswith(found)
    checkout.write_text("x = 2\n")
    assert machine.commit(checkout) == f"{found} with changes"


def test_untracked_file_is_no_change(checkout):
    (checkout.parent / "notes.txt").write_text("")
    assert "changes" not in machine.commit(checkout)


def test_package_inside_the_checkout_of_something_else_has_no_commit(checkout):
    installed = checkout.parent / "site-packages" / "module.py"
    installed.parent.mkdir()
    installed.write_text("x = 1\n")
    assert machine.commit(installed) is None


def test_no_commit_outside_a_checkout_or_without_git(checkout, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other") / "module.py"
    other.write_text("")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(other.parent.parent))
    assert machine.commit(other) is None
    monkeypatch.setenv("PATH", "")
    assert machine.commit(checkout) is None


def test_description_has_no_empty_entry_even_without_a_commit(monkeypatch):
    monkeypatch.setattr(machine, "commit", lambda _: None)
    described = machine.describe()
    assert described["commit"] == "not in a git checkout"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", described["date"])
    assert int(described["cores"]) >= 1
    assert set(machine.PACKAGES) < set(described)
    assert all(described.values())


def test_resources_are_plain_data_and_name_a_blas():
    found = json.loads(json.dumps(machine.describe_resources()))
    assert all(pool["name"] and pool["threads"] >= 1 for pool in found["blas"])
    assert found["memory_gib"] > 0.5
    assert found["load_average"] >= 0


def test_windows_is_refused(monkeypatch):
    monkeypatch.setattr(machine.sys, "platform", "win32")
    with pytest.raises(RuntimeError, match="found Windows, expected Linux or macOS"):
        machine.describe_resources()

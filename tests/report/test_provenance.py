import re
import shutil
import subprocess

import pytest

from mnist_gradients.report import provenance


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
    found = provenance.commit(checkout)
    assert re.fullmatch(r"[0-9a-f]{4,}", found)
    assert head.startswith(found)
    checkout.write_text("x = 2\n")
    assert provenance.commit(checkout) == f"{found} with changes"


def test_untracked_file_is_no_change(checkout):
    (checkout.parent / "notes.txt").write_text("")
    assert "changes" not in provenance.commit(checkout)


def test_package_inside_the_checkout_of_something_else_has_no_commit(checkout):
    installed = checkout.parent / "site-packages" / "module.py"
    installed.parent.mkdir()
    installed.write_text("x = 1\n")
    assert provenance.commit(installed) is None


def test_no_commit_outside_a_checkout_or_without_git(checkout, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other") / "module.py"
    other.write_text("")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(other.parent.parent))
    assert provenance.commit(other) is None
    monkeypatch.setenv("PATH", "")
    assert provenance.commit(checkout) is None


def test_description_has_no_empty_entry_and_says_so_where_there_is_no_commit(monkeypatch):
    monkeypatch.setattr(provenance, "commit", lambda _: None)
    described = provenance.describe()
    assert described["commit"] == "not in a git checkout"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", described["date"])
    assert int(described["cores"]) >= 1
    assert set(provenance.PACKAGES) < set(described)
    assert all(described.values())

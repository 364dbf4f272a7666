"""The page of the timings is made from its evidence."""

import subprocess
import sys

import pytest
import timings


@pytest.mark.parametrize("tool", ["timings", "walkthrough", "evidence"])
def test_check_passes_on_the_committed_page(tool):
    command = [sys.executable, timings.ROOT / "tools" / f"{tool}.py", "--check"]
    subprocess.run(command, check=True)


def test_page_with_another_number_is_refused(monkeypatch, tmp_path):
    page = tmp_path / "timings.md"
    monkeypatch.setattr(timings, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["timings.py", "--check"])
    current = timings.page(*timings.evidence())
    page.write_text(current)
    with pytest.raises(SystemExit, match="0"):
        timings.main()
    page.write_text(current.replace("| 3 |", "| 4 |", 1))
    with pytest.raises(SystemExit, match=r"timings.md: found other numbers"):
        timings.main()


def test_busy_machine_is_named():
    times, machine = timings.evidence()
    assert "busy" not in timings.page(times, machine | {"busy": False})
    assert "busy with other work" in timings.page(times, machine | {"busy": True})

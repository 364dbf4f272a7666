"""The quick part of `tools/faults.py`: mutated files and answers, a few of each."""

import logging
from random import Random

import fault_mutations
import pytest

import faults


@pytest.mark.parametrize(("area", "n_tries"), [("idx", 3000), ("images", 60), ("server", 40)])
def test_mutations_give_the_right_content_or_an_error(area, n_tries, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    attempt = faults.AREAS[area].make(tmp_path)
    for number in range(n_tries):
        attempt(Random(f"test {area} {number}"))


def test_wrong_array_is_noticed(tmp_path, monkeypatch):
    read_idx = fault_mutations.read_idx
    monkeypatch.setattr(fault_mutations, "read_idx", lambda file: read_idx(file).T)
    attempt = faults.AREAS["idx"].make(tmp_path)
    with pytest.raises(AssertionError, match="the independent parser finds another"):
        any(attempt(Random(number)) for number in range(100))


def test_failures_are_counted_in_the_table(monkeypatch, capsys):
    def make(_):
        def attempt(rng):
            faults.expect(rng.random() > 0.5, "too small")

        return attempt

    monkeypatch.setitem(faults.AREAS, "idx", faults.Area("tries", 10, 10, make))
    monkeypatch.setattr(logging, "disable", lambda: None)
    n_failures = faults.main(["--minutes", "1e-9", "--areas", "idx"])
    lines = capsys.readouterr().out.splitlines()
    assert sum("AssertionError: too small" in line for line in lines) == n_failures > 0
    assert f"| tries | 10 | 10 | {n_failures} |" in lines

"""The documents quote the evidence of the default run as the tool writes it."""

import sys

import evidence
import pandas as pd
import pytest

PAGE = "Text.\n<!-- evidence: a -->\nold\nlines\n<!-- end -->\nMore.\n"


def test_quotation_is_replaced_and_all_else_stays():
    new = evidence.rewritten(PAGE, {"a": "new"})
    assert new == PAGE.replace("old\nlines", "new")
    assert evidence.rewritten(new, {"a": "new"}) == new


@pytest.mark.parametrize(("page", "places"), [("Text.", 0), (PAGE + PAGE, 2)])
def test_quotation_without_one_place_is_refused(page, places):
    with pytest.raises(ValueError, match=f"quotation a: found {places} places .* expected 1"):
        evidence.rewritten(page, {"a": "new"})


def test_other_evidence_is_noticed(monkeypatch, tmp_path):
    for path in evidence.EVIDENCE.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(evidence, "EVIDENCE", tmp_path)
    assert evidence.outdated() == []
    table = pd.read_csv(tmp_path / "checks.csv")
    table.loc[table["identity"].str.startswith("P3"), "holds"] = False
    table.to_csv(tmp_path / "checks.csv", index=False)
    assert evidence.outdated() == ["README.md", "docs/assignment.md"]
    monkeypatch.setattr(sys, "argv", ["evidence.py", "--check"])
    with pytest.raises(SystemExit, match=r"README.md: found other numbers"):
        evidence.main()


def test_run_without_folder_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evidence.py"])
    with pytest.raises(SystemExit):
        evidence.main()
    assert "folder: found none, expected the data_root of a run" in capsys.readouterr().err


def test_folder_without_a_whole_run_is_refused_before_anything_changes(monkeypatch, tmp_path):
    monkeypatch.setattr(evidence, "EVIDENCE", tmp_path / "evidence")
    with pytest.raises(SystemExit, match=r"found no reporting/model_comparison.csv, .* whole run"):
        evidence.keep(tmp_path, 1.0, None)
    assert not (tmp_path / "evidence").exists()


def test_table_groups_the_oracles_of_a_formula():
    checks = pd.DataFrame(
        {
            "identity": ["P2 J = |x|", "P2 J = |x|", "P3 z"],
            "oracle": ["SymPy proof", "complex step", "SymPy proof"],
            "max_abs_error": [0.0, 2e-12, 1.0],
            "holds": [True, True, False],
        }
    )
    rows = evidence.table_of_checks(checks, "P2").splitlines()[2:]
    assert rows == [r"| `J = \|x\|` | SymPy proof, complex step | 2e-12 | yes |"]

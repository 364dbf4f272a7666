"""The nodes, the parameters and the wiring of the derivations."""

import logging

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.pandas import CSVDataset
from pydantic import ValidationError

from mnist_gradients.pipelines.derivations import create_pipeline, nodes
from mnist_gradients.pipelines.derivations.parameters import DerivationsParameters

PARAMETERS = {
    "step_sweep": {"largest": 0.1, "smallest": 1e-14, "points_per_decade": 4},
    "parity_check": {
        "hidden_units": [64, 32],
        "activation": "relu",
        "batch_size": 64,
        "iterations": 1000,
        "learning_rate": 0.1,
        "float64_tolerance": 1e-9,
    },
}


@pytest.fixture
def checks() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "identity": ["P0 a = a", "P0 a = b"],
            "oracle": ["logic", "measurement"],
            "max_abs_error": [0.0, 1e-13],
            "tolerance": [0.0, 1e-12],
            "holds": [True, True],
        }
    )


def summary(difference: float) -> dict:
    return {"float64": {"largest_loss_difference": difference}, "float64_tolerance": 1e-9}


def test_a_table_of_checks_that_hold_passes(checks):
    assert nodes.require_checks_hold(checks, summary(1e-10)) is None


def test_a_check_that_does_not_hold_fails_with_its_name_and_numbers(checks, caplog):
    checks.loc[1, ["max_abs_error", "holds"]] = [0.25, False]
    expected = r"P0 a = b \[measurement\]: found an error of 0.25, expected at most 1e-12"
    with pytest.raises(ValueError, match=f"^1 checks do not hold: {expected}$"):
        nodes.require_checks_hold(checks, summary(1e-10))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "P0 a = b" in caplog.text


@pytest.mark.parametrize("difference", [1e-9, 0.5, np.nan])
def test_networks_that_differ_in_float64_fail(checks, difference):
    with pytest.raises(ValueError, match=r"parity check in float64: found .* less than 1e-09"):
        nodes.require_checks_hold(checks, summary(difference))


def test_every_failed_check_is_named(checks):
    checks["holds"] = False
    with pytest.raises(ValueError, match=r"3 checks .*P0 a = a.*P0 a = b.*parity check"):
        nodes.require_checks_hold(checks, summary(1.0))


def test_parameters_are_read():
    parameters = DerivationsParameters.model_validate(PARAMETERS)
    assert parameters.parity_check.hidden_units == (64, 32)
    assert parameters.step_sweep.smallest == 1e-14


@pytest.mark.parametrize(
    ("block", "changes", "message"),
    [
        ("parity_check", {"iterations": 0}, "greater than 0"),
        ("parity_check", {"hidden_units": []}, "at least 1 item"),
        ("parity_check", {"hidden_units": [64, 0]}, "greater than 0"),
        ("parity_check", {"activation": "softsign"}, "'relu', 'tanh' or 'sigmoid'"),
        ("parity_check", {"learning_rate": -0.1}, "greater than 0"),
        ("parity_check", {"momentum": 0.9}, "not permitted"),
        ("step_sweep", {"smallest": 0.1}, "smallest: found 0.1, expected less than 0.1"),
        ("step_sweep", {"points_per_decade": 1.5}, "valid integer"),
    ],
)
def test_parameters_out_of_range_are_refused(block, changes, message):
    wrong = PARAMETERS | {block: PARAMETERS[block] | changes}
    with pytest.raises(ValidationError, match=message):
        DerivationsParameters.model_validate(wrong)


def test_the_pipeline_needs_the_training_images_alone():
    pipeline = create_pipeline()
    assert pipeline.inputs() == {"train", "params:derivations", "params:seed"}
    assert pipeline.outputs() == {"derivations.section"}
    assert pipeline.all_outputs() == {
        "derivations.checks",
        "derivations.shift_sweep",
        "derivations.shift_sweep_plot",
        "derivations.step_sweep",
        "derivations.step_sweep_plot",
        "derivations.parity_check_history",
        "derivations.parity_check_summary",
        "derivations.parity_check_plot",
        "derivations.section",
    }


def test_skipped_oracles_and_seed_reach_the_checks(checks, monkeypatch):
    calls = []
    monkeypatch.setattr(nodes.checks, "run_checks", lambda *call: calls.append(call) or checks)
    skipping = DerivationsParameters.model_validate(
        PARAMETERS | {"skipped_oracles": ["SymPy proof"]}
    )
    assert nodes.check_identities(skipping, seed=7) is checks
    assert calls == [(7, ("SymPy proof",))]


def test_the_table_is_saved_if_a_check_fails(checks, tmp_path, monkeypatch):
    checks["holds"] = [True, False]
    monkeypatch.setattr(nodes.checks, "run_checks", lambda seed, skipped: checks)  # noqa: ARG005
    table = CSVDataset(filepath=str(tmp_path / "checks.csv"), save_args={"index": False})
    catalog = DataCatalog(
        {
            "params:derivations": MemoryDataset(DerivationsParameters.model_validate(PARAMETERS)),
            "params:seed": MemoryDataset(0),
            "derivations.checks": table,
            "derivations.parity_check_summary": MemoryDataset(summary(0.0)),
        }
    )
    pipeline = create_pipeline().only_nodes(
        "derivations.check_identities", "derivations.require_checks_hold"
    )
    with pytest.raises(ValueError, match=r"1 checks do not hold: P0 a = b"):
        SequentialRunner().run(pipeline, catalog)
    assert table.load()["holds"].to_list() == [True, False]

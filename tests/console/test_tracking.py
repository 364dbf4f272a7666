from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from mnist_gradients.core.parameters import Parameters

mlflow = pytest.importorskip("mlflow")
pytest.importorskip("kedro_mlflow")
pytestmark = pytest.mark.filterwarnings("ignore")  # mlflow's own import warns


class Layer(Parameters):
    units: int = 64


class Network(Parameters):
    layer: Layer = Layer()
    rate: float = 0.1


@pytest.fixture
def hooks(monkeypatch):
    """The hooks in a run that has started, and what they log."""
    from mnist_gradients.console.tracking import TrackingHooks

    logged = {}
    monkeypatch.setattr(mlflow, "active_run", lambda: "run")
    monkeypatch.setattr(mlflow, "log_param", logged.__setitem__)
    monkeypatch.setattr(mlflow, "log_metrics", logged.update)
    monkeypatch.setattr(mlflow, "log_figure", lambda _, name: logged.setdefault(name))
    return SimpleNamespace(hooks=TrackingHooks(), logged=logged)


def test_block_of_parameters_is_logged_as_single_ones(hooks):
    inputs = {"params:fnn": Network(), "params:seed": 3, "train": [1, 2]}
    hooks.hooks.before_node_run(node=None, catalog=None, inputs=inputs, is_async=False)
    assert hooks.logged == {"fnn.layer.units": 64, "fnn.rate": 0.1, "seed": 3}


def test_metrics_and_figures_are_logged(hooks):
    outputs = {"fnn.metrics": {"test_error": 0.1}, "fnn.loss_curves": Figure(), "train": [1]}
    hooks.hooks.after_node_run(outputs)
    assert hooks.logged == {"fnn.test_error": 0.1, "fnn.loss_curves.png": None}


def test_nothing_is_logged_where_tracking_is_disabled(hooks, monkeypatch):
    monkeypatch.setattr(mlflow, "active_run", lambda: None)
    hooks.hooks.after_node_run({"fnn.metrics": {"test_error": 0.1}})
    assert hooks.logged == {}

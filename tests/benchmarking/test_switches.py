from importlib import import_module

import numpy as np
import pytest

from mnist_gradients.benchmarking import solvers
from mnist_gradients.benchmarking.solvers import Setting, weights
from mnist_gradients.benchmarking.switches import CHANGES, RowCounter, changed
from mnist_gradients.maths.rows import blocks, products
from mnist_gradients.maths.scaled_features import ScaledFeatures
from mnist_gradients.maths.solvers import coordinates, sampling, search, working_problem

# The package holds the function of the same name.
SOLVER = import_module("mnist_gradients.maths.solvers.preconditioned_lbfgs")


@pytest.fixture
def fit(reference):
    """Fits the estimator down to a gap of 1e-4; gives it, its objective and a counter."""

    def fit(change, *, binary=False):
        objective = reference(binary=binary)
        setting = Setting(len(objective.y), objective.l2, 1e-4, threads=1, seed=0)
        estimator = solvers.find("preconditioned_lbfgs").make(setting)
        X = (objective.X / 255).astype(np.float32)
        with changed(change), RowCounter() as counter:
            estimator.fit(X, objective.y)
        return estimator, objective.value(*weights(estimator)), counter

    return fit


@pytest.fixture
def large(monkeypatch):
    """600 rows count as many: factors come from 60 of them, and the start from 101."""
    monkeypatch.setattr(coordinates, "CURVATURE_ROWS", 60)
    monkeypatch.setattr(coordinates, "LEAST_CURVATURE_ROWS", 60)
    monkeypatch.setattr(search, "warm_start_rows", lambda _: 101)
    monkeypatch.setattr(search, "are_correlated", lambda *_: True)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("change", CHANGES)
def test_gap_is_reached_with_each_change(fit, optimum, change):
    _, value, counter = fit(change)
    assert -1e-9 <= value / optimum(binary=False) - 1 <= 1e-4
    assert counter.rows >= 2 * 600


@pytest.mark.parametrize("change", CHANGES)
def test_replaced_names_return(change):
    targets = [(target, name) for target, name, _ in CHANGES[change][0]()]
    before = [getattr(target, name) for target, name in targets]
    with changed(change):
        inside = [getattr(target, name) for target, name in targets]
        assert all(a is not b for a, b in zip(before, inside, strict=True))
    assert [getattr(target, name) for target, name in targets] == before


def test_curvature_model_without_factors_is_diagonal(monkeypatch, fit):
    monkeypatch.setattr(coordinates, "WORTH_WORK", 1e12)  # a factor for so few rows, too
    models = []

    def curvature_coordinates(few, w, columns, model, generator, **options):
        models.append(model)
        return coordinates.curvature_coordinates(few, w, columns, model, generator, **options)

    monkeypatch.setattr(search, "curvature_coordinates", curvature_coordinates)
    fit("unchanged")
    assert models
    assert set(models) <= {"classes", "shared"}
    models.clear()
    fit("no curvature factors")
    assert set(models) == {"diagonal"}


@pytest.mark.usefixtures("large")
def test_warm_start_is_on_a_sample_and_can_be_left_out(fit):
    assert fit("unchanged")[2].rows % 600 != 0
    assert fit("no warm start")[2].rows % 600 == 0


def test_columns_without_centring_have_their_scale_and_no_centre(monkeypatch, fit):
    seen = []

    def curvature_coordinates(few, w, columns, *rest, **options):
        seen.append(columns)
        return coordinates.curvature_coordinates(few, w, columns, *rest, **options)

    monkeypatch.setattr(search, "curvature_coordinates", curvature_coordinates)
    fit("unchanged")
    fit("no centring")
    assert seen[0].centre.any()
    assert not seen[1].centre.any()
    np.testing.assert_array_equal(seen[0].scale, seen[1].scale)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("change", "even"), [("unchanged", False), ("curvature rows drawn evenly", True)]
)
def test_curvature_rows_are_drawn_by_curvature_or_evenly(monkeypatch, fit, change, even):
    counts = []
    hessian = ScaledFeatures.hessian

    def counted(self, indices, curvature, memory=None):
        counts.append(len(indices))
        return hessian(self, indices, curvature, memory)

    monkeypatch.setattr(ScaledFeatures, "hessian", counted)
    fit(change)
    assert len(counts) >= 10
    assert (set(counts) == {60}) == even


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("change", "drawn"), [("unchanged", True), ("no sample by residuals", False)]
)
def test_rows_are_drawn_by_their_residuals_or_not(monkeypatch, fit, change, drawn):
    monkeypatch.setattr(working_problem, "SAMPLE_ROWS", (60, 90))
    samples, informative = [], sampling.Candidates.informative

    def counted(self, objective, w):
        samples.append(few := informative(self, objective, w))
        return few

    monkeypatch.setattr(sampling.Candidates, "informative", counted)
    fit(change)
    assert len(samples) == drawn


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("change", "drawn"), [("unchanged", True), ("no sample by curvature", False)]
)
def test_rows_are_drawn_by_their_curvature_or_not(monkeypatch, fit, change, drawn):
    monkeypatch.setattr(SOLVER, "newton_pays", lambda _: False)
    monkeypatch.setattr(working_problem, "SAMPLE_ROWS", (60, 90))
    samples, by_pull = [], working_problem.sample_by_pull

    def counted(*arguments):
        samples.append(few := by_pull(*arguments))
        return few

    monkeypatch.setattr(working_problem, "sample_by_pull", counted)
    fit(change, binary=True)
    assert len(samples) == drawn


@pytest.mark.usefixtures("large")
def test_features_with_little_curvature_have_no_factor_or_have_one(monkeypatch, fit):
    sizes = []
    hessian = ScaledFeatures.hessian

    def counted(self, indices, curvature, memory=None):
        sizes.append(len(self.penalties))
        return hessian(self, indices, curvature, memory)

    monkeypatch.setattr(ScaledFeatures, "hessian", counted)
    estimator, *_ = fit("unchanged")
    assert max(sizes) < estimator.n_features_in_
    sizes.clear()
    fit("factor of all features")
    assert set(sizes) == {estimator.n_features_in_ + 1}


@pytest.mark.parametrize("avx512", [True, False])
def test_products_without_tiles_or_padding_are_plain(monkeypatch, avx512):
    monkeypatch.setattr(products, "multiplies_small_operands_in_place", lambda: avx512)
    columns = np.ones((10, 8), np.float32)

    def plain():
        no_tiles = products.rows_per_tile(1536, 784, 10) == 1536
        return no_tiles and products._padded(columns) is columns

    assert not plain()
    with changed("no tiles or padding"):
        assert plain()


@pytest.mark.parametrize(("change", "count"), [("unchanged", 40), ("all rows in one block", 1)])
def test_blocks_hold_some_rows_or_all(change, count):
    with changed(change):
        rows = blocks.rows_per_block(784)
        assert sum(map(len, blocks.parts(60_000, block_rows=rows))) == count


def test_rows_of_each_sum_are_counted(reference):
    from mnist_gradients.maths.logistic import LogisticObjective

    few = reference(rows=100)
    objective = LogisticObjective(few.X, few.y, 1e-2)
    w = np.zeros(objective.size)
    with RowCounter() as counter:
        objective(w)
        objective.subset(np.arange(30))(w)
    objective(w)
    assert counter.rows == 130

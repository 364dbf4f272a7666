import numpy as np
import pytest
from scipy import sparse

from mnist_gradients.benchmarking import problems, robustness, solvers, worker
from mnist_gradients.benchmarking.parameters import RobustnessParameters
from mnist_gradients.benchmarking.problems import GROUPS, Problem, Source
from mnist_gradients.benchmarking.worker import Fit


@pytest.fixture(scope="module")
def source(digits):
    """Problems with at most 25,000 entries."""
    return Source(digits, seed=0, largest=25_000)


def fit(tolerance, gap, state="converged", seconds=1.0):
    return Fit(tolerance, state, "", seconds, seconds, 5.0, gap, added_memory_mib=100.0)


@pytest.fixture
def tiny(monkeypatch):
    """One group of one dense and one sparse problem."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = (X[:, 0] + rng.standard_normal(60) > 0).astype(np.int64)
    thin = sparse.csr_array(np.where(X > 1, X, 0))
    found = [Problem("dense", X, y, 1e-2), Problem("sparse", thin, y, 1e-2)]
    monkeypatch.setitem(GROUPS, "offsets", lambda _: iter(found))


@pytest.mark.usefixtures("tiny")
def test_table_has_a_row_per_problem_and_solver(digits, caplog, monkeypatch):
    monkeypatch.setattr(
        robustness, "measure_in_turn", lambda jobs: [list(worker.run(job)) for job in jobs]
    )
    chosen = RobustnessParameters(
        solvers=["scikit_learn_lbfgs", "glum"],
        gap=1e-4,
        groups=["offsets"],
        rows=200,
        largest=1000,
        cap_seconds=10,
        memory_mib=8192,
    )
    with caplog.at_level("INFO"):
        table = robustness.measure_robustness(digits, chosen, 0)
    assert table.columns.tolist() == robustness.COLUMNS
    found = table[table["solver"] == "scikit_learn_lbfgs"]
    assert found["problem"].tolist() == ["dense", "sparse"]
    assert found["outcome"].eq("reached").all()
    assert found["true_gap"].between(-1e-6, 1e-4).all()
    assert found["seconds"].between(0, 5, inclusive="neither").all()
    assert found["added_memory_mib"].between(0, 100).all()
    assert not found["wrong"].any()
    left_out = "glum is not installed, left out" in caplog.text
    assert left_out != solvers.find("glum").installed


@pytest.mark.parametrize(
    ("fits", "promises", "outcome", "wrong", "seconds"),
    [
        ([fit(1e-4, 5e-5)], True, "reached", False, 1.0),
        ([fit(1e-4, 3e-1), fit(3e-5, 5e-5, seconds=2.0)], True, "reached", True, 2.0),
        ([fit(1e-4, 3e-1), fit(3e-5, 3e-1)], True, "stopped", True, None),
        ([fit(1e-4, 3e-1, "warned")], True, "warned", False, None),
        ([fit(1e-1, 3e-1), fit(3e-2, 5e-5)], False, "reached", False, 1.0),
        ([fit(1e-1, 3e-1), fit(3e-2, 3e-1)], False, "stopped", True, None),
        ([fit(1e-1, 3e-1), fit(3e-2, 3e-1, "warned")], False, "warned", False, None),
        ([fit(1e-1, 3e-1), fit(3e-2, np.nan, "capped")], False, "capped", False, None),
        ([fit(1e-1, np.nan, "failed")], False, "failed", False, None),
        ([fit(1e-1, 5e-5, seconds=s) for s in (3.0, 1.0, 2.0)], False, "reached", False, 2.0),
    ],
)
def test_outcome_and_wrong_results(fits, promises, outcome, wrong, seconds):
    row = robustness.tabulate(fits, 1e-4, promises_gap=promises)
    assert (row["outcome"], row["wrong"]) == (outcome, wrong)
    assert row["seconds"] == seconds or (seconds is None and np.isnan(row["seconds"]))
    assert row["added_memory_mib"] == 100.0


@pytest.mark.parametrize("group", GROUPS)
def test_problems_are_well_formed_and_limited(source, group):
    for problem in GROUPS[group](source):
        N = problem.X.shape[0]
        assert problem.y.shape == (N,)
        assert set(np.unique(problem.y)) == set(range(problem.n_classes))
        stored = problem.X.nnz if sparse.issparse(problem.X) else problem.X.size
        bound = max(source.largest, source.images.images.size)
        if group not in ("bundled",):
            assert stored <= bound


def by_name(group, source):
    return {problem.name: problem for problem in GROUPS[group](source)}


def test_images_are_those_of_the_source(source, digits):
    found = by_name("images", source)
    np.testing.assert_array_equal(found["8 against the rest"].y, digits.labels == 8)
    assert set(found["3 against 8"].y) == {0, 1}
    assert len(found["100 images, odd or even"].y) == 100


def test_offsets_move_columns_and_nothing_else(source):
    found = by_name("offsets", source)
    near, far = found["offset 1000"], found["offset 1.7e+09"]
    np.testing.assert_array_equal(near.y, far.y)
    np.testing.assert_allclose(far.X - 1.7e9, near.X - 1000, atol=1e-6)
    units = found["calendar year, pressure in Pa"].X
    assert units[:, 0].mean() == pytest.approx(1990, abs=2)
    assert units[:, 1].mean() == pytest.approx(101_325, abs=100)


def test_imbalance_is_one_in_five_thousand(digits):
    (small, large) = GROUPS["imbalance"](Source(digits, 0, 10**7))
    assert [problem.y.mean() for problem in (small, large)] == [1 / 5000] * 2


def test_one_hot_rows_have_one_entry_per_field(digits):
    (small,) = GROUPS["sparse"](Source(digits, 0, 200_000))
    assert small.X.shape == (20_000, 100)
    assert small.X.indices.dtype == small.X.indptr.dtype == np.int32
    np.testing.assert_array_equal(small.X.sum(axis=1), 10)
    fields = small.X.toarray().reshape(-1, 10, 10).sum(axis=2)
    np.testing.assert_array_equal(fields, 1)


def test_gaussian_has_its_condition_number():
    X = problems.gaussian(3_000, 10, 1e6, np.random.default_rng(0))
    eigenvalues = np.linalg.eigvalsh(np.cov(X.T))
    assert 5e5 < eigenvalues[-1] / eigenvalues[0] < 2e6


def test_rare_columns_are_zero_in_nearly_all_rows(digits):
    pixels, few, _ = GROUPS["rare"](Source(digits, 0, 10**7))
    assert pixels.X.max() == 255
    assert pixels.l2 == 1 / len(digits)
    rows = np.count_nonzero(few.X, axis=0)
    assert np.all(rows[:20] > 800)
    assert rows[20:].min() >= 2
    assert rows[20:].max() < 30

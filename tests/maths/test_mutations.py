"""Break one formula of maths/ at a time: the table of derivations must notice every time.

Each mutation is made in a copy of the package, which is imported in place of the real one. Only the fast
oracles check it: differences, closed forms and other writings of a rule, without symbolic
algebra of whole networks and without TensorFlow.
"""

import importlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import mnist_gradients

PACKAGE = Path(mnist_gradients.__file__).parent
SKIPPED = ("SymPy proof", "SymPy derivative", "TensorFlow GradientTape", "Keras optimiser")


class Mutation(NamedTuple):
    """One wrong formula: where, what is replaced by what, and an identity that must then fail."""

    module: str
    original: str
    replacement: str
    broken: str


MUTATIONS = [  # a mutation is a line, however long
    Mutation("softmax", "p /= p.sum(", "p /= p.max(", "P1.1 softmax(z)"),
    Mutation("softmax", "z.max(axis=-1, keepdims=True)", "z.max()", "P1.1 softmax(z)"),
    Mutation("softmax", "return z - z.max(", "return z - 0 * z.max(", "P1.1 log softmax(z)"),
    Mutation("softmax", "shifted -= np.log(", "shifted += np.log(", "P1.1 log softmax(z)"),
    Mutation("softmax", "return -(_targets(", "return (_targets(", "P3 dJ/dz"),
    Mutation("softmax", "return p - _targets(", "return p + _targets(", "P3 dJ/dz"),
    Mutation("softmax", "return p - _targets(", "return -p + _targets(", "P3 dJ/dz"),
    Mutation("softmax", "dz = 1 - len(p) * p", "dz = -1 + len(p) * p", "P1.2 dJ/dc"),
    Mutation("softmax", "dz = 1 - len(p) * p", "dz = 1 - p", "P1.2 dJ/dW"),
    Mutation("softmax", "np.outer(dz, x)", "np.outer(x, dz)", "P1.2 dJ/dW"),
    Mutation("softmax", "(W @ x + c).sum()", "(W @ x + c).mean()", "P1.2 dJ/dc"),
    Mutation("softmax", "np.outer(h, dz)", "np.outer(dz, h)", "P3 dJ/dW"),
    Mutation("softmax", "h @ W + b", "W @ h + b", "P3 dJ/db"),
    Mutation("logistic", "np.where(t >= 0, 1, e)", "np.where(t < 0, 1, e)", "P2 sigma'"),
    Mutation("logistic", "np.maximum(t, 0) + np.log(u)", "np.maximum(t, 0) - np.log(u)", "P2 grad"),
    Mutation("logistic", "return loss, (q * h)[:, None]", "return loss, h[:, None]", "P2 grad"),
    Mutation("logistic", "return e / np.square(1 + e)", "return e / (1 + e)", "P2 Hessian"),
    Mutation("logistic", "curvature_bound = 1 / 4", "curvature_bound = 1 / 2", "P2 L ="),
    Mutation("linear_objective", "gradient / S + self.l2 * penalised", "gradient + self.l2 * penalised", "P2 grad"),
    Mutation("linear_objective", "/ S + self.l2 * penalised", "/ S", "P2 grad"),
    Mutation("linear_objective", "/ S + self.l2 * penalised", "/ S - self.l2 * penalised", "P2 grad"),
    Mutation("linear_objective", "value = loss / S", "value = loss", "P2 grad"),
    Mutation("linear_objective", "self.l2 / 2 * (penalised", "self.l2 * (penalised", "P2 grad"),
    Mutation("linear_objective", "+ self.l2 * self.penalised(v)", "", "P2 Hessian"),
    Mutation("linear_objective", "total / self.rows.total_weight + self", "total + self", "P2 Hessian"),
    Mutation("linear_objective", 'if self.intercept == "free":', 'if self.intercept != "free":', "P2 free intercept"),
    Mutation("linear_objective", "(sigma_squared) / self.rows.total_weight", "(sigma_squared)", "P2 L ="),
    Mutation("scaled_features", "H[np.diag_indices(m)] += self.penalties.astype(self._dtype)", "pass", "P2 Hessian ="),
    Mutation("softmax_regression", "return P * (1 - P)", "return P * P",
             "P3 softmax regression Hessian of class"),
    Mutation("softmax_regression", "(others + own)[:, None]", "(others - own)[:, None]", "P3 softmax regression"),
    Mutation(
        "softmax_regression", "(own - 1)) - ", "(own - 1)) + ",
        "P3 softmax regression",
    ),
    Mutation("softmax_regression", "R[rows, y] = -others", "R[rows, y] = others", "P3 softmax regression"),
    Mutation("softmax_regression", "R /= (others", "R *= (others", "P3 softmax regression"),
    Mutation(
        "softmax_regression", "P * (U - np.sum", "P * (U + np.sum", "P3 softmax regression Hessian"
    ),
    Mutation(
        "softmax_regression", "curvature_bound = 1 / 2", "curvature_bound = 1 / 4",
        "P3 softmax regression L",
    ),
    Mutation("solvers/descent", "w = w - alpha * gradient", "w = w + alpha * gradient", "P2 update"),
    Mutation("solvers/descent", "w = w - alpha * gradient", "w = w - gradient", "P2 25 derived updates"),
    Mutation("solvers/descent", "v = w + (t - 1) / t_next", "v = w + t / t_next", "accelerated descent"),
    Mutation("solvers/descent", "(1 + np.sqrt(1 + 4 * t**2)) / 2", "(1 + np.sqrt(1 + t**2)) / 2",
             "accelerated descent"),
    Mutation("solvers/descent", "if gradient @ (w - w_previous) > 0:", "if False:", "accelerated descent"),
    Mutation("solvers/lbfgs", "a - (y @ r)", "a + (y @ r)", "L-BFGS"),
    Mutation("network", "return (a > 0)", "return (a < 0)", "P3 relu'"),
    Mutation("network", "return 1 - np.tanh(a)", "return 1 + np.tanh(a)", "P3 tanh'"),
    Mutation("network", "sigmoid(a) * sigmoid(-a)", "sigmoid(a) * sigmoid(a)", "P3 sigmoid'"),
    Mutation("network", "return a * ndtr(a)", "return a * ndtr(-a)", "P3 gelu'"),
    Mutation("network", "ndtr(a) + a * np.exp", "ndtr(a) - a * np.exp", "P3 gelu'"),
    Mutation("network", "(A[-1], Y) / len(Y)", "(A[-1], Y)", "P3 relu network"),
    Mutation("network", "@ delta + float(l2) * W", "@ delta", "P3 tanh network"),
    Mutation("network", "H[layer].T @ delta", "delta.T @ H[layer]", "P3 tanh network"),
    Mutation("network", "(delta @ W.T)", "(delta @ W)", "P3 tanh network"),
    Mutation("network", "derivative(A[layer - 1])", "derivative(A[layer])", "P3 gelu network"),
    Mutation("network", "* derivative(A[layer - 1])", "", "P3 sigmoid network"),
    Mutation("network", "delta.sum(axis=0)", "delta.mean(axis=0)", "P3 relu network"),
    Mutation("network", "(logits, Y).mean()", "(logits, Y).sum()", "P3 relu network"),
    Mutation("network", "float(l2) / 2 * penalty", "float(l2) * penalty", "P3 tanh network"),
    Mutation("network", "H[-1] @ W + b", "H[-1] @ W.T + b", "P3 tanh network"),
    Mutation("optimisers", "w - alpha * g for", "w + alpha * g for", "SGD"),
    Mutation("optimisers", "mu * v - alpha * g", "v - alpha * g", "momentum"),
    Mutation("optimisers", "+ (1 - beta1) * g", "+ g", "Adam"),
    Mutation("optimisers", "(1 - beta2) * g**2", "(1 - beta2) * g", "Adam"),
    Mutation("optimisers", "alpha /= 1 - beta1**t", "alpha /= 1", "Adam"),
    Mutation("optimisers", "correction + epsilon", "correction", "Adam"),
]  # fmt: skip


@contextmanager
def imported_from(folder: Path) -> Iterator[None]:
    """Import the package from a folder for a while, whole, and then the real one again."""
    ours = [name for name in sys.modules if name.split(".")[0] == "mnist_gradients"]
    real = {name: sys.modules.pop(name) for name in ours}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "mnist_gradients"]:
            del sys.modules[name]
        sys.modules.update(real)


def checks_of_copy(folder: Path, mutation: Mutation | None = None) -> pd.DataFrame:
    """The table of checks, as a copy of the package with one mutation makes it.

    With a mutation it is the part of the table with the identity that must fail.
    """
    copy = shutil.copytree(PACKAGE, folder / PACKAGE.name, copy_function=os.symlink)
    if mutation is not None:
        path = copy / "maths" / f"{mutation.module}.py"
        source = path.read_text(encoding="utf-8")
        assert source.count(mutation.original) == 1
        path.unlink()  # the link
        path.write_text(source.replace(mutation.original, mutation.replacement), encoding="utf-8")
    with imported_from(folder), np.errstate(all="ignore"):
        checks = importlib.import_module("mnist_gradients.verification.checks")
        assert Path(checks.__file__).is_relative_to(folder)
        if mutation is None:
            return checks.run_checks(seed=0, skipped=SKIPPED)
        rng = np.random.default_rng(0)
        all_checks = (check for module in checks.IDENTITIES for check in module.checks(rng))
        concerned = (c for c in all_checks if any(n.startswith(mutation.broken) for n in names(c)))
        return checks.table(concerned, SKIPPED)


def names(check) -> Iterable[str]:
    """The identities of a check: a derivation has several, an equality one."""
    return getattr(check, "statements", None) or [check.identity]


def test_a_faithful_copy_passes_every_check(tmp_path):
    table = checks_of_copy(tmp_path)
    assert table["holds"].all()
    assert len(table) >= 25
    broken = [mutation.broken for mutation in MUTATIONS]
    assert all(any(table["identity"].str.startswith(prefix)) for prefix in broken)


@pytest.mark.parametrize(
    "mutation", MUTATIONS, ids=lambda m: f"{m.module}: {m.original} -> {m.replacement}"
)
def test_a_mutation_is_noticed(tmp_path, mutation):
    table = checks_of_copy(tmp_path, mutation)
    failed = table.loc[~table["holds"], "identity"]
    assert failed.str.startswith(mutation.broken).any(), failed.to_list()


def test_the_real_package_is_back_after_a_mutation(tmp_path):
    from mnist_gradients.maths import softmax

    checks_of_copy(tmp_path, Mutation("softmax", "p /= p.sum(", "p /= p.max(", ""))
    assert sys.modules["mnist_gradients.maths.softmax"] is softmax
    assert softmax.softmax([0.0, 0.0]).sum() == 1

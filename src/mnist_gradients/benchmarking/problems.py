"""Classification problems of many shapes, far from MNIST and near it.

==============  ==================================================================================
group           problems
==============  ==================================================================================
images          ten digits, 8 against the rest, 3 against 8, a hundred images
bundled         scikit-learn's own data sets, raw and scaled
generated       make_classification from 100 x 10 to 1,000,000 x 100; Gaussian; separable
wide            many more columns than rows
sparse          one-hot columns, 100,000 of them
offsets         columns far from zero: calendar years, pressures in Pa, timestamps
imbalance       one positive row in 5,000
many_classes    100 classes
rare            columns that are zero in nearly all rows, on the scale of bytes
==============  ==================================================================================
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mnist_gradients.benchmarking.data import targets
from mnist_gradients.core.labelled_images import LabelledImages


@dataclass(frozen=True)
class Source:
    """What problems are made of.

    Attributes:
        images: Images for the group of images.
        seed: Seed of what is drawn at random.
        largest: Largest number of stored entries of X; larger problems are not even made.
    """

    images: LabelledImages
    seed: int
    largest: int

    def rng(self) -> np.random.Generator:
        """Return a new generator."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True, eq=False)
class Problem:
    """A classification problem.

    Attributes:
        name: Name in tables.
        X: Rows, (N, d), float32 or float64, dense or sparse.
        y: Classes 0..K-1, int64 (N,).
        l2: Strength of the penalty.
    """

    name: str
    X: Any
    y: NDArray[np.integer]
    l2: float = 1e-4

    @property
    def n_classes(self) -> int:
        """K."""
        return int(self.y.max()) + 1


def images(source: Source) -> Iterator[Problem]:
    """Yield tasks on the images that no solver was tuned for."""
    X = source.images.images.reshape(len(source.images), -1).astype(np.float32) / 255
    labels = source.images.labels
    yield Problem("ten digits", X, targets(labels, None))
    yield Problem("8 against the rest", X, targets(labels, (8,)))
    some = np.isin(labels, (3, 8))
    yield Problem("3 against 8", X[some], targets(labels[some], (8,)))
    odd = targets(labels[:100], (1, 3, 5, 7, 9))
    yield Problem("100 images, odd or even", X[:100], odd, 1e-3)


def bundled(_: Source) -> Iterator[Problem]:
    """Yield scikit-learn's own data sets, as they are and with columns of unit variance."""
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    for name in ("iris", "wine", "breast_cancer", "digits"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield Problem(f"{name}, raw", X, y.astype(np.int64))
        yield Problem(f"{name}, scaled", StandardScaler().fit_transform(X), y.astype(np.int64))


def generated(source: Source) -> Iterator[Problem]:
    """Yield `make_classification` of growing size, and Gaussian rows."""
    from sklearn.datasets import make_classification

    for N, d in ((100, 10), (1_000, 20), (10_000, 50), (100_000, 100), (1_000_000, 100)):
        if N * d <= source.largest:
            X, y = make_classification(N, d, n_informative=d // 2, random_state=source.seed)
            yield Problem("make_classification", X, y.astype(np.int64))
    rng = source.rng()
    N, d = 20_000, 100
    if N * d <= source.largest:
        X = gaussian(N, d, 1e6, rng)
        y = X @ rng.standard_normal(d) + 0.3 * rng.standard_normal(N) > 0
        yield Problem("Gaussian, condition number 1e6", X, y.astype(np.int64))
        X = gaussian(N, d, 1, rng)
        y = (X[:, 0] > 0).astype(np.int64)
        X[:, 0] += np.sign(X[:, 0])
        yield Problem("separable", X, y)


def wide(source: Source) -> Iterator[Problem]:
    """Yield problems with more columns than rows."""
    from sklearn.datasets import make_classification

    for N, d, K in ((500, 10_000, 2), (2_000, 5_000, 2), (2_000, 5_000, 10), (200, 100_000, 2)):
        if N * d <= source.largest:
            X, y = make_classification(
                N, d, n_informative=50, n_classes=K, random_state=source.seed
            )
            yield Problem("wide", X, y.astype(np.int64), 1e-3)


def one_hot(source: Source) -> Iterator[Problem]:
    """Yield rows of ten categories each, coded one-hot in 10 and in 100,000 columns each."""
    rng = source.rng()
    fields = 10
    for N, levels in ((20_000, 10), (100_000, 10_000)):
        if N * fields > source.largest:
            continue
        # Squares of uniform numbers: a few categories are frequent, most are rare.
        category = (levels * rng.random((N, fields)) ** 2).astype(np.int32)
        columns = category + levels * np.arange(fields, dtype=np.int32)  # liblinear takes int32
        effect = rng.standard_normal(fields * levels)
        logits = effect[columns].sum(axis=1) + rng.logistic(size=N)
        first = np.arange(0, N * fields + 1, fields, dtype=np.int32)
        entries = (np.ones(N * fields), columns.ravel(), first)
        X = sparse.csr_array(entries, shape=(N, fields * levels))
        yield Problem("one-hot", X, (logits > 0).astype(np.int64), 1e-5)


def offsets(source: Source) -> Iterator[Problem]:
    """Yield columns of unit variance, or in natural units, far from zero."""
    rng = source.rng()
    N, d = 3_000, 8
    Z = rng.standard_normal((N, d))
    binary = (Z @ rng.standard_normal(d) + rng.logistic(size=N) > 0).astype(np.int64)
    three = np.argmax(Z @ rng.standard_normal((d, 3)) + rng.gumbel(size=(N, 3)), axis=1)
    for offset in (1e3, 1e5, 1.7e9):
        yield Problem(f"offset {offset:g}", Z + offset, binary)
        yield Problem(f"offset {offset:g}, three classes", Z + offset, three)
    units = np.column_stack([1990 + 10 * Z[:, 0], 101_325 + 800 * Z[:, 1], Z[:, 2:]])
    yield Problem("calendar year, pressure in Pa", units, binary)


def imbalance(source: Source) -> Iterator[Problem]:
    """Yield one positive row in 5,000."""
    rng = source.rng()
    for N, d in ((20_000, 20), (100_000, 20)):
        if N * d <= source.largest:
            X = rng.standard_normal((N, d))
            y = np.zeros(N, dtype=np.int64)
            y[rng.choice(N, N // 5_000, replace=False)] = 1
            X[y == 1] += 0.5
            yield Problem("one positive row in 5,000", X, y, 1e-5)


def many_classes(source: Source) -> Iterator[Problem]:
    """Yield a hundred classes around a hundred means."""
    rng = source.rng()
    for N, d in ((2_000, 20), (10_000, 500)):
        if N * d <= source.largest:
            y = np.arange(N) % 100
            X = rng.standard_normal((100, d))[y] + 2 * rng.standard_normal((N, d))
            yield Problem("100 classes", X, y, 1e-3)


def rare_columns(source: Source) -> Iterator[Problem]:
    """Yield columns that few rows have: pixels as bytes, and columns of 2 to 29 rows."""
    pixels = source.images.images.reshape(len(source.images), -1).astype(np.float32)
    odd = targets(source.images.labels, (1, 3, 5, 7, 9))
    yield Problem("pixels as bytes, odd or even", pixels, odd, 1 / len(pixels))
    rng = source.rng()
    for N, d in ((2_000, 40), (30_000, 60)):
        if N * d <= source.largest:
            X = 255 * rng.random((N, d)) * (rng.random((N, d)) < 0.5)
            for j in range(20, d):
                some = rng.choice(N, rng.integers(2, 30), replace=False)
                values = rng.uniform(1, 255, len(some))
                X[:, j] = 0
                X[some, j] = values
            logits = X @ rng.standard_normal(d) / 85 + rng.logistic(size=N)
            yield Problem("columns of 2 to 29 rows", X, (logits > 0).astype(np.int64), 1 / N)


def gaussian(N: int, d: int, condition: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return Gaussian rows (N, d) whose covariance has that condition number."""
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return rng.standard_normal((N, d)) @ (Q * np.geomspace(1, condition**-0.5, d)) @ Q.T


GROUPS: dict[str, Callable[[Source], Iterator[Problem]]] = {
    "images": images,
    "bundled": bundled,
    "generated": generated,
    "wide": wide,
    "sparse": one_hot,
    "offsets": offsets,
    "imbalance": imbalance,
    "many_classes": many_classes,
    "rare": rare_columns,
}

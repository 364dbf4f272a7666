import numpy as np
import pytest

from mnist_gradients.core.class_weights import weights_by_class

LABELS = np.array([0, 0, 0, 1, 2, 2])


def test_no_weights_stay_none():
    assert weights_by_class(None, LABELS) is None


def test_balanced_classes_have_equal_sums_of_weights():
    weights = weights_by_class("balanced", LABELS)
    np.testing.assert_allclose(weights, [6 / 9, 6 / 3, 6 / 6])
    np.testing.assert_allclose(np.bincount(LABELS, weights=weights[LABELS]), [2, 2, 2])


def test_given_weights_are_taken():
    np.testing.assert_array_equal(weights_by_class((1.0, 2.0, 0.5), LABELS), [1.0, 2.0, 0.5])


def test_each_class_needs_a_weight():
    words = "^parameter class_weights: found 2 weights, expected 3, one for each class$"
    with pytest.raises(ValueError, match=words):
        weights_by_class((1.0, 2.0), LABELS)

"""Members are chosen on one half of the images and measured on the other."""

import numpy as np
import pytest
from accuracy_tables import choose_members, measure_centres, measure_ensembles


def test_members_are_chosen_on_one_half_and_measured_on_the_other(monkeypatch):
    monkeypatch.setattr("accuracy_tables.FIXED", ["a", "b"])
    labels = np.tile([0, 0, 1, 1], 5)
    a, b = (0.1 + 0.8 * np.eye(2)[labels] for _ in range(2))
    a[0], b[0], b[1], b[3] = [0.1, 0.9], [0.4, 0.6], [0.4, 0.6], [0.6, 0.4]
    table = measure_ensembles({"a": a, "b": b}, labels).set_index("choice")
    assert table.loc["greedy", "last"].tolist() == ["b", "a", "a", "b"]
    assert table.loc["fixed", "last"].tolist() == ["a", "b"] * 2
    assert table.loc["greedy", "chosen_error"].tolist() == pytest.approx([0.1, 0.1, 0.0, 0.0])
    assert table.loc["greedy", "other_error"].tolist() == pytest.approx([0.2, 0.0, 0.1, 0.1])


def test_distance_of_the_centre_of_mass_from_the_centre_of_the_image():
    images = np.zeros((2, 5, 5), np.uint8)
    images[0, 2, 2], images[1, 2, [0, 1]] = 9, [30, 10]
    measured = measure_centres(images, rotation=60.0)
    mean_move = 0.875 * 4 * (1 - np.cos(np.pi / 6)) / (np.pi / 3)
    assert list(measured.values()) == pytest.approx([2, 0.875, 1.75, mean_move, 1.75])


def test_next_member_is_the_one_that_helps_most():
    labels = np.zeros(4, np.uint8)
    p = {"best": [0.9, 0.9, 0.9, 0.4], "same": [0.8, 0.8, 0.8, 0.3], "helps": [0.6, 0.6, 0.4, 0.7]}
    columns = {name: np.array(column) for name, column in p.items()}
    probabilities = {name: np.stack([p, 1 - p], axis=1) for name, p in columns.items()}
    assert choose_members(probabilities, labels, 2) == ["best", "helps"]

import io

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mnist_gradients.pipelines.scale import nodes, plots
from mnist_gradients.pipelines.scale.parameters import ScaleParameters

NOTHING = {"translation": 0, "rotation": 0, "scale": 0, "shear": 0, "elastic": 0}


def scale(**changes):
    options = {"rows": [50, 130], "workers": [0], "memory_limit": "1GB", "l2": 1e-3}
    options |= {"shard_rows": 60, "augmentation": NOTHING | {"elastic_smoothness": 5}}
    return ScaleParameters(**(options | changes))


@pytest.mark.tensorflow
def test_shards_hold_at_least_the_largest_number_of_rows(sets):
    _, tasks = nodes.augment_shards(*sets, scale(), 0)
    assert list(tasks) == [0, 1, 2]
    pixels, labels = tasks[2]()
    np.testing.assert_array_equal(pixels[:30], sets[1].images[20:].reshape(30, -1))
    np.testing.assert_array_equal(labels[30:], sets[0].labels[:30])


def test_recipe_changes_with_what_determines_the_shards(sets):
    recipe, _ = nodes.augment_shards(*sets, scale(), 0)
    assert recipe["seed"] == 0
    other = NOTHING | {"elastic_smoothness": 6}
    train, validation, test = sets
    for changed in (
        nodes.augment_shards(*sets, scale(augmentation=other), 0),
        nodes.augment_shards(*sets, scale(shard_rows=61), 0),
        nodes.augment_shards(*sets, scale(), 1),
        nodes.augment_shards(validation, train, test, scale(), 0),
    ):
        assert changed[0] != recipe
    unchanged, tasks = nodes.augment_shards(*sets, scale(rows=[500], workers=[1]), 0)
    assert unchanged == recipe
    assert len(tasks) == 9


def test_plot_shows_error_and_seconds_against_rows():
    table = pd.DataFrame(
        {
            "rows": [100, 100, 1000, 1000],
            "workers": [0, 2, 0, 2],
            "seconds": [1.0, 2.0, 10.0, 5.0],
            "test_error": [0.08, 0.08, 0.075, 0.075],
        }
    )
    figure = plots.plot_fits(table)
    errors, times = figure.axes
    np.testing.assert_allclose(errors.lines[0].get_xydata(), [[100, 8], [1000, 7.5]])
    alone, together = times.lines
    np.testing.assert_allclose(alone.get_xydata(), [[100, 1], [1000, 10]])
    np.testing.assert_allclose(together.get_xydata(), [[100, 2], [1000, 5]])
    assert together.get_label() == "2 workers"
    figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize(
    "changes",
    [{"rows": []}, {"rows": [0]}, {"workers": [-1]}, {"memory_limit": "much"}, {"l2": 0}],
)
def test_parameters_out_of_range_are_refused(changes):
    with pytest.raises(ValidationError):
        scale(**changes)

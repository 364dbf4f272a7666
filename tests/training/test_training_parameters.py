import re
from pathlib import Path

import pytest
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rate": -1}, "learning_rate\n  Input should be greater than 0"),
        ({"learning_rate": float("inf")}, "learning_rate\n  Input should be a finite number"),
        ({"weight_decay": -0.1}, "weight_decay\n  Input should be greater than or equal to 0"),
        ({"dropout": 1.0}, "dropout\n  Input should be less than 1"),
        ({"label_smoothing": 1.0}, "label_smoothing\n  Input should be less than 1"),
        (
            {"augmentation": {"translation": -1}},
            "augmentation.translation\n  Input should be greater than or equal to 0",
        ),
        ({"augmentation": {"scale": 1.0}}, "augmentation.scale\n  Input should be less than 1"),
        (
            {"augmentation": {"rotation": 181}},
            "augmentation.rotation\n  Input should be less than or equal to 180",
        ),
        (
            {"augmentation": {"elastic_smoothness": 0}},
            "augmentation.elastic_smoothness\n  Input should be greater than 0",
        ),
        (
            {"augmentation": {"shift": 1}},
            "augmentation.shift\n  Extra inputs are not permitted",
        ),
        (
            {"checkpoints": {"folder": "x", "seconds": -1}},
            "checkpoints.seconds\n  Input should be greater than or equal to 0",
        ),
        (
            {"checkpoints": {"folder": "memory://x", "seconds": 1}},
            "checkpoints.folder\n  Value error, found memory://x, expected a local folder",
        ),
        ({"record_every": 0}, "record_every\n  Input should be greater than 0"),
        ({"batch_size": 0}, "batch_size\n  Input should be greater than 0"),
        ({"epochs": 0}, "epochs\n  Input should be greater than 0"),
        ({"evaluate_every": 0}, "evaluate_every\n  Input should be greater than 0"),
        ({"hidden_units": ()}, "hidden_units\n  Tuple should have at least 1 item"),
        ({"hidden_units": (16, 0)}, "hidden_units.1\n  Input should be greater than 0"),
        ({"optimiser": "rmsprop"}, "optimiser\n  Input should be 'sgd', 'momentum', 'adam' or"),
        ({"schedule": "linear"}, "schedule\n  Input should be 'constant' or 'cosine'"),
        ({"lerning_rate": 0.1}, "lerning_rate\n  Extra inputs are not permitted"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, changes, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        parameters(**changes)


def test_address_of_a_local_folder_is_its_path(parameters):
    taken = parameters(checkpoints={"folder": "file:///a folder/b", "seconds": 1})
    assert taken.checkpoints.folder == Path("/a folder/b")

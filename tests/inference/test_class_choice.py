"""Choosing some classes of a model by name or number."""

import numpy as np
import pytest

from detect.errors import BadInput
from detect.inference.class_choice import labels_of

CLASSES = ("person", "car", "traffic light", "7", "a, b")


@pytest.mark.parametrize(
    ("chosen", "labels"),
    [
        ("person", [0]),
        ("car,person", [1, 0]),
        ("person, traffic light ,", [0, 2]),
        (["car", "person,car"], [1, 0]),
        (1, [1]),
        (np.int64(4), [4]),
        ("0", [0]),
        (["car", 0, "1"], [1, 0]),
        ("7", [3]),  # the name, though there is no class 7
        ("a, b", [4]),  # one name with a comma in it
        ([], []),
    ],
)
def test_names_and_numbers(chosen, labels):
    assert labels_of(chosen, CLASSES) == labels


@pytest.mark.parametrize("chosen", ["5", 5, -1, "-1", "²", "Car", "cars"])
def test_what_is_no_class(chosen):
    with pytest.raises(BadInput, match=f"The model has no class {chosen!r}"):
        labels_of(chosen, CLASSES)


def test_one_error_names_everything_unknown():
    with pytest.raises(BadInput) as error:
        labels_of("persn,car,bus", CLASSES)
    first, second = error.value.args
    assert "'persn'. Did you mean 'person'?" in first
    assert "'bus'" in second
    assert "Known: 7, a, b, car, person, traffic light." in second

"""Weights of classes in the classification loss."""

import numpy as np
import pytest

from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.errors import BadInput
from detect.training.settings import TrainingSettings
from detect.training.start.class_weights import balanced, class_weights, describe_weights
from detect.training.start.early_checks import open_requested
from detect.training.start.resolution import given_settings


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return write_shapes(tmp_path_factory.mktemp("shapes"), train=3, val=1, image_size=64)


def test_classes_without_a_weight_have_one(shapes):
    dataset = open_dataset(shapes)
    weights = class_weights({"square": 2.5}, dataset.splits["train"], dataset.classes)
    assert weights.tolist() == [1, 2.5, 1]
    assert weights.dtype == np.float32
    assert describe_weights(weights, dataset.classes) == "Class weights: square 2.5, circle 1, triangle 1."


@pytest.mark.parametrize("given", [{}, {"square": 1.0}])
def test_weights_of_one_change_nothing(shapes, given):
    dataset = open_dataset(shapes)
    assert class_weights(given, dataset.splits["train"], dataset.classes) is None


def test_balanced_by_hand():
    """1 box counts as 1, 2 as 1 + 0.999, many as 1000. Weights are in inverse proportion, their mean is 1."""
    weights = balanced(np.array([1, 2, 10**6]))
    np.testing.assert_allclose(weights[0] / weights, [1, 1.999, 1000], rtol=1e-9)
    assert weights.mean() == pytest.approx(1)


def test_classes_without_boxes_do_not_count():
    assert balanced(np.array([7, 0, 7])).tolist() == [1, 1, 1]
    assert balanced(np.zeros(2, np.int64)).tolist() == [1, 1]


def test_balanced_counts_the_boxes_to_train_on(shapes):
    dataset = open_dataset(shapes)
    records = dataset.splits["train"]
    weights = class_weights("balanced", records, dataset.classes)
    np.testing.assert_allclose(weights, balanced(np.bincount(records.labels, minlength=3)), rtol=1e-6)


def test_a_class_that_is_not_there_is_named_with_the_nearest_one(shapes):
    with pytest.raises(BadInput, match=r"no class 'sqare'. Did you mean 'square'\?"):
        open_requested(TrainingSettings(data=str(shapes), class_weights={"sqare": 2}), resume=True)


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("class_weights=balanced", "balanced"),
        ("class_weights={truck: 3}", {"truck": 3.0}),
        ("class_weights.truck=3", {"truck": 3.0}),
    ],
)
def test_weights_are_given_as_settings(assignment, expected):
    assert given_settings({"data": "d", "model": "yolox-micro"}, [assignment]).class_weights == expected


@pytest.mark.parametrize("value", ["equal", "{truck: 0}", "{truck: .inf}", "[1, 2]"])
def test_other_values_are_refused(value):
    with pytest.raises(BadInput, match="class_weights"):
        given_settings({"data": "d", "model": "yolox-micro"}, [f"class_weights={value}"])

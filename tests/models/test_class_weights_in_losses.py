"""Weights of classes in the losses of every family: factors of the class loss of positives, and of nothing else."""

import numpy as np
import pytest
import tensorflow as tf
from drawn_outputs import CLASSES, MADE, TRUTH, drawn
from uncompiled import uncompiled

from detect.ops.losses import weigh_positives


@pytest.fixture(autouse=True)
def eager():
    with uncompiled():
        yield


def losses_of(name: str, weights: list[float] | None) -> dict[str, float]:
    MADE[name].class_weights = None if weights is None else np.float32(weights)
    try:
        return {part: float(value) for part, value in MADE[name].loss(drawn(name), TRUTH).items()}
    finally:
        MADE[name].class_weights = None


@pytest.mark.parametrize("name", MADE)
def test_weights_are_factors_of_the_positives_of_their_class(name):
    """There are boxes of classes 0 and 2. The class loss is linear in their weights, and the other losses stay."""
    without = losses_of(name, None)
    assert losses_of(name, [1, 1, 1]) == without
    assert losses_of(name, [1, 9, 1]) == without
    first, second, both = (losses_of(name, weights) for weights in ([3, 1, 1], [1, 1, 3], [3, 1, 3]))
    for part, value in without.items():
        if part != "class":
            assert first[part] == second[part] == both[part] == value
    assert first["class"] > without["class"] < second["class"]
    added = first["class"] + second["class"] - 2 * without["class"]
    assert both["class"] - without["class"] == pytest.approx(added, rel=1e-4)
    if name == "yolox":  # whose class loss is of positives only
        assert both["class"] == pytest.approx(3 * without["class"], rel=1e-5)


def test_background_has_no_weight():
    """It is -1, or one more than the last class."""
    labels, losses = tf.constant([-1, 0, 2, CLASSES]), tf.constant([1.0, 2.0, 3.0, 4.0])
    assert weigh_positives(losses, labels, np.float32([10, 20, 30])).numpy().tolist() == [1, 20, 90, 4]
    assert weigh_positives(losses, labels, None) is losses

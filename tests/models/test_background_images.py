"""Images without boxes: every family learns from them that there is nothing."""

import numpy as np
import pytest
import tensorflow as tf
from drawn_outputs import MADE, drawn
from uncompiled import uncompiled
from written_targets import truth

from detect.structures import Targets


@pytest.fixture(autouse=True)
def eager():
    with uncompiled():
        yield


def gradients(name: str, targets: Targets) -> list[np.ndarray]:
    """Return the gradients of the losses for what says that there is an object, [2, ...] each."""
    outputs = drawn(name)
    logits = [outputs[part] for part in ("logits", "objectness") if part in outputs]
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.add_n(list(MADE[name].loss(outputs, targets).values()))
    return [gradient.numpy() for gradient in tape.gradient(total, logits)]


@pytest.mark.parametrize("name", MADE)
def test_images_without_boxes_are_negatives(name):
    """In both images, the score of background rises, or those of classes and objectness fall, and nothing else."""
    for gradient in gradients(name, truth([], [])):
        is_softmax = name in ("ssdlite", "fasterrcnn") and gradient.ndim == 3  # the last column is background
        scores = -gradient[..., -1:] if is_softmax else gradient
        assert np.all(scores >= 0)
        assert np.all(scores.reshape(2, -1).max(axis=1) > 0)


def test_ssd_learns_from_the_hardest_of_them():
    """Three default boxes of each image, as for a single positive."""
    (gradient,) = gradients("ssdlite", truth([], []))
    assert np.count_nonzero(np.any(gradient != 0, axis=-1), axis=1).tolist() == [3, 3]

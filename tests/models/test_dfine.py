"""D-FINE: denoising queries, few tokens, many boxes; for the network see `tests/weights/test_ustc_dfine.py`."""

import numpy as np
import pytest
import tensorflow as tf
from light_models import pictures, truth
from measuring.first_models import CLASSES, create_light
from uncompiled import uncompiled
from written_targets import sizes

from detect.models.dfine import DFINE
from detect.structures import Targets

TOKENS = 4 * 4 + 2 * 2  # of an image of 64 x 64 pixels at strides 16 and 32
DENOISING = 2 * 6


@pytest.fixture(scope="module")
def detector() -> DFINE:
    return create_light("dfine-n")


def test_there_are_no_more_queries_than_tokens(detector):
    outputs = detector(pictures(detector))
    assert detector.config.queries > TOKENS
    assert outputs["boxes"].shape == (2, TOKENS, 4)
    assert outputs["noise"] is None


def test_denoising_queries_are_in_training_only_and_not_among_the_detections(detector):
    with uncompiled():
        outputs = detector(pictures(detector), targets=truth(detector), training=True)
    assert outputs["noise"].labels.shape == (2, DENOISING)
    assert outputs["decoded"].references.shape == (2, DENOISING + TOKENS, 4)
    assert outputs["class_logits"].shape == (2, TOKENS, CLASSES)
    np.testing.assert_array_equal(outputs["boxes"], outputs["decoded"].boxes[-1][:, DENOISING:])


def test_the_noise_is_that_of_the_seed_and_the_step(detector):
    chosen = detector(pictures(detector))["chosen"]

    def noises(steps: int) -> list[np.ndarray]:
        detector.seed.start(3)
        with uncompiled():
            return [detector._start(chosen, truth(detector), (64, 64)).noise.boxes.numpy() for _ in range(steps)]

    first, again = noises(2), noises(2)
    np.testing.assert_array_equal(first, again)
    assert np.any(first[0] != first[1])


def test_boxes_are_those_of_the_image_without_its_padding(detector):
    """A box around the centre of 64 x 128 pixels, of which the right half is padding; a query may have two classes."""
    boxes = tf.constant([[[0.5, 0.5, 0.25, 0.5], [0.25, 0.5, 0.1, 0.1]]])
    logits = tf.constant([[[-9.0, 2.0, 1.0], [-9.0, -9.0, 0.0]]])
    extents = tf.constant([[64.0, 64.0]])
    outputs = {"boxes": boxes, "class_logits": logits, **sizes(64, 128), "extents": extents}
    found = detector.decode(outputs, confidence=0.1)
    np.testing.assert_array_equal(found.labels[0, :4], [1, 2, 2, -1])
    np.testing.assert_allclose(found.scores[0, :3], tf.sigmoid([2.0, 1.0, 0.0]), rtol=1e-6)
    np.testing.assert_allclose(found.boxes[0, 0], [48, 16, 64, 48], rtol=1e-6)  # from 48 to 80 without the end
    np.testing.assert_allclose(found.boxes[0, 2], [25.6, 28.8, 38.4, 35.2], rtol=1e-6)


def test_there_may_be_more_boxes_than_queries(detector):
    count = 3 * TOKENS
    corners = np.random.RandomState(0).uniform(0, 40, [1, count, 2])
    boxes = np.float32(np.concatenate([corners, corners + 20], axis=-1))
    targets = Targets(tf.constant(boxes), tf.zeros([1, count], tf.int32), tf.zeros([1, count], tf.bool))
    with uncompiled():
        losses = detector.loss(detector(pictures(detector, 1), targets=targets, training=True), targets)
    assert all(np.isfinite(loss) for loss in losses.values())

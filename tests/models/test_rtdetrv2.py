"""RT-DETRv2: its decoder by hand, what denoising queries see, and rounded points."""

import numpy as np
import pytest
import tensorflow as tf

from detect import models
from detect.models.rtdetrv2 import BoxDecoder
from detect.ops.relative_boxes import logit
from detect.structures import Targets

LIGHT = {"filters": 32, "encoder_hidden": 64, "expansion": 0.5, "channels": 32, "hidden": 64, "layers": 2}
TRUTH = Targets(tf.constant([[[8.0, 8, 40, 56]]]), tf.constant([[1]]), tf.constant([[False]]))


@pytest.fixture(scope="module")
def detector():
    return models.create("rtdetrv2-r18", 3, **LIGHT, queries=20, denoising=4)


def test_each_layer_moves_the_boxes_of_the_one_before():
    decoder = BoxDecoder(8, 2, layers=2, hidden=8, points=(1,), sampling="bilinear", prior=0.01)
    boxes = tf.constant([[[0.5, 0.25, 0.2, 0.1]]])
    inputs = tf.zeros([1, 1, 8]), boxes, tf.zeros([1, 4, 8])
    decoder(*inputs, sizes=[(2, 2)])
    moves = np.float32([[0.1, 0, -0.2, 0.3], [0.2, -0.1, 0, 0]])
    for layer, bias in zip(decoder.moves, moves, strict=True):  # whose last kernel is zeros at first
        layer.layers[-1].bias.assign(bias)
    found = decoder(*inputs, sizes=[(2, 2)])
    expected = tf.sigmoid(logit(boxes)[0] + np.cumsum(moves, axis=0))
    np.testing.assert_allclose(np.stack(found.boxes)[:, 0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(tf.sigmoid(found.class_logits), np.full([2, 1, 1, 2], 0.01), rtol=0.5)


def test_the_loss_of_a_layer_reaches_the_moves_of_the_one_before():
    decoder = BoxDecoder(8, 2, layers=3, hidden=8, points=(1,), sampling="bilinear", prior=0.01)
    inputs = tf.zeros([1, 1, 8]), tf.constant([[[0.5, 0.25, 0.2, 0.1]]]), tf.zeros([1, 4, 8])
    with tf.GradientTape() as tape:
        last = decoder(*inputs, sizes=[(2, 2)]).boxes[-1]
    gradients = tape.gradient(last, [layer.layers[-1].bias for layer in decoder.moves])
    assert not np.any(gradients[0])
    assert all(np.any(gradient) for gradient in gradients[1:])


def test_denoising_queries_come_first_and_change_no_other(detector):
    image = np.random.default_rng(0).integers(0, 256, [1, 64, 64, 3], np.uint8)
    plain, noisy = (detector(image, targets=truth, training=True) for truth in (None, TRUTH))
    assert plain["noise"] is None
    noisy_boxes, boxes = (np.stack(outputs["decoded"].boxes) for outputs in (noisy, plain))
    assert noisy_boxes.shape == (2, 1, 8 + 20, 4)
    np.testing.assert_allclose(noisy_boxes[:, :, 8:], boxes, atol=1e-6)
    np.testing.assert_allclose(noisy["class_logits"], plain["class_logits"], atol=1e-5)
    assert "denoising" in detector.loss(noisy, TRUTH)
    assert "denoising" not in detector.loss(plain, TRUTH)


def test_every_weight_learns(detector):
    image = np.random.default_rng(0).integers(0, 256, [1, 64, 64, 3], np.uint8)
    for sampling in ("bilinear", "discrete"):
        other = detector.with_settings(sampling=sampling)
        with tf.GradientTape() as tape:
            loss = tf.add_n(list(other.loss(other(image, targets=TRUTH, training=True), TRUTH).values()))
        assert all(gradient is not None for gradient in tape.gradient(loss, other.trainable_variables))

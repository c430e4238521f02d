"""Losses against numbers worked by hand, against each other and against numerical differences."""

import math

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.losses import (
    binary_cross_entropy,
    ciou_loss,
    diou_loss,
    giou_loss,
    huber,
    l1,
    sigmoid_focal,
    smooth_l1,
    squared_iou_loss,
)

BOX_LOSSES = (squared_iou_loss, giou_loss, diou_loss, ciou_loss)


def random_logits(rng, *shape):
    return rng.normal(0, 4, shape).astype(np.float32)


def one_focal(logits, label, alpha, gamma):
    total = 0.0
    for k, logit in enumerate(np.float64(logits)):
        yes = 1 / (1 + math.exp(-logit))
        right, weight = (yes, alpha) if k == label else (1 - yes, 1 - alpha)
        total -= weight * (1 - right) ** gamma * math.log(right)
    return total


def test_focal_by_hand():
    # p = 1/2: each yes-or-no question costs alpha_t * 1/4 * log(2); a logit of log(3) is p = 3/4.
    half = math.log(2) / 4
    np.testing.assert_allclose(sigmoid_focal([[0.0, 0.0], [0.0, 0.0]], [1, -1]), [half, 1.5 * half], rtol=1e-6)
    yes = 0.25 * (1 / 4) ** 2 * math.log(4 / 3)
    no = 0.75 * (3 / 4) ** 2 * math.log(4)
    np.testing.assert_allclose(sigmoid_focal([[math.log(3)], [math.log(3)]], [0, -1]), [yes, no], rtol=1e-6)


def test_focal_equals_a_loop():
    rng = np.random.default_rng(0)
    logits, labels = random_logits(rng, 2, 200, 5), rng.integers(-1, 5, (2, 200))
    for alpha, gamma in ((0.25, 2.0), (0.5, 0.0), (0.9, 1.5), (0.25, 1.0)):
        expected = [one_focal(x, y, alpha, gamma) for x, y in zip(logits.reshape(-1, 5), labels.ravel(), strict=True)]
        actual = sigmoid_focal(logits, labels, alpha, gamma)
        np.testing.assert_allclose(tf.reshape(actual, -1), expected, rtol=1e-4, atol=1e-6)


def test_focal_with_gamma_0_is_half_the_cross_entropy():
    rng = np.random.default_rng(1)
    logits, labels = random_logits(rng, 100, 3), rng.integers(-1, 3, 100)
    entropy = tf.reduce_sum(binary_cross_entropy(logits, tf.one_hot(labels, 3)), axis=-1)
    np.testing.assert_allclose(sigmoid_focal(logits, labels, 0.5, 0.0), 0.5 * entropy, rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 1.5, 2.0])
def test_gradient_of_focal_equals_numerical_differences(gamma):
    rng = np.random.default_rng(2)
    logits, labels = tf.constant(rng.normal(0, 3, (40, 3))), rng.integers(-1, 3, 40)
    theory, practice = tf.test.compute_gradient(
        lambda x: sigmoid_focal(x, labels, 0.25, gamma) * tf.range(1, 41, dtype=tf.float64), [logits], delta=1e-4
    )
    np.testing.assert_allclose(theory[0], practice[0], atol=1e-5)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_extreme_logits_give_finite_losses_and_gradients(dtype):
    logits = tf.cast([[-1e4, -100.0, 0.0, 100.0, 1e4]] * 6, dtype)
    for loss in (
        lambda x: sigmoid_focal(x, tf.range(-1, 5)),
        lambda x: binary_cross_entropy(x, tf.one_hot(tf.range(-1, 5), 5)),
    ):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(logits)
        assert value.dtype == dtype
        assert np.all(np.isfinite(tf.cast(value, tf.float32)))
        assert np.all(np.isfinite(tf.cast(tape.gradient(value, logits), tf.float32)))
    np.testing.assert_allclose(tf.cast(sigmoid_focal(logits[:1, 4:], [-1]), tf.float32), [7500], rtol=1e-2)


def test_binary_cross_entropy_by_hand():
    # The entropy of (1/4, 3/4) where the prediction is the target, whichever of the two is asked for.
    entropy = math.log(4) - 0.75 * math.log(3)
    losses = binary_cross_entropy([0.0, -math.log(3), math.log(3)], [0.3, 0.25, 0.75])
    np.testing.assert_allclose(losses, [math.log(2), entropy, entropy], rtol=1e-6)


def test_box_losses_by_hand():
    a, b = [[0.0, 0.0, 4.0, 2.0]], [[2.0, 0.0, 6.0, 4.0]]  # IoU 1/5; numbers as in test_boxes
    expected = [1 - 1 / 25, 0.8 + 4 / 24, 0.8 + 5 / 52, 0.8 + 5 / 52 + 0.0419562**2 / 0.8419562]
    np.testing.assert_allclose([loss(a, b)[0] for loss in BOX_LOSSES], expected, atol=1e-6)
    np.testing.assert_allclose([loss(a, a)[0] for loss in BOX_LOSSES], 0, atol=1e-6)


@pytest.mark.parametrize("loss", BOX_LOSSES)
def test_box_losses_lead_to_the_box(loss):
    boxes, true = tf.Variable([[10.0, 10.0, 30.0, 40.0]]), tf.constant([[14.0, 5.0, 44.0, 35.0]])
    first = float(loss(boxes, true)[0])
    for _ in range(100):
        with tf.GradientTape() as tape:
            value = loss(boxes, true)
        gradient = tape.gradient(value, boxes)
        boxes.assign_sub(0.3 * gradient / tf.norm(gradient))
    assert float(loss(boxes, true)[0]) < 0.1 * first


def test_differences_by_hand():
    predicted, true = [0.0, 1.0, 1.0, -4.0], [0.0, 0.5, 3.0, 0.0]  # differences 0, 0.5, 2, 4
    np.testing.assert_allclose(l1(predicted, true), [0, 0.5, 2, 4])
    np.testing.assert_allclose(smooth_l1(predicted, true, beta=1.0), [0, 0.125, 1.5, 3.5])
    np.testing.assert_allclose(huber(predicted, true, delta=1.0), [0, 0.125, 1.5, 3.5])
    np.testing.assert_allclose(smooth_l1(predicted, true, beta=2.0), [0, 0.0625, 1, 3])
    np.testing.assert_allclose(huber(predicted, true, delta=2.0), [0, 0.125, 2, 6])


@pytest.mark.parametrize("function", [smooth_l1, huber])
def test_gradient_of_differences_equals_numerical_differences(function):
    difference = tf.constant([-3.0, -0.3, -0.02, 0.01, 0.05, 0.7], tf.float64)
    theory, practice = tf.test.compute_gradient(lambda x: function(x, tf.zeros_like(x)), [difference], delta=1e-5)
    np.testing.assert_allclose(theory[0], practice[0], atol=1e-6)


@pytest.mark.parametrize("wrap", [lambda function: function, tf.function])
def test_no_boxes(wrap):
    boxes = np.zeros((2, 0, 4), np.float32)
    for loss in BOX_LOSSES:
        assert wrap(loss)(boxes, boxes).shape == (2, 0)
    for loss in (l1, smooth_l1, huber, binary_cross_entropy):
        assert wrap(loss)(boxes, boxes).shape == (2, 0, 4)
    assert wrap(sigmoid_focal)(boxes, np.zeros((2, 0), np.int32)).shape == (2, 0)


def test_focal_in_a_graph_equals_eager():
    rng = np.random.default_rng(3)
    logits, labels = random_logits(rng, 50, 4), rng.integers(-1, 4, 50)
    np.testing.assert_allclose(tf.function(sigmoid_focal)(logits, labels), sigmoid_focal(logits, labels), rtol=1e-6)

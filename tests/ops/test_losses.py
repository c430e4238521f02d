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


def check_gradient(function, inputs, step=1e-5):
    """`function` works element by element, so all numerical derivatives come from two calls."""
    inputs = tf.constant(inputs, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = 3 * function(inputs)
    practice = 3 * (function(inputs + step) - function(inputs - step)) / (2 * step)
    np.testing.assert_allclose(tape.gradient(value, inputs), practice, atol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 1.5, 2.0])
def test_gradient_of_focal_equals_numerical_differences(gamma):
    labels = np.arange(1000) % 2 - 1  # one class: yes or no
    logits = np.random.default_rng(2).normal(0, 3, 1000)
    check_gradient(lambda x: sigmoid_focal(x[:, None], labels, 0.25, gamma), logits)


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
    start, true = tf.constant([[10.0, 10.0, 30.0, 40.0]]), tf.constant([[14.0, 5.0, 44.0, 35.0]])

    @tf.function
    def step(boxes):
        with tf.GradientTape() as tape:
            tape.watch(boxes)
            value = loss(boxes, true)
        gradient = tape.gradient(value, boxes)
        return boxes - 0.3 * gradient / tf.norm(gradient)

    boxes = start
    for _ in range(100):
        boxes = step(boxes)
    assert loss(boxes, true)[0] < 0.1 * loss(start, true)[0]


def test_differences_by_hand():
    predicted, true = [0.0, 1.0, 1.0, -4.0], [0.0, 0.5, 3.0, 0.0]  # differences 0, 0.5, 2, 4
    np.testing.assert_allclose(l1(predicted, true), [0, 0.5, 2, 4])
    np.testing.assert_allclose(smooth_l1(predicted, true, beta=1.0), [0, 0.125, 1.5, 3.5])
    np.testing.assert_allclose(huber(predicted, true, delta=1.0), [0, 0.125, 1.5, 3.5])
    np.testing.assert_allclose(smooth_l1(predicted, true, beta=2.0), [0, 0.0625, 1, 3])
    np.testing.assert_allclose(huber(predicted, true, delta=2.0), [0, 0.125, 2, 6])


@pytest.mark.parametrize("function", [smooth_l1, huber])
def test_gradient_of_differences_equals_numerical_differences(function):
    check_gradient(lambda x: function(x, tf.zeros_like(x)), [-3.0, -0.3, -0.02, 0.01, 0.05, 0.7])


def all_losses(boxes, labels):
    by_element = [loss(boxes, boxes + 1) for loss in (l1, smooth_l1, huber, binary_cross_entropy)]
    return [*by_element, *(loss(boxes, boxes + 1) for loss in BOX_LOSSES), sigmoid_focal(boxes, labels)]


def test_in_a_graph_equal_to_eager():
    boxes, labels = random_logits(np.random.default_rng(3), 2, 50, 4), np.arange(100).reshape(2, 50) % 5 - 1
    for eager, graph in zip(all_losses(boxes, labels), tf.function(all_losses)(boxes, labels), strict=True):
        np.testing.assert_allclose(eager, graph, rtol=1e-6, atol=1e-6)


def test_no_boxes():
    shapes = [loss.shape for loss in all_losses(np.zeros((2, 0, 4), np.float32), np.zeros((2, 0), np.int32))]
    assert shapes == [(2, 0, 4)] * 4 + [(2, 0)] * 5

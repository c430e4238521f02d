"""Losses compared with numbers worked by hand, with each other and with numerical differences."""

import math

import numpy as np
import pytest
import tensorflow as tf
from uncompiled import uncompiled

from detect.ops.losses import (
    absence_loss,
    binary_cross_entropy,
    ciou_loss,
    diou_loss,
    giou_loss,
    huber,
    l1,
    quality_focal,
    sigmoid_focal,
    smooth_l1,
    softmax_cross_entropy,
    squared_iou_loss,
    sum_where,
    varifocal,
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
    # p = 1/2: each class of each anchor costs alpha_t * 1/4 * log(2); a logit of log(3) is p = 3/4.
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


def test_quality_focal_by_hand():
    # Score 1/2, target 3/4: (1/4) ** 2 * log(2); the other class, target 0: (1/2) ** 2 * log(2).
    half = math.log(2)
    np.testing.assert_allclose(quality_focal([[0.0, 0.0]], [1], [0.75]), [half / 16 + half / 4], rtol=1e-6)
    np.testing.assert_allclose(quality_focal([[0.0, 0.0]], [-1], [0.75]), [half / 2], rtol=1e-6)
    np.testing.assert_allclose(quality_focal([[math.log(3)]], [0], [0.75]), [0], atol=1e-7)  # score 3/4


def test_varifocal_by_hand():
    # Score 1/2: the class of the label costs quality * log(2), the other 0.75 * (1/2) ** 2 * log(2).
    half = math.log(2)
    np.testing.assert_allclose(varifocal([[0.0, 0.0]], [1], [0.6]), [(0.6 + 0.75 / 4) * half], rtol=1e-6)
    np.testing.assert_allclose(varifocal([[0.0, 0.0]], [-1], [0.6]), [0.75 / 2 * half], rtol=1e-6)
    # The class of the label counts like any other where the quality of its box is 0.
    np.testing.assert_allclose(varifocal([[math.log(3)]], [0], [0.0]), [0.75 * 9 / 16 * math.log(4)], rtol=1e-6)


def one_quality_focal(logits, label, quality, beta):
    total = 0.0
    for k, logit in enumerate(np.float64(logits)):
        score, target = 1 / (1 + math.exp(-logit)), quality if k == label else 0.0
        total -= abs(score - target) ** beta * (target * math.log(score) + (1 - target) * math.log(1 - score))
    return total


def one_varifocal(logits, label, quality, alpha, gamma):
    total = 0.0
    for k, logit in enumerate(np.float64(logits)):
        score = 1 / (1 + math.exp(-logit))
        if k == label and quality > 0:
            total -= quality * (quality * math.log(score) + (1 - quality) * math.log(1 - score))
        else:
            total -= alpha * score**gamma * math.log(1 - score)
    return total


def random_answers(rng, count, classes):
    """Draw logits, labels and qualities, some of which are 0 or 1."""
    quality = np.clip(rng.uniform(-0.2, 1.2, count), 0, 1).astype(np.float32)
    return random_logits(rng, count, classes), rng.integers(-1, classes, count), quality


def test_quality_focal_and_varifocal_equal_loops():
    answers = random_answers(np.random.default_rng(4), 2000, 3)
    for beta in (2.0, 1.0, 0.5):
        expected = [one_quality_focal(*row, beta) for row in zip(*answers, strict=True)]
        np.testing.assert_allclose(quality_focal(*answers, beta), expected, rtol=1e-4, atol=1e-6)
    for alpha, gamma in ((0.75, 2.0), (0.5, 1.0)):
        expected = [one_varifocal(*row, alpha, gamma) for row in zip(*answers, strict=True)]
        np.testing.assert_allclose(varifocal(*answers, alpha, gamma), expected, rtol=1e-4, atol=1e-6)


def test_without_discounts_the_focal_variants_are_cross_entropy():
    logits, labels, quality = random_answers(np.random.default_rng(5), 500, 3)
    soft = tf.one_hot(labels, 3) * quality[:, None]
    entropy = binary_cross_entropy(logits, soft)
    np.testing.assert_allclose(quality_focal(logits, labels, quality, 0.0), tf.reduce_sum(entropy, 1), rtol=1e-5)
    weighted = tf.reduce_sum(tf.where(soft > 0, soft, 0.25) * entropy, axis=1)
    np.testing.assert_allclose(varifocal(logits, labels, quality, 0.25, 0.0), weighted, rtol=1e-5)


def test_with_perfect_quality_the_focal_variants_are_focal_loss():
    logits, labels, _ = random_answers(np.random.default_rng(6), 500, 3)
    perfect = np.ones(500, np.float32)
    focal = 2 * sigmoid_focal(logits, labels, 0.5, 2.0)
    np.testing.assert_allclose(quality_focal(logits, labels, perfect), focal, rtol=1e-5)
    background = np.full(500, -1)
    focal = 0.75 * 2 * sigmoid_focal(logits, background, 0.5, 2.0)
    np.testing.assert_allclose(varifocal(logits, background, perfect), focal, rtol=1e-5)


def test_softmax_cross_entropy_by_hand():
    # Two classes and the background, of probability 1/4, 1/4 and 1/2.
    logits = [[0.0, 0.0, math.log(2)]] * 3
    losses = softmax_cross_entropy(logits, [0, 1, -1])
    np.testing.assert_allclose(losses, [math.log(4), math.log(4), math.log(2)], rtol=1e-6)


def test_softmax_cross_entropy_equals_a_loop():
    rng = np.random.default_rng(7)
    logits, labels = random_logits(rng, 2, 1000, 4), rng.integers(-1, 3, (2, 1000))
    rows = zip(np.float64(logits.reshape(-1, 4)), labels.ravel(), strict=True)
    expected = [math.log(sum(math.exp(x) for x in row)) - row[label] for row, label in rows]  # row[-1]: background
    np.testing.assert_allclose(tf.reshape(softmax_cross_entropy(logits, labels), [-1]), expected, rtol=1e-4, atol=1e-5)


def test_softmax_of_one_class_is_the_logistic_function_of_the_difference():
    logits = random_logits(np.random.default_rng(8), 100, 2)
    labels = np.arange(100) % 2 - 1
    expected = binary_cross_entropy(logits[:, 0] - logits[:, 1], labels + 1)
    np.testing.assert_allclose(softmax_cross_entropy(logits, labels), expected, rtol=1e-4, atol=1e-6)


def check_gradient(function, inputs, step=1e-5):
    """`function` works element by element, so two calls give all numerical derivatives."""
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


@pytest.mark.parametrize("loss", [quality_focal, varifocal])
def test_gradient_of_focal_variants_equals_numerical_differences(loss):
    rng = np.random.default_rng(9)
    labels, quality = np.arange(1000) % 2 - 1, rng.choice([0.0, 0.3, 1.0], 1000)
    check_gradient(lambda x: loss(x[:, None], labels, quality), rng.normal(0, 3, 1000))


def test_quality_has_no_gradient_and_a_perfect_score_none_either():
    quality = tf.constant([0.5, 0.7])
    logits = tf.constant([[0.0], [1.0]])
    for loss in (quality_focal, varifocal):
        with tf.GradientTape() as tape:
            tape.watch([quality, logits])
            value = loss(logits, [0, 0], quality)
        by_quality, by_logits = tape.gradient(value, [quality, logits])
        assert by_quality is None
        assert by_logits[0, 0] == 0
        assert by_logits[1, 0] != 0


def test_gradient_of_softmax_cross_entropy_is_the_difference_of_probabilities():
    logits = tf.constant(random_logits(np.random.default_rng(10), 50, 4))
    labels = np.arange(50) % 4 - 1
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = softmax_cross_entropy(logits, labels)
    expected = tf.nn.softmax(logits) - tf.one_hot(labels % 4, 4)
    np.testing.assert_allclose(tape.gradient(value, logits), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_extreme_logits_give_finite_losses_and_gradients(dtype):
    logits = tf.cast([[-1e4, -100.0, 0.0, 100.0, 1e4]] * 6, dtype)
    for loss in (
        lambda x: sigmoid_focal(x, tf.range(-1, 5)),
        lambda x: quality_focal(x, tf.range(-1, 5), tf.linspace(0.0, 1.0, 6)),
        lambda x: varifocal(x, tf.range(-1, 5), tf.linspace(0.0, 1.0, 6)),
        lambda x: softmax_cross_entropy(x, tf.range(-2, 4)),
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
    # The entropy of (1/4, 3/4) where the prediction equals the target, whether that is 1/4 or 3/4.
    entropy = math.log(4) - 0.75 * math.log(3)
    losses = binary_cross_entropy([0.0, -math.log(3), math.log(3)], [0.3, 0.25, 0.75])
    np.testing.assert_allclose(losses, [math.log(2), entropy, entropy], rtol=1e-6)


def test_box_losses_by_hand():
    a, b = [[0.0, 0.0, 4.0, 2.0]], [[2.0, 0.0, 6.0, 4.0]]  # IoU 1/5; the numbers are those of test_boxes.py
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


def test_sum_where_by_hand():
    """Masked losses do not count, even if they are infinite."""
    losses = [[1.0, 2.0, math.inf], [4.0, 8.0, 16.0]]
    assert sum_where([[True, False, False], [False, True, True]], losses) == 25


@pytest.mark.parametrize("function", [smooth_l1, huber])
def test_gradient_of_differences_equals_numerical_differences(function):
    check_gradient(lambda x: function(x, tf.zeros_like(x)), [-3.0, -0.3, -0.02, 0.01, 0.05, 0.7])


def all_losses(boxes, labels):
    by_element = [loss(boxes, boxes + 1) for loss in (l1, smooth_l1, huber, binary_cross_entropy)]
    quality = tf.sigmoid(boxes[..., 0])
    by_row = [loss(boxes, boxes + 1) for loss in BOX_LOSSES]
    by_class = [loss(boxes, labels, quality) for loss in (quality_focal, varifocal)]
    softmax = softmax_cross_entropy(boxes, tf.minimum(labels, 2))
    return [*by_element, *by_row, *by_class, sigmoid_focal(boxes, labels), softmax]


@pytest.mark.parametrize("xla", [False, True])
def test_in_a_graph_equal_to_eager(xla):
    boxes, labels = random_logits(np.random.default_rng(3), 2, 50, 4), np.arange(100).reshape(2, 50) % 5 - 1
    graph = tf.function(all_losses, jit_compile=xla)(tf.constant(boxes), tf.constant(labels))
    for eager, compiled in zip(all_losses(boxes, labels), graph, strict=True):
        np.testing.assert_allclose(eager, compiled, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("xla", [False, True])
def test_no_boxes(xla):
    losses = tf.function(all_losses, jit_compile=xla)(tf.zeros([2, 0, 4]), tf.zeros([2, 0], tf.int32))
    assert [loss.shape for loss in losses] == [(2, 0, 4)] * 4 + [(2, 0)] * 8


def test_classes_that_were_not_looked_for_do_not_count_by_hand():
    """Each class of a logit of 0 costs the same; of three, class 1 was not looked for."""
    logits, looked_for, log2 = [[0.0, 0.0, 0.0]] * 3, [[True, False, True]], math.log(2)
    labels = [-1, 0, 1]  # background; a class that was looked for; one that is annotated all the same
    quality = [1.0, 1.0, 1.0]
    with uncompiled():
        focal = sigmoid_focal(logits, labels, looked_for=looked_for)
        of_quality = quality_focal(logits, labels, quality, looked_for=looked_for)
        varied = varifocal(logits, labels, quality, looked_for=looked_for)
    yes, no = 0.25 / 4 * log2, 0.75 / 4 * log2
    np.testing.assert_allclose(focal, [2 * no, yes + no, 2 * no + yes], rtol=1e-6)
    np.testing.assert_allclose(of_quality, [log2 / 2, log2 / 2, 3 * log2 / 4], rtol=1e-6)
    np.testing.assert_allclose(varied, [2 * no, log2 + no, 2 * no + log2], rtol=1e-6)


@pytest.mark.parametrize("loss", [sigmoid_focal, quality_focal, varifocal])
def test_focal_losses_of_classes_that_were_looked_for_are_those_of_these_columns_alone(loss):
    rng = np.random.default_rng(3)
    logits, labels = tf.constant(random_logits(rng, 2, 50, 4)), rng.integers(-1, 2, (2, 50))
    quality = () if loss is sigmoid_focal else (rng.uniform(0, 1, (2, 50)).astype(np.float32),)
    with uncompiled(), tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        partly = loss(logits, labels, *quality, looked_for=[[[True, True, False, False]]])
        alone = loss(logits[..., :2], labels, *quality)
        complete = loss(logits, labels, *quality, looked_for=np.ones([2, 1, 4], bool))
        unstated = loss(logits, labels, *quality)
    np.testing.assert_allclose(partly, alone, rtol=1e-6)
    np.testing.assert_array_equal(complete, unstated)
    np.testing.assert_allclose(tape.gradient(partly, logits), tape.gradient(alone, logits), rtol=1e-6, atol=1e-8)
    assert not np.any(tape.gradient(partly, logits)[..., 2:])


def test_softmax_with_classes_that_were_not_looked_for_by_hand():
    """Of four equal logits, class 1 was not looked for: what is background is one of two."""
    logits, looked_for = [[0.0, 0.0, 0.0, 0.0]] * 3, [[True, False, True]]
    losses = softmax_cross_entropy(logits, [-1, 0, 1], looked_for)
    np.testing.assert_allclose(losses, [math.log(2), math.log(4), math.log(4)], rtol=1e-6)
    np.testing.assert_allclose(softmax_cross_entropy([[1.0, 2.0, 3.0, 0.0]], [-1], [[False] * 3]), [0], atol=1e-6)


def test_background_takes_nothing_from_classes_that_were_not_looked_for():
    """Probabilities are 0.1 to 0.4, and class 1 is unknown: a gradient is p less its share of what may be, 0.6."""
    logits = tf.math.log(tf.constant([[1.0, 2.0, 3.0, 4.0]]))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = softmax_cross_entropy(logits, [-1], [[True, False, True]])
    np.testing.assert_allclose(loss, [-math.log(0.6)], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, logits), [[0.1, 0.2 - 2 / 6, 0.3, 0.4 - 4 / 6]], atol=1e-6)
    rng = np.random.default_rng(4)
    logits, labels = random_logits(rng, 50, 4), rng.integers(-1, 3, 50)
    complete = softmax_cross_entropy(logits, labels, np.ones([1, 3], bool))
    np.testing.assert_allclose(complete, softmax_cross_entropy(logits, labels), rtol=1e-4, atol=1e-5)


def test_absence_by_hand():
    """Objectness 3/4: where an object is of an unknown class with probability 1/3, absence has probability 1/2."""
    logits = tf.constant([math.log(3)] * 3)
    not_looked_for = np.float32([math.log(1 / 3), -math.inf, 0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = absence_loss(logits, not_looked_for)
    np.testing.assert_allclose(losses, [math.log(2), math.log(4), 0], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(tape.gradient(losses, logits), [0.75 * 2 / 3 * 0.25 / 0.5, 0.75, 0], rtol=1e-6)


def test_absence_is_finite():
    logits = np.float32([-100, -1, 0, 1, 100])
    for not_looked_for in (-math.inf, -100.0, -1.0, 0.0):
        assert np.isfinite(absence_loss(logits, np.float32([not_looked_for] * 5))).all()

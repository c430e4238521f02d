"""Losses of scores compared with numbers worked by hand, with plain loops and with each other."""

import math

import numpy as np
import pytest
import tensorflow as tf
from uncompiled import uncompiled

from detect.ops.losses import varifocal
from detect.ops.score_losses import held_varifocal, iou_aware_cross_entropy, matchability_aware

LOSSES = (held_varifocal, matchability_aware, iou_aware_cross_entropy)
LOG2 = math.log(2)


@pytest.fixture(autouse=True)
def one_by_one(request):
    """Compile operations only for the comparisons with loops: it takes long."""
    if "loop" in request.node.name:
        yield
        return
    with uncompiled():
        yield


def random_answers(rng, count, classes):
    """Draw logits, labels and qualities, some of which are 0 or 1."""
    quality = np.clip(rng.uniform(-0.2, 1.2, count), 0, 1).astype(np.float32)
    logits = rng.normal(0, 4, (count, classes)).astype(np.float32)
    return logits, rng.integers(-1, classes, count), quality


def value_and_gradient(loss, logits, *answers, **options):
    logits = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = loss(logits, *answers, **options)
    return losses, tape.gradient(losses, logits)


def test_by_hand():
    """Scores are 1/2, so that each cross-entropy is log(2); the quality of the match is 1/4."""
    logits, labels, quality = [[0.0, 0.0]] * 2, [1, -1], [0.25, 0.25]
    losses = held_varifocal(logits, labels, quality)
    np.testing.assert_allclose(losses, [(1 / 4 + 0.75 / 4) * LOG2, 2 * 0.75 / 4 * LOG2], rtol=1e-6)
    losses = matchability_aware(logits, labels, quality, gamma=2.0)
    np.testing.assert_allclose(losses, [(1 + 1 / 4) * LOG2, 2 / 4 * LOG2], rtol=1e-6)
    losses = iou_aware_cross_entropy(logits, labels, quality)
    np.testing.assert_allclose(losses, [(1 + 1 / 4) * LOG2, 2 / 4 * LOG2], rtol=1e-6)


def test_gradients_by_hand():
    """Of the class of the label: weight times score less target; of others, score 1/2, what the docstrings say."""
    answers = [[0.0, 0.0]], [1], [0.25]
    _, gradient = value_and_gradient(held_varifocal, *answers)
    np.testing.assert_allclose(gradient, [[0.75 / 4 / 2, (1 / 2 - 1 / 4) / 4]], rtol=1e-6)
    _, gradient = value_and_gradient(matchability_aware, *answers)  # 1/4 ** 1.5 is 1/8
    np.testing.assert_allclose(gradient, [[0.5**1.5 / 2, 1 / 2 - 1 / 8]], rtol=1e-6)
    _, gradient = value_and_gradient(iou_aware_cross_entropy, *answers)
    target = 0.5**0.25 * 0.25**0.75
    np.testing.assert_allclose(gradient, [[1 / 4 * (2 / 2 * LOG2 + 1 / 2), 1 / 2 - target]], rtol=1e-6)


def test_a_match_of_quality_0_costs_nothing_or_is_unlearned():
    answers = [[math.log(3)]], [0], [0.0]  # score 3/4
    losses, gradient = value_and_gradient(held_varifocal, *answers)
    np.testing.assert_array_equal([losses[0], gradient[0, 0]], [0, 0])
    losses, gradient = value_and_gradient(matchability_aware, *answers)
    np.testing.assert_allclose([losses[0], gradient[0, 0]], [math.log(4), 3 / 4], rtol=1e-6)
    losses, gradient = value_and_gradient(iou_aware_cross_entropy, *answers)  # the least quality
    expected = 0.01 * math.log(4 / 3) + 0.99 * math.log(4)
    np.testing.assert_allclose([losses[0], gradient[0, 0]], [expected, 3 / 4 - 0.01], rtol=1e-6)


def one_loss(name, logits, label, quality):
    total = 0.0
    for k, logit in enumerate(np.float64(logits)):
        score = 1 / (1 + math.exp(-logit))
        if k != label:
            alpha, gamma = {"held_varifocal": (0.75, 2), "matchability_aware": (1, 1.5)}.get(name, (1, 2))
            total -= alpha * score**gamma * math.log(1 - score)
            continue
        weight, target = {
            "held_varifocal": (quality, quality),
            "matchability_aware": (1, quality**1.5),
            "iou_aware_cross_entropy": (1, max(score**0.25 * quality**0.75, 0.01)),
        }[name]
        total -= weight * (target * math.log(score) + (1 - target) * math.log(1 - score))
    return total


@pytest.mark.parametrize("loss", LOSSES)
def test_equal_to_loops(loss):
    answers = random_answers(np.random.default_rng(0), 500, 3)
    expected = [one_loss(loss.__name__, *row) for row in zip(*answers, strict=True)]
    np.testing.assert_allclose(loss(*answers), expected, rtol=1e-4, atol=1e-6)


def test_held_varifocal_has_the_value_of_varifocal_but_not_its_gradient():
    logits, labels, _ = random_answers(np.random.default_rng(1), 100, 3)
    quality = np.full(100, 0.3, np.float32)
    held, of_held = value_and_gradient(held_varifocal, logits, labels, quality)
    free, of_free = value_and_gradient(varifocal, logits, labels, quality)
    np.testing.assert_allclose(held, free, rtol=1e-5)
    own = np.arange(3) == labels[:, None]
    np.testing.assert_allclose(of_held[own], of_free[own], rtol=1e-5)
    assert np.all(np.abs(of_held[~own]) < np.abs(of_free[~own]))


@pytest.mark.parametrize("loss", LOSSES)
def test_classes_that_were_not_looked_for_do_not_count(loss):
    """As if these columns were not there, unless they are that of the label."""
    logits, labels, quality = random_answers(np.random.default_rng(2), 50, 4)
    labels = np.minimum(labels, 1)
    partly, gradient = value_and_gradient(loss, logits, labels, quality, looked_for=[[True, True, False, False]])
    alone, of_alone = value_and_gradient(loss, logits[:, :2], labels, quality)
    annotated = loss(logits[:1], [3], quality[:1], looked_for=[[False] * 4])
    only = loss(logits[:1, 3:], [0], quality[:1])
    np.testing.assert_allclose(partly, alone, rtol=1e-6)
    np.testing.assert_allclose(gradient[:, :2], of_alone, rtol=1e-6)
    assert not np.any(gradient[:, 2:])
    np.testing.assert_allclose(annotated, only, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_extreme_logits_give_finite_losses_and_gradients(loss, dtype):
    logits = tf.cast([[-1e4, -100.0, 0.0, 100.0, 1e4]] * 6, dtype)
    losses, gradient = value_and_gradient(loss, logits, tf.range(-1, 5), tf.linspace(0.0, 1.0, 6))
    assert losses.dtype == dtype
    assert np.isfinite(tf.cast(losses, tf.float32)).all()
    assert np.isfinite(tf.cast(gradient, tf.float32)).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_no_queries(loss):
    assert loss(tf.zeros([2, 0, 3]), tf.zeros([2, 0], tf.int32), tf.zeros([2, 0])).shape == (2, 0)

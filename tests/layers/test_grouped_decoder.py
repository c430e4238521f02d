"""The queries of RF-DETR: their boxes and codes by hand, their choice as a loop, and groups that ignore each other."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.layers.grouped_decoder import (
    GroupedDecoder,
    GroupedDense,
    GroupedNormalization,
    GroupedSelection,
    box_codes,
    refined,
)
from detect.layers.query_selection import cell_boxes

CHANNELS, CLASSES, QUERIES, GROUPS = 8, 3, 5, 3


@pytest.fixture(scope="module")
def memory() -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).normal(size=(2, 12, CHANNELS)), tf.float32)


@pytest.fixture(scope="module")
def selection(memory) -> GroupedSelection:
    """Weights are random, those of the boxes too."""
    layer = GroupedSelection(CHANNELS, CLASSES, QUERIES, GROUPS)
    layer(memory, height=3, width=4, groups=1)
    return shaken(layer)


@pytest.fixture(scope="module")
def decoder(memory) -> GroupedDecoder:
    layer = GroupedDecoder(
        CHANNELS,
        CLASSES,
        layers=2,
        heads=2,
        sampling_heads=4,
        hidden=16,
        points=2,
        queries=QUERIES,
        groups=GROUPS,
    )
    layer(memory, sizes=[(3, 4)], boxes=tf.zeros([2, QUERIES, 4]), groups=1)
    return shaken(layer)


def shaken(layer: keras.layers.Layer) -> keras.layers.Layer:
    random = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign_add(random.normal(0, 0.3, weight.shape))
    return layer


def test_boxes_are_refined_by_hand():
    """The centre moves by so many sides, the sides are multiplied by exp(delta)."""
    boxes = refined(tf.constant([[0.5, 0.25, 0.2, 0.4]]), tf.constant([[1.0, -0.5, np.log(2), 0.0]], tf.float32))
    np.testing.assert_allclose(boxes, [[0.7, 0.05, 0.4, 0.4]], rtol=1e-6)


def test_cells_by_hand():
    np.testing.assert_allclose(cell_boxes(1, 2), [[0.25, 0.5, 0.05, 0.05], [0.75, 0.5, 0.05, 0.05]])


def test_codes_of_boxes_by_hand():
    """With 4 channels of each number, the angles are 2 pi and 2 pi / 100 times y, x, width and height."""
    codes = box_codes(tf.constant([[0.25, 0.5, 0.0, 1.0]]), 4)[0]
    expected = []
    for number in (0.5, 0.25, 0.0, 1.0):
        for angle in (2 * np.pi * number, 2 * np.pi * number / 100):
            expected += [np.sin(angle), np.cos(angle)]
    np.testing.assert_allclose(codes, expected, atol=1e-5)


def test_each_group_has_weights_of_its_own():
    random = np.random.default_rng(2)
    layer = GroupedDense(4, groups=3, bias_initializer="ones")
    inputs = random.normal(size=(3, 6, 5)).astype(np.float32)
    outputs = layer(inputs, groups=3)
    for group in range(3):
        np.testing.assert_allclose(outputs[group], inputs[group] @ layer.kernel[group].numpy() + 1, rtol=1e-5)
    of_all = layer(inputs[:1], groups=2)
    np.testing.assert_allclose(of_all[1], inputs[0] @ layer.kernel[1].numpy() + 1, rtol=1e-5)


def test_kernels_of_many_groups_are_as_large_as_that_of_one():
    keras.utils.set_random_seed(0)
    many, one = GroupedDense(64, groups=13), keras.layers.Dense(64)
    many(tf.zeros([1, 1, 64]), groups=1)
    one(tf.zeros([1, 64]))
    assert np.std(many.kernel) == pytest.approx(np.std(one.kernel), rel=0.05)


def test_normalisation_of_a_group_by_hand():
    layer = GroupedNormalization(groups=2)
    values = np.float32([[[1, 3]], [[5, 5]]])
    np.testing.assert_allclose(layer(values, groups=2), [[[-1, 1]], [[0, 0]]], atol=1e-5)
    layer.gamma.assign([[[1, 1]], [[1, 1]]])
    layer.beta.assign([[[0, 0]], [[2, 3]]])
    np.testing.assert_allclose(layer(values, groups=2), [[[-1, 1]], [[2, 3]]], atol=1e-5)


def test_the_best_tokens_are_chosen_for_each_image_and_group(selection, memory):
    found = selection(memory, height=3, width=4, groups=GROUPS)
    assert found.class_logits.shape == (2, GROUPS * QUERIES, CLASSES)
    cells = cell_boxes(3, 4).astype(np.float32)
    for group in range(GROUPS):
        for image in range(2):
            tokens = memory[image].numpy() @ selection.projection.kernel[group].numpy()
            tokens += selection.projection.bias[group].numpy()
            tokens = (tokens - tokens.mean(-1, keepdims=True)) / np.sqrt(tokens.var(-1, keepdims=True) + 1e-5)
            tokens = tokens * selection.normalization.gamma[group].numpy() + selection.normalization.beta[group].numpy()
            logits = tokens @ selection.class_logits.kernel[group].numpy() + selection.class_logits.bias[group].numpy()
            hidden = tokens
            for layer in (selection.box0, selection.box1):
                hidden = np.maximum(hidden @ layer.kernel[group].numpy() + layer.bias[group].numpy(), 0)
            deltas = hidden @ selection.box2.kernel[group].numpy() + selection.box2.bias[group].numpy()
            best = np.argsort(-logits.max(-1))[:QUERIES]
            place = slice(group * QUERIES, (group + 1) * QUERIES)
            np.testing.assert_allclose(found.class_logits[image, place], logits[best], atol=1e-4)
            np.testing.assert_allclose(found.boxes[image, place], refined(cells[best], deltas[best]), atol=1e-4)


def test_the_first_group_chooses_the_same_alone(selection, memory):
    alone, together = (selection(memory, height=3, width=4, groups=groups) for groups in (1, GROUPS))
    for one, all_groups in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, all_groups[:, :QUERIES], atol=1e-5)


def test_a_small_image_has_fewer_queries(selection, memory):
    assert selection(memory[:, :4], height=2, width=2, groups=2).boxes.shape == (2, 2 * 4, 4)


def test_tokens_at_the_border_of_a_large_image_are_not_chosen():
    """Of 1 x 64 tokens, the centre of the first and of the last are nearer than 0.01 to the border."""
    layer = GroupedSelection(CHANNELS, CLASSES, queries=64, groups=1)
    found = layer(tf.ones([1, 64, CHANNELS]), height=1, width=64, groups=1)
    np.testing.assert_allclose(np.sort(found.boxes[0, :, 0]), (np.arange(1, 63) + 0.5) / 64, atol=1e-6)


def test_groups_do_not_see_each_other(decoder, memory):
    """The answers of the first group are those that it gives alone; other boxes change only those of their group."""
    boxes = tf.constant(np.random.default_rng(3).uniform(0.2, 0.8, (2, GROUPS * QUERIES, 4)), tf.float32)
    together = decoder(memory, sizes=[(3, 4)], boxes=boxes, groups=GROUPS)
    alone = decoder(memory, sizes=[(3, 4)], boxes=boxes[:, :QUERIES], groups=1)
    assert together.boxes.shape == (2, 2, GROUPS * QUERIES, 4)
    for one, all_groups in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, all_groups[:, :, :QUERIES], atol=1e-5)
    moved = tf.concat([boxes[:, :QUERIES], boxes[:, QUERIES:] + 0.1], axis=1)
    again = decoder(memory, sizes=[(3, 4)], boxes=moved, groups=GROUPS)
    same = np.abs(again.class_logits - together.class_logits).max(axis=(0, 1, 3)) < 1e-5
    assert same.tolist() == [True] * QUERIES + [False] * (GROUPS - 1) * QUERIES


def test_no_gradient_flows_to_the_chosen_boxes(decoder, memory):
    boxes = tf.fill([2, QUERIES, 4], 0.4)
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        answers = decoder(memory, sizes=[(3, 4)], boxes=boxes, groups=1)
        loss = tf.reduce_sum(answers.boxes) + tf.reduce_sum(answers.class_logits)
    assert tape.gradient(loss, boxes) is None

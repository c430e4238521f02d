"""EfficientDet: anchors, losses and boxes worked by hand and compared with the authors' code; published sizes."""

import math

import numpy as np
import pytest
import tensorflow as tf
from written_targets import sizes

from detect import models
from detect.models.efficientdet import LITE_RATIOS, RATIOS, Config, EfficientDet, octave_anchors
from detect.structures import Targets

SIDE = 64  # pixels: 9 anchors in each of 64, 16, 4, 1 and 1 cells
ANCHORS = 9 * (64 + 16 + 4 + 1 + 1)
LN2 = np.log(2)
SMALL = {"width": 0.25, "depth": 0.3, "filters": 16, "cells": 1, "layers": 1}


@pytest.fixture(scope="module")
def detector() -> EfficientDet:
    """A detector without weights, which loss and decoding do not need."""
    return EfficientDet(Config(), classes=3)


def raw(logits=0.0, deltas=0.0, height=SIDE, width=SIDE) -> dict:
    """Return outputs for one image, the same for every anchor unless arrays are given."""
    count = len(octave_anchors(height, width, 5, 4.0, RATIOS))
    logits = np.array(np.broadcast_to(np.float32(logits), [1, count, 3]))
    deltas = np.array(np.broadcast_to(np.float32(deltas), [1, count, 4]))
    return {"logits": tf.constant(logits), "deltas": tf.constant(deltas), **sizes(height, width)}


def truth(*boxes: tuple[list[float], int, bool]) -> Targets:
    """Return the targets of one image, padded to one more row than needed."""
    padded = [*boxes, ([0, 0, 0, 0], -1, False)]
    coordinates, labels, ignore = zip(*padded, strict=True)
    return Targets(tf.constant([coordinates], tf.float32), tf.constant([labels]), tf.constant([ignore]))


def test_anchors_lie_around_the_centres_of_cells():
    """Anchors are 4 cells wide at the first octave. Within a cell they are ordered by octave, then by ratio."""
    anchors = octave_anchors(SIDE, SIDE, 5, 4.0, RATIOS)
    assert anchors.shape == (ANCHORS, 4)
    np.testing.assert_allclose(anchors[0], [4 - 16, 4 - 16, 4 + 16, 4 + 16])
    np.testing.assert_allclose(anchors[1], [4 - 22.4, 4 - 11.2, 4 + 22.4, 4 + 11.2], rtol=1e-6)
    np.testing.assert_allclose(anchors[5], np.array([-0.7, -1.4, 0.7, 1.4]) * 16 * 2 ** (1 / 3) + 4, rtol=1e-6)
    np.testing.assert_allclose(anchors[9], [12 - 16, 4 - 16, 12 + 16, 4 + 16])  # the next cell of the row
    np.testing.assert_allclose(anchors[-9], [32 - 128, 32 - 128, 32 + 128, 32 + 128])  # one cell of 64 pixels


def test_cells_are_spread_over_the_image_where_its_side_is_no_multiple_of_them():
    """Lite0's 320 pixels make 40, 20, 10, 5 and 3 cells; a cell of the last level is 106.7 pixels wide."""
    anchors = octave_anchors(320, 320, 5, 3.0, LITE_RATIOS)
    assert len(anchors) == 9 * (1600 + 400 + 100 + 25 + 9)
    cell = 320 / 3
    np.testing.assert_allclose(anchors[-9], np.array([-1.5, -1.5, 1.5, 1.5]) * cell + 2.5 * cell, rtol=1e-6)
    tall = octave_anchors(96, 64, 5, 4.0, RATIOS)[
        -27:-18
    ]  # before the one cell of the last level, two of 64 x 48 pixels
    np.testing.assert_allclose(tall[0, 2:] - tall[0, :2], [4 * 64, 4 * 48])


@pytest.mark.parametrize("graph", [False, True])
def test_losses_are_the_authors(detector, graph):
    """Losses recorded of https://github.com/google/automl at 6a54c87, TensorFlow 2.21.

    They are those of `EfficientDetNetTrain._detection_loss` with the targets of its `AnchorLabeler`; the box loss times
    50.
    """
    random = np.random.RandomState(2)
    count = 9 * (96 + 24 + 6 + 2 + 1)
    logits, deltas = random.standard_normal([1, count, 3]) - 2, random.standard_normal([1, count, 4]) * 0.2
    outputs = raw(logits, deltas, height=64, width=96)
    boxes = [([4, 6, 40, 30], 2), ([20, 25, 60, 62], 0), ([3, 36, 20.5, 61.5], 1), ([50, 10, 90, 40], 0)]
    targets = truth(*((box, label, False) for box, label in boxes))

    def loss(logits, deltas):
        return detector.loss({**outputs, "logits": logits, "deltas": deltas}, targets)

    losses = (tf.function(loss, autograph=False) if graph else loss)(outputs["logits"], outputs["deltas"])
    assert float(losses["class"]) == pytest.approx(1.6253236532211304, rel=1e-5)
    assert float(losses["box"]) == pytest.approx(1.0320430621504784, rel=1e-5)


def iou(a, b) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(0, width) * max(0, height)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def match(anchors, boxes) -> list[int]:
    """Return, for each anchor, a position in `boxes` or -1 for background. Each box has its best anchor."""
    ious = np.array([[iou(anchor, box) for box in boxes] for anchor in anchors])
    matches = [int(row.argmax()) if row.max() >= 0.5 else -1 for row in ious]
    for position in range(len(boxes)):
        matches[int(ious[:, position].argmax())] = position
    return matches


def slow_losses(logits, deltas, boxes, labels) -> tuple[float, float]:
    """Return class and box loss, anchor by anchor (paper, section 5.1; weights as in `hparams_config.py`)."""
    anchors = octave_anchors(SIDE, SIDE, 5, 4.0, RATIOS).astype(np.float64)
    class_loss = box_loss = 0.0
    matches = match(anchors, boxes)
    for position, (anchor, found) in enumerate(zip(anchors, matches, strict=True)):
        for label, logit in enumerate(logits[position]):
            yes = 1 / (1 + np.exp(-logit))
            if found >= 0 and labels[found] == label:
                class_loss -= 0.25 * (1 - yes) ** 1.5 * np.log(yes)
            else:
                class_loss -= 0.75 * yes**1.5 * np.log(1 - yes)
        for axis in (0, 1) if found >= 0 else ():
            box, side = boxes[found], anchor[axis + 2] - anchor[axis]
            shift = (box[axis + 2] + box[axis] - anchor[axis + 2] - anchor[axis]) / 2 / side
            growth = math.log((box[axis + 2] - box[axis]) / side)
            for error in (abs(deltas[position, axis] - shift), abs(deltas[position, axis + 2] - growth)):
                box_loss += error**2 / 2 if error <= 0.1 else 0.1 * (error - 0.05)
    count = sum(found >= 0 for found in matches) + 1
    return class_loss / count, 50 * box_loss / 4 / count


def drawn_box(random: np.random.Generator) -> list[float]:
    """Draw a box that one anchor clearly overlaps more than all others, so that rounding does not decide which."""
    while True:
        corner, sides = random.uniform(-10, 30, 2), random.uniform(24, 50, 2)
        box = [*corner, *(corner + sides)]
        best, second = sorted(
            (iou(anchor, box) for anchor in octave_anchors(SIDE, SIDE, 5, 4.0, RATIOS)), reverse=True
        )[:2]
        if best > second + 1e-4:
            return box


def test_losses_are_those_of_plain_loops(detector):
    random = np.random.default_rng(0)
    for _ in range(3):
        boxes, labels = [drawn_box(random) for _ in range(3)], random.integers(0, 3, 3)
        outputs = raw(random.normal(-2, 1, [1, ANCHORS, 3]), random.normal(0, 0.2, [1, ANCHORS, 4]))
        losses = detector.loss(outputs, truth(*((box, label, False) for box, label in zip(boxes, labels, strict=True))))
        logits, deltas = (outputs[name][0].numpy().astype(float) for name in ("logits", "deltas"))
        expected = slow_losses(logits, deltas, boxes, labels)
        assert (float(losses["class"]), float(losses["box"])) == pytest.approx(expected, rel=1e-4)


def test_without_boxes_everything_is_background(detector):
    losses = detector.loss(raw(), truth())
    assert float(losses["class"]) == pytest.approx(ANCHORS * 3 * 0.75 * 0.5**1.5 * LN2, rel=1e-5)  # divided by 0 + 1
    assert float(losses["box"]) == 0


def test_an_ignored_region_is_no_background(detector):
    everything = truth(([-1e4, -1e4, 1e4, 1e4], 0, True))
    assert sum(map(float, detector.loss(raw(), everything).values())) == 0


def sure_anchor() -> tuple[np.ndarray, int]:
    """Return logits of scores near 0, and the position of the anchor (4, 12, 36, 44)."""
    wanted = [4, 12, 36, 44]
    position = next(
        row for row, anchor in enumerate(octave_anchors(SIDE, SIDE, 5, 4.0, RATIOS)) if list(anchor) == wanted
    )
    return np.full([1, ANCHORS, 3], -20.0), position


def test_one_sure_anchor_becomes_one_box(detector):
    logits, position = sure_anchor()
    logits[0, position, 2] = np.log(4)  # a score of 0.8
    deltas = np.zeros([1, ANCHORS, 4])
    deltas[0, position] = [0.5, 0, np.log(2), 0]  # 16 pixels to the right, twice as wide: 4 to 68, clipped at 64
    found = detector.decode(raw(logits, deltas))
    np.testing.assert_allclose(found.boxes[0, 0], [4, 12, 64, 44], atol=1e-4)
    assert float(found.scores[0, 0]) == pytest.approx(0.8)
    np.testing.assert_array_equal(found.labels[0, :2], [2, -1])


def test_scores_of_overlapping_boxes_are_lowered(detector):
    """The next anchor, moved back onto the first, is lowered by exp(-1 / 0.5), but not where its class differs."""
    logits, position = sure_anchor()
    logits[0, position, 2], logits[0, position + 9, 2], logits[0, position + 9, 0] = np.log(4), np.log(3), 0
    deltas = np.zeros([1, ANCHORS, 4])
    deltas[0, position + 9, 0] = -8 / 32
    found = detector.decode(raw(logits, deltas))
    np.testing.assert_allclose(found.scores[0, :3], [0.8, 0.5, 0.75 * np.exp(-2)], rtol=1e-5)
    np.testing.assert_array_equal(found.labels[0, :4], [2, 0, 2, -1])


def test_boxes_are_cut_to_the_image_after_suppression(detector):
    """Two boxes that agree only within the image: one of 32 x 32 pixels, and one twice as wide that starts outside."""
    logits, position = sure_anchor()
    logits[0, position, 1], logits[0, position + 9, 1] = np.log(4), np.log(3)
    deltas = np.zeros([1, ANCHORS, 4])
    deltas[0, position, :] = [-4 / 32, 0, 0, 0]  # 0 to 32
    deltas[0, position + 9, :] = [-28 / 32, 0, np.log(2), 0]  # -32 to 32: an IoU of 1/2
    found = detector.decode(raw(logits, deltas))
    np.testing.assert_allclose(found.boxes[0, :2], [[0, 12, 32, 44]] * 2, atol=1e-4)
    np.testing.assert_allclose(found.scores[0, :2], [0.8, 0.75 * np.exp(-0.25 / 0.5)], rtol=1e-5)


def test_confidence_can_be_given_when_decoding(detector):
    outputs = raw(np.log(4))
    assert np.any(detector.decode(outputs, confidence=0.79).labels.numpy() >= 0)
    assert np.all(detector.decode(outputs, confidence=tf.constant(0.81)).labels.numpy() == -1)


def test_channels_of_the_heads_are_anchor_by_anchor():
    detector = models.create("efficientdet-d0", 3, **SMALL)
    detector.class_head.last.pointwise_kernel.assign(np.zeros([1, 1, 16, 27]))
    detector.class_head.last.bias.assign(np.arange(27))
    detector.box_head.last.pointwise_kernel.assign(np.zeros([1, 1, 16, 36]))
    detector.box_head.last.bias.assign(np.arange(36))
    outputs = detector(np.zeros([1, SIDE, SIDE, 3], np.uint8))
    np.testing.assert_array_equal(outputs["logits"][0], np.tile(np.arange(27).reshape(9, 3), [ANCHORS // 9, 1]))
    np.testing.assert_array_equal(outputs["deltas"][0], np.tile(np.arange(36).reshape(9, 4), [ANCHORS // 9, 1]))


def test_levels_share_filters_and_have_their_own_normalisations():
    """With a normalisation that returns zeros, the outputs of that level, and of no other, are the bias."""
    detector = models.create("efficientdet-d0", 3, **SMALL)
    head = detector.box_head
    assert [layer.name for layer in head.normalizations] == [f"normalization0_p{level}" for level in range(3, 8)]
    head.normalizations[1].gamma.assign(np.zeros(16))
    deltas = detector(np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3)).astype(np.uint8))["deltas"][0]
    level3, level4, rest = tf.split(deltas, [9 * 64, 9 * 16, -1])
    assert np.any(level3)
    assert not np.any(level4)
    assert np.any(rest)


def test_blocks_are_left_out_in_training_alone():
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3)), tf.uint8)
    detector = models.create("efficientdet-d1", 3, **{**SMALL, "depth": 2.0})
    one, two = (detector(images, training=True)["deltas"] for _ in range(2))
    assert np.any(one != two)
    one, two = (detector(images)["deltas"] for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_multiply_adds_are_the_published_ones_by_the_authors_counter():
    """The authors count half of what TensorFlow's profiler does, which includes activations, for 90 classes."""
    row, detector = models.variant("efficientdet-d0"), models.create("efficientdet-d0", 90)

    @tf.function(autograph=False)
    def network(images):
        outputs = detector(images)
        return outputs["logits"], outputs["deltas"]

    graph = network.get_concrete_function(tf.TensorSpec([1, row.image_size, row.image_size, 3], tf.uint8)).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    counted = tf.compat.v1.profiler.profile(graph, options={**options, "output": "none"}).total_float_ops
    assert counted / 2e9 == pytest.approx(row.multiply_adds, rel=0.01)
    assert sum(math.prod(weight.shape) for weight in detector.trainable_weights) == 3_880_067

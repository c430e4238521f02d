"""SSD: parts by hand, losses and boxes compared with torchvision's, losses of random cases with plain loops."""

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from written_targets import sizes, truth

from detect.models.multibox import WEIGHTS, multibox_losses
from detect.models.ssd import RATIOS, SCALES, SSD, STEPS, Config, HeadLevel, Rescale, map_sizes
from detect.ops.default_boxes import default_boxes

GRIDS = ((38, 38), (19, 19), (10, 10), (5, 5), (3, 3), (1, 1))
SIDE, ANCHORS = 300, 8732


@pytest.fixture(scope="module")
def detector() -> SSD:
    """A detector without weights, which loss and decoding do not need."""
    return SSD(Config(), classes=3)


def raw() -> dict:
    """Draw outputs for three classes, from which torchvision's results were recorded."""
    random = np.random.RandomState(2)
    logits = (random.standard_normal([1, ANCHORS, 4]) * 2).astype(np.float32)
    deltas = random.standard_normal([1, ANCHORS, 4]).astype(np.float32)
    return {"logits": tf.constant(logits), "deltas": tf.constant(deltas), **sizes(SIDE, SIDE)}


@pytest.mark.parametrize("size", [(SIDE, SIDE), (301, 339), (SIDE, 358)])
def test_maps_have_the_sizes_that_the_default_boxes_are_for(size):
    detector = SSD(Config(width=0.125), classes=3)
    outputs = detector(np.zeros([1, *size, 3], np.uint8))
    boxes = len(default_boxes(*size, map_sizes(*size), SCALES, RATIOS, STEPS))
    assert outputs["logits"].shape == (1, boxes, 4)
    assert outputs["deltas"].shape == (1, boxes, 4)


def test_maps_of_300_pixels():
    assert map_sizes(SIDE, SIDE) == GRIDS
    assert map_sizes(SIDE, 320) == ((38, 40), (19, 20), (10, 10), (5, 5), (3, 3), (1, 1))


def test_rescaled_features_have_the_length_of_the_scale():
    layer = Rescale()
    features = tf.constant([[[[3.0, 4.0], [0.0, 0.0], [-0.5, 0.0]]]])
    np.testing.assert_allclose(layer(features), [[[[12, 16], [0, 0], [-20, 0]]]], rtol=1e-6)
    layer.scale.assign([1, 2])
    np.testing.assert_allclose(layer(features)[0, 0, 0], [0.6, 1.6], rtol=1e-6)


def test_channels_of_the_head_are_box_by_box():
    head = HeadLevel(classes=2, boxes=4)
    features = np.zeros([1, 1, 2, 8], np.float32)
    head(features)
    head.class_logits.bias.assign(np.arange(12))
    head.box_deltas.bias.assign(np.arange(16))
    logits, deltas = head(features)
    np.testing.assert_array_equal(logits[0], np.tile(np.arange(12).reshape(4, 3), [2, 1]))
    np.testing.assert_array_equal(deltas[0], np.tile(np.arange(16).reshape(4, 4), [2, 1]))


def test_boxes_are_torchvisions(detector):
    """Boxes recorded of torchvision 0.28.0's `SSD.postprocess_detections` for the same outputs."""
    recorded = np.load(Path(__file__).with_name("torchvision_ssd_boxes.npz"))
    found = detector.decode(raw())
    np.testing.assert_array_equal(found.labels[0], recorded["labels"])
    np.testing.assert_allclose(found.scores[0], recorded["scores"], atol=1e-6)
    np.testing.assert_allclose(found.boxes[0], recorded["boxes"], atol=1e-3)


@pytest.mark.parametrize("graph", [False, True])
def test_losses_are_torchvisions(detector, graph):
    """Losses recorded of torchvision 0.28.0's `SSD.compute_loss` for the same outputs and boxes; 31 are positive."""
    outputs = raw()
    boxes = [[20, 20, 120, 150], [100, 80, 280, 260], [30, 200, 90, 250], [200, 10, 290, 60]]
    targets = truth([(box, label, False) for box, label in zip(boxes, (2, 0, 1, 0), strict=True)])

    def loss(logits, deltas):
        return detector.loss({**outputs, "logits": logits, "deltas": deltas}, targets)

    losses = (tf.function(loss, autograph=False) if graph else loss)(outputs["logits"], outputs["deltas"])
    assert float(losses["class"]) == pytest.approx(29.306299209594727, rel=1e-5)
    assert float(losses["box"]) == pytest.approx(4.191588401794434, rel=1e-5)


def overlap(a, b) -> float:
    """Return the intersection of two boxes, square pixels."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def area(box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def iou(a, b) -> float:
    return overlap(a, b) / (area(a) + area(b) - overlap(a, b))


def match(anchors, boxes) -> list[int]:
    """Return, for each anchor, a position in `boxes`, -1 for background, -2 for neither (paper, section 2.2)."""
    matches = []
    for anchor in anchors:
        ious = [-1 if ignore else iou(anchor, box) for box, _, ignore in boxes]
        hidden = any(ignore and overlap(anchor, box) > area(anchor) / 2 for box, _, ignore in boxes)
        best = max(ious)
        matches.append(ious.index(best) if best >= 0.5 else -2 if hidden else -1)
    for row, (box, _, ignore) in enumerate(boxes):
        if not ignore:
            ious = np.array([iou(anchor, box) for anchor in anchors])
            matches[np.flatnonzero(ious >= ious.max() * (1 - 1e-6))[0]] = row  # the first of equals
    return matches


def deltas_of(anchor, box) -> list[float]:
    """Return what the head should predict: offsets of centres and logarithms of ratios of sides, weighted."""
    found = []
    for axis in (0, 1):
        side, true = anchor[axis + 2] - anchor[axis], box[axis + 2] - box[axis]
        centre, true_centre = (anchor[axis + 2] + anchor[axis]) / 2, (box[axis + 2] + box[axis]) / 2
        found.append(((true_centre - centre) / side * WEIGHTS[0], math.log(true / side) * WEIGHTS[2]))
    return [part[0] for part in found] + [part[1] for part in found]


def loop_losses(logits, deltas, anchors, images) -> tuple[float, float, int]:
    """Return the sums of the two losses and the number of positives, image by image and anchor by anchor."""
    classes = boxes = 0.0
    count = 0
    for image, truths in enumerate(images):
        negatives, positives = [], 0
        for row, found in enumerate(match(anchors, truths)):
            values = np.exp(logits[image, row] - logits[image, row].max())
            surprise = -np.log(values / values.sum())
            if found == -1:
                negatives.append(surprise[-1])
            elif found >= 0:
                positives += 1
                classes += surprise[truths[found][1]]
                for own, true in zip(deltas[image, row], deltas_of(anchors[row], truths[found][0]), strict=True):
                    difference = abs(own - true)
                    boxes += 0.5 * difference**2 if difference < 1 else difference - 0.5
        classes += sum(sorted(negatives, reverse=True)[: 3 * max(positives, 1)])
        count += positives
    return classes, boxes, count


def random_image(random) -> list:
    """Draw up to four boxes or ignored regions, at least one of them a box."""
    image = []
    for _ in range(random.integers(1, 5)):
        x, y, width, height = random.uniform([0, 0, 8, 8], [40, 40, 40, 40])
        image.append(([x, y, x + width, y + height], int(random.integers(3)), bool(image) and random.random() < 0.3))
    return image


def test_losses_are_those_of_plain_loops_on_random_images():
    """Each case has two images with up to four boxes, a third of them ignored regions."""
    random = np.random.default_rng(0)
    anchors = default_boxes(64, 64, ((5, 5), (2, 2)), (0.3, 0.6, 0.9), ((2,), (2, 3)))
    for _ in range(40):
        images = [random_image(random), random_image(random)]
        logits = random.standard_normal([2, len(anchors), 4]).astype(np.float32)
        deltas = random.standard_normal([2, len(anchors), 4]).astype(np.float32)
        classes, boxes, count = loop_losses(logits, deltas, anchors, images)
        options = {"foreground": 0.5, "negatives": 3.0, "class_weights": None, "runtime": "local"}
        found = multibox_losses({"logits": logits, "deltas": deltas}, anchors, truth(*images), **options)
        assert float(found["class"]) == pytest.approx(classes / count, rel=1e-4)
        assert float(found["box"]) == pytest.approx(boxes / count, rel=1e-4)


def test_decode_replaces_its_thresholds(detector):
    outputs = raw()
    assert np.all(detector.decode(outputs, confidence=0.999).scores.numpy()[:, -1] == 0)
    assert np.all(detector.decode(outputs, confidence=tf.constant(1.0)).labels.numpy() == -1)


def test_a_decoded_box_by_hand(detector):
    """One default box of the last map, 300 x 300 pixels times the scale, has class 1."""
    outputs = raw()
    logits, deltas = np.full([1, ANCHORS, 4], -9.0, np.float32), np.zeros([1, ANCHORS, 4], np.float32)
    logits[..., 3] = 9
    logits[0, -4] = [-9, 9, -9, -9]
    deltas[0, -4] = [1, 0, 5 * math.log(0.5), 0]
    found = detector.decode({**outputs, "logits": tf.constant(logits), "deltas": tf.constant(deltas)})
    side = 300 * SCALES[5]
    x = 150 + 0.1 * side
    assert found.labels.numpy()[0, :2].tolist() == [1, -1]
    expected = [x - side / 4, 150 - side / 2, x + side / 4, 150 + side / 2]
    np.testing.assert_allclose(found.boxes[0, 0], expected, rtol=1e-5)


def test_anchors_are_as_many_as_in_the_paper():
    assert len(default_boxes(SIDE, SIDE, GRIDS, SCALES, RATIOS, STEPS)) == ANCHORS

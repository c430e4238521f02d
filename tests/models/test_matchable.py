"""Boxes that each family can match: compared with all of its anchors, and with its own assignment."""

import numpy as np
import pytest
import tensorflow as tf

from detect import models
from detect.models import efficientdet, fasterrcnn, retinanet, ssd, ssdlite
from detect.ops.anchors import anchor_boxes, points
from detect.ops.assignment import sim_ota
from detect.ops.boxes import iou
from detect.ops.default_boxes import default_boxes

SIZE = (320, 352)
RETINANET_SIZES = retinanet.anchor_sizes(retinanet.STRIDES)
ANCHORS = {
    "retinanet-r18": anchor_boxes(*SIZE, retinanet.STRIDES, RETINANET_SIZES, retinanet.RATIOS),
    "fasterrcnn-r18": anchor_boxes(*SIZE, fasterrcnn.RESNET_STRIDES, fasterrcnn.RESNET_SIZES, fasterrcnn.RATIOS),
    "fasterrcnn-mobilenetv3": anchor_boxes(
        *SIZE, fasterrcnn.MOBILENET_STRIDES, fasterrcnn.MOBILENET_SIZES, fasterrcnn.RATIOS
    ),
    "efficientdet-d0": efficientdet.octave_anchors(*SIZE, 5, 4.0, efficientdet.RATIOS),
    "ssd-vgg16": default_boxes(*SIZE, ssd.map_sizes(*SIZE), ssd.SCALES, ssd.RATIOS, ssd.STEPS),
    "ssdlite-mobilenetv3": default_boxes(*SIZE, ssdlite.map_sizes(*SIZE), ssdlite.SCALES, ssdlite.RATIOS),
}


def random_boxes(count: int = 300) -> np.ndarray:
    """Draw boxes within the image, of sides from 2 pixels on."""
    random = np.random.default_rng(0)
    limits = np.array([SIZE[1], SIZE[0]])
    sides = np.exp(random.uniform(np.log(2), np.log(limits), [count, 2]))
    corners = random.uniform(0, limits - sides)
    return np.concatenate([corners, corners + sides], axis=1).astype(np.float32)


@pytest.mark.parametrize("name", ANCHORS)
def test_boxes_that_an_anchor_overlaps_by_half(name):
    boxes = random_boxes()
    found = models.without_weights(name, 2).matchable(boxes, SIZE)
    np.testing.assert_array_equal(found, iou(boxes, ANCHORS[name]).numpy().max(axis=1) >= 0.5)
    assert 0.1 < found.mean() < 0.95


@pytest.mark.parametrize("name", ["fcos-r18", "retinanet-r18"])
def test_boxes_that_atss_matches(name):
    # Around the points of stride 8, at 4, 12, ..., are the anchors of FCOS that overlap small boxes most; around the
    # corners of cells, at 0, 8, ..., those of RetinaNet. A box between them is not matched.
    boxes = np.float32([[2, 2, 7, 7], [9, 9, 11, 11], [7, 7, 9, 9], [10, 10, 50, 50]])
    detector = models.without_weights(name, 2, assignment="atss")
    inside = [True, False, False, True] if name == "fcos-r18" else [False, False, True, True]
    assert detector.matchable(boxes, (64, 64)).tolist() == inside
    assert detector.matchable(boxes[:0], (64, 64)).shape == (0,)


def test_simota_finds_a_candidate_for_every_box():
    boxes = random_boxes(100)
    centres, strides = points(*SIZE, (8, 16, 32))
    count = len(centres)
    raw = tf.zeros([100, count, 4]), tf.zeros([100, count, 2]), tf.zeros([100, count])
    alone = boxes[:, None], np.zeros([100, 1], np.int32), np.zeros([100, 1], bool)
    assigned = sim_ota(*raw, centres, strides, *alone)
    assert assigned.foreground.numpy().any(axis=1).all()
    assert models.without_weights("yolox-micro", 2).matchable(boxes, SIZE).all()


def test_a_foreground_that_is_set_counts():
    box = np.float32([[0, 0, 40, 40]])  # shares 40 x 20 of the anchor [-20, -20, 20, 20], and all of none
    overlap = iou(box, anchor_boxes(64, 64, retinanet.STRIDES, RETINANET_SIZES, retinanet.RATIOS)).numpy().max()
    for foreground in (overlap - 0.01, overlap + 0.01):
        detector = models.without_weights("retinanet-r18", 2, foreground=float(foreground))
        assert detector.matchable(box, (64, 64)) == [foreground < overlap]

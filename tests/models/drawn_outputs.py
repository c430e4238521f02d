"""Light models of every family, and outputs that are drawn for them instead of computed, for tests of their losses."""

import numpy as np
import tensorflow as tf
from written_targets import sizes, truth

from detect.models import efficientdet, fasterrcnn, fcos, retinanet, ssdlite, yolox
from detect.models.detector import Detector
from detect.ops.proposals import Regions

SIDE, CLASSES, REGIONS = 64, 3, 8
BOXES = [4, 6, 40, 50], [20, 15, 60, 60]  # of class 0 in image 0, of class 2 in image 1
TRUTH = truth([(BOXES[0], 0, False)], [(BOXES[1], 2, False)])
MADE: dict[str, Detector] = {
    "retinanet": retinanet.RetinaNet(retinanet.Config(depth=18), CLASSES),
    "fcos": fcos.FCOS(fcos.Config(depth=18), CLASSES),
    "efficientdet": efficientdet.EfficientDet(efficientdet.Config(), CLASSES),
    "ssdlite": ssdlite.SSDLite(ssdlite.Config(), CLASSES),
    "yolox": yolox.YOLOX(yolox.Config(width=0.0625, depth=0.0), CLASSES),
    "fasterrcnn": fasterrcnn.FasterRCNN(fasterrcnn.Config(anchor_samples=10_000), CLASSES),
}
ANCHORS = {"retinanet": 774, "fcos": 86, "efficientdet": 774, "ssdlite": 144, "yolox": 84, "fasterrcnn": 3 * 341}


def drawn(name: str) -> dict:
    """Return outputs of a model for two images; regions of a second stage are near the true boxes, or not."""
    random, count = np.random.default_rng(0), ANCHORS[name]
    shapes = {
        "yolox": {"offsets": [count, 4], "objectness": [count], "class_logits": [count, CLASSES]},
        "fcos": {"logits": [count, CLASSES], "distances": [count, 4], "centreness": [count]},
        "ssdlite": {"logits": [count, CLASSES + 1], "deltas": [count, 4]},
        "fasterrcnn": {
            "objectness": [count],
            "anchor_deltas": [count, 4],
            "logits": [REGIONS, CLASSES + 1],
            "deltas": [REGIONS, CLASSES, 4],
        },
    }.get(name, {"logits": [count, CLASSES], "deltas": [count, 4]})
    outputs = {part: tf.constant(random.normal(0, 1, [2, *shape]), tf.float32) for part, shape in shapes.items()}
    if name == "fasterrcnn":
        far = [[0, 50, 9, 60]] * (REGIONS // 2)
        near = np.float32([[box] * (REGIONS // 2) + far for box in BOXES])
        outputs |= {"regions": Regions(tf.constant(near), tf.fill([2, REGIONS], True)), "seed": tf.constant([0, 0])}
    return {**outputs, **sizes(SIDE, SIDE)}

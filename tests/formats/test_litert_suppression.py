"""Suppression as LiteRT runs it."""

import numpy as np
import pytest
import tensorflow as tf

from detect.artefacts.export_card import OUTPUTS
from detect.formats.litert.reader import open_file
from detect.formats.litert.writer import _converted
from detect.ops.nms import non_maximum_suppression

pytestmark = pytest.mark.slow

CLASSES = 3
LIMITS = {"iou": 0.5, "confidence": 0.05, "max_detections": 20, "candidates": 40}


@pytest.fixture(scope="module")
def suppress(tmp_path_factory):
    """Suppression of 40 boxes [1, 40, 4] with scores [1, 40, 3] by LiteRT: to boxes, scores and labels."""
    signature = [tf.TensorSpec([1, 40, 4], name="boxes"), tf.TensorSpec([1, 40, CLASSES], name="scores")]
    step = tf.function(lambda *inputs: non_maximum_suppression(*inputs, **LIMITS, runtime="minimal"), signature)
    file = tmp_path_factory.mktemp("litert") / "suppression.tflite"
    file.write_bytes(_converted(step.get_concrete_function(), "float32"))
    return open_file(file)


@pytest.mark.parametrize("empty", [(0, 30, 0, 44), (20, 64, 31, 64), (5, 5, 5, 5)])
def test_a_box_without_an_area_is_taken_once_and_leaves_the_others(suppress, empty):
    """Two of them at one place do not overlap."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 40, (1, 40, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(8, 20, (1, 40, 2))], axis=2).astype(np.float32)
    boxes[0, 3:5] = empty
    scores = rng.permutation(np.linspace(0.1, 0.9, 40 * CLASSES)).reshape(1, 40, CLASSES).astype(np.float32)
    scores[0, 3:5, 1] = 0.85, 0.845
    found = dict(zip(OUTPUTS, suppress({"boxes": boxes, "scores": scores}), strict=True))
    expected = non_maximum_suppression(tf.constant(boxes), tf.constant(scores), **LIMITS)
    assert np.sum(np.all(found["boxes"][0] == np.float32(empty), axis=1)) == 2
    for name, value in expected._asdict().items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)

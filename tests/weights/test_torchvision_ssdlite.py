"""torchvision's SSDLite checkpoint: every tensor assigned, torchvision's outputs and boxes."""

import json
from pathlib import Path

import numpy as np
import pytest

from detect import models
from detect.models.ssdlite import RATIOS, SCALES, map_sizes
from detect.ops.default_boxes import default_boxes
from detect.weights.tensors import fill
from detect.weights.torchvision_ssdlite import CHECKPOINTS

(CHECKPOINT,) = CHECKPOINTS


@pytest.fixture(scope="module")
def detector():
    return models.create(CHECKPOINT.model, len(CHECKPOINT.classes), **CHECKPOINT.config)


def test_outputs_and_boxes_are_torchvisions(detector, recorded_state):
    """Outputs recorded of torchvision 0.28.0's `ssdlite320_mobilenet_v3_large` with 91 classes.

    It ran in evaluation with the weights of `recorded_state` on normalised noise of 320 x 320 and 130 x 203 pixels.
    Recorded are every 31st row of the raw outputs and of the default boxes, the largest output, and the detections.
    """
    recorded = np.load(Path(__file__).with_name("torchvision_ssdlite.npz"))
    state = recorded_state(json.loads(str(recorded["shapes"])))
    fill(CHECKPOINT.targets(detector), state, "recorded", CHECKPOINT.model, CHECKPOINT.unused)
    for number, size in enumerate(((320, 320), (130, 203))):
        image = np.random.RandomState(number).randint(0, 256, (1, *size, 3)).astype(np.uint8)
        outputs = detector(image)
        logits = np.roll(recorded[f"logits{number}"], -1, axis=-1)  # torchvision has the background first
        scale = recorded[f"logits_scale{number}"]
        np.testing.assert_allclose(outputs["logits"][0, ::31] / scale, logits / scale, atol=1e-5)
        scale = recorded[f"deltas_scale{number}"]
        np.testing.assert_allclose(outputs["deltas"][0, ::31] / scale, recorded[f"deltas{number}"] / scale, atol=1e-5)
        boxes = default_boxes(*size, map_sizes(*size), SCALES, RATIOS)
        np.testing.assert_allclose(boxes[::31], recorded[f"boxes{number}"], atol=1e-3)

        found = detector.decode(outputs)
        np.testing.assert_allclose(found.scores[0], recorded[f"found_scores{number}"], atol=1e-6)
        same = found.labels[0].numpy() + 1 == recorded[f"found_labels{number}"]
        assert same.mean() > 0.99  # two boxes of nearly equal scores may be swapped
        np.testing.assert_allclose(found.boxes[0][same], recorded[f"found_boxes{number}"][same], atol=1e-2)


def test_all_weights_have_a_tensor_and_are_as_many_as_published(detector):
    assert sum(np.prod(weight.shape) for weight in detector.trainable_weights) == 3_440_060
    paths = [target.variable.path for target in CHECKPOINT.targets(detector)]
    assert len(set(paths)) == len(paths)
    assert set(paths) == {weight.path for weight in detector.weights}

"""torchvision's SSD checkpoint: every tensor assigned, torchvision's outputs."""

import json
from pathlib import Path

import numpy as np
import pytest

from detect import models
from detect.models.ssd import RATIOS, SCALES, STEPS, map_sizes
from detect.ops.default_boxes import default_boxes
from detect.weights.tensors import fill
from detect.weights.torchvision_ssd import CHECKPOINTS

(CHECKPOINT,) = CHECKPOINTS


@pytest.fixture(scope="module")
def detector():
    return models.create(CHECKPOINT.model, len(CHECKPOINT.classes), **CHECKPOINT.config)


def test_outputs_are_torchvisions(detector, recorded_state):
    """Outputs recorded of torchvision 0.28.0's `ssd300_vgg16` with 91 classes and the weights of `recorded_state`.

    It ran in evaluation on normalised noise of 300 x 300 and 300 x 341 pixels. Recorded are every 131st row of the raw
    outputs and of the default boxes, and the largest output.
    """
    recorded = np.load(Path(__file__).with_name("torchvision_ssd.npz"))
    state = recorded_state(json.loads(str(recorded["shapes"])))
    fill(CHECKPOINT.targets(detector), state, "recorded", CHECKPOINT.model, CHECKPOINT.unused)
    for number, size in enumerate(((300, 300), (300, 341))):
        image = np.random.RandomState(number).randint(0, 256, (1, *size, 3)).astype(np.uint8)
        outputs = detector(image)
        logits = np.roll(recorded[f"logits{number}"], -1, axis=-1)  # torchvision has the background first
        scale = recorded[f"logits_scale{number}"]
        np.testing.assert_allclose(outputs["logits"][0, ::131] / scale, logits / scale, atol=1e-5)
        scale = recorded[f"deltas_scale{number}"]
        np.testing.assert_allclose(outputs["deltas"][0, ::131] / scale, recorded[f"deltas{number}"] / scale, atol=1e-5)
        boxes = default_boxes(*size, map_sizes(*size), SCALES, RATIOS, STEPS)
        np.testing.assert_allclose(boxes[::131], recorded[f"boxes{number}"], atol=1e-3)


def test_all_weights_have_a_tensor_and_are_as_many_as_published(detector):
    assert sum(np.prod(weight.shape) for weight in detector.trainable_weights) == 35_641_826
    paths = [target.variable.path for target in CHECKPOINT.targets(detector)]
    assert len(set(paths)) == len(paths)
    assert set(paths) == {weight.path for weight in detector.weights}

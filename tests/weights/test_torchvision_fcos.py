"""torchvision's FCOS checkpoint: every tensor assigned, torchvision's outputs and boxes."""

import json
from pathlib import Path

import numpy as np

from detect import models
from detect.weights.tensors import fill
from detect.weights.torchvision_fcos import CHECKPOINTS, targets

(CHECKPOINT,) = CHECKPOINTS


def test_outputs_and_boxes_are_torchvisions(recorded_state):
    """Outputs recorded of torchvision 0.28.0's `fcos_resnet50_fpn` with `resnet18` as its backbone and 3 classes.

    It ran in evaluation on images of 64 x 64 and 64 x 96 pixels, with the weights of `recorded_state`, but 1 more in
    the bias of `bbox_reg`, so that most distances are positive. Recorded are the raw outputs and the 20 best boxes.
    """
    recorded = np.load(Path(__file__).with_name("torchvision_fcos.npz"))
    state = recorded_state(json.loads(str(recorded["shapes"])))
    state["head.regression_head.bbox_reg.bias"] += 1
    detector = models.create("fcos-r18", classes=3, **CHECKPOINT.config)
    fill(targets(detector, range(3), 3), state, "recorded", "fcos-r18")

    random = np.random.RandomState(1)
    for height, width in ((64, 64), (64, 96)):
        image = random.randint(0, 256, (height, width, 3)).astype(np.uint8)
        outputs = detector(image[None])
        theirs = {name: recorded[f"{height}x{width}/{name}"] for name in ("cls_logits", "bbox_regression")}
        theirs["bbox_ctrness"] = recorded[f"{height}x{width}/bbox_ctrness"][:, 0]
        for own, (name, expected) in zip(("logits", "distances", "centreness"), theirs.items(), strict=True):
            np.testing.assert_allclose(outputs[own][0], expected, atol=2e-5 * np.abs(expected).max(), err_msg=name)
        found = detector.decode(outputs)
        for name, tolerance in (("boxes", 2e-3), ("scores", 2e-5), ("labels", 0)):
            expected = recorded[f"{height}x{width}/{name}"]
            np.testing.assert_allclose(getattr(found, name)[0, :20], expected, rtol=0, atol=tolerance, err_msg=name)


def test_all_weights_have_a_tensor_and_are_as_many_as_published():
    """For 91 classes, torchvision does not count the 53,120 frozen scales and offsets of the backbone."""
    detector = models.create(CHECKPOINT.model, classes=91, **{**CHECKPOINT.config, "norm": "batch"})
    assert sum(np.prod(weight.shape) for weight in detector.trainable_weights) == 32_269_600 + 53_120
    paths = [target.variable.path for target in targets(detector, range(91))]
    assert len(set(paths)) == len(paths)
    assert set(paths) == {weight.path for weight in detector.weights}

"""torchvision's RetinaNet checkpoints: every tensor assigned, torchvision's outputs and boxes."""

import json
from pathlib import Path

import numpy as np
import pytest

from detect import models
from detect.weights.coco_classes import IDS
from detect.weights.tensors import fill
from detect.weights.torchvision_retinanet import CHECKPOINTS, targets, with_modern_head

V1, V2 = CHECKPOINTS


@pytest.mark.parametrize(
    ("checkpoint", "model", "file"),
    [(V1, "retinanet-r18", "torchvision_retinanet.npz"), (V2, "retinanet-r50v2", "torchvision_retinanet_v2.npz")],
)
def test_outputs_and_boxes_are_torchvisions(checkpoint, model, file, recorded_state):
    """Outputs recorded of torchvision 0.28.0's `retinanet_resnet50_fpn` and `retinanet_resnet50_fpn_v2`.

    Each has `resnet18` as its backbone, 3 classes and the weights of `recorded_state`; version 1 with
    `overwrite_eps(model, 0)`, and the kernels of `cls_logits` and `bbox_reg` divided by 25, so that scores are not all
    0 or 1. They ran in evaluation on images of 64 x 64 and 64 x 96 pixels. Recorded are the raw outputs and the 20 best
    boxes.
    """
    recorded = np.load(Path(__file__).with_name(file))
    state = recorded_state(json.loads(str(recorded["shapes"])))
    if checkpoint is V1:
        for name in ("classification_head.cls_logits", "regression_head.bbox_reg"):
            state[f"head.{name}.weight"] /= 25
    detector = models.create(model, classes=3, **{**checkpoint.config, "depth": 18})
    fill(targets(detector, range(3), 3), state, "recorded", model)

    random = np.random.RandomState(1)
    for height, width in ((64, 64), (64, 96)):
        image = random.randint(0, 256, (height, width, 3)).astype(np.uint8)
        outputs = detector(image[None])
        for own, name in (("logits", "cls_logits"), ("deltas", "bbox_regression")):
            expected = recorded[f"{height}x{width}/{name}"]
            np.testing.assert_allclose(outputs[own][0], expected, atol=2e-5 * np.abs(expected).max(), err_msg=name)
        found = detector.decode(outputs)
        for name, tolerance in (("boxes", 2e-3), ("scores", 2e-5), ("labels", 0)):
            expected = recorded[f"{height}x{width}/{name}"]
            np.testing.assert_allclose(getattr(found, name)[0, :20], expected, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize(("checkpoint", "published"), [(V1, 34_014_999 + 53_120), (V2, 38_198_935)])
def test_all_weights_have_a_tensor_and_are_as_many_as_published(checkpoint, published):
    """For 91 classes, torchvision does not count the 53,120 frozen scales and offsets of version 1."""
    detector = models.create(checkpoint.model, classes=91, **{**checkpoint.config, "norm": "batch"})
    assert sum(np.prod(weight.shape) for weight in detector.trainable_weights) == published
    paths = [target.variable.path for target in targets(detector, range(91))]
    assert len(set(paths)) == len(paths)
    assert set(paths) == {weight.path for weight in detector.weights}


def test_logits_of_unused_ids_are_left_out():
    detector = models.create("retinanet-r18", classes=80, filters=8)
    (bias,) = (target for target in targets(detector) if target.name == "head.classification_head.cls_logits.bias")
    published = np.arange(9 * 91)  # the ids of one anchor after the other
    assert list(bias.convert(published)) == [91 * anchor + number for anchor in range(9) for number in IDS]
    (kernel,) = (target for target in targets(detector) if target.name == "head.classification_head.cls_logits.weight")
    converted = kernel.convert(np.broadcast_to(published[:, None, None, None], (9 * 91, 8, 3, 3)))
    assert converted.shape == detector.head.class_logits.kernel.shape
    np.testing.assert_array_equal(converted[1, 2, 3], bias.convert(published))


def test_old_names_are_renamed():
    old = [
        "head.regression_head.conv.0.weight",
        "head.regression_head.conv.6.bias",
        "head.regression_head.bbox_reg.bias",
    ]
    new = ["head.regression_head.conv.0.0.weight", "head.regression_head.conv.3.0.bias", old[2]]
    assert list(with_modern_head(dict.fromkeys(old))) == new
    assert list(with_modern_head(dict.fromkeys(new))) == new

"""torchvision's Faster R-CNN checkpoints: every tensor assigned, torchvision's outputs and boxes of both stages."""

import json
from pathlib import Path

import numpy as np
import pytest

from detect import models
from detect.weights.tensors import fill
from detect.weights.torchvision_fasterrcnn import CHECKPOINTS, targets, with_modern_head

NAMES = ("fasterrcnn-r50-coco", "fasterrcnn-r50v2-coco", "fasterrcnn-mobilenetv3-coco")
CHECKPOINT = dict(zip(NAMES, CHECKPOINTS, strict=True))
SMALL = {"filters": 16, "hidden": (32, 32), "proposal_candidates": 60, "proposals": 40}


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    """Outputs of torchvision 0.28.0 in evaluation, with `tamed` weights, for the images of `RandomState(3)`.

    `FasterRCNN` with 3 classes and background, pyramids of 16 channels, hidden layers of 32, `rpn_pre_nms_top_n_test`
    60 and `rpn_post_nms_top_n_test` 40. The first model: `resnet18` with `FrozenBatchNorm2d(eps=0)`, `TwoMLPHead`. The
    second: `resnet18`, `BatchNorm2d` in the pyramid, `RPNHead(conv_depth=2)`, `FastRCNNConvFCHead` of four
    convolutions. The third: `mobilenet_v3_large` with `FrozenBatchNorm2d`, `rpn_score_thresh` 0.05, and the anchors of
    `fasterrcnn_mobilenet_v3_large_320_fpn`. torchvision's own RoIAlign was replaced by one in plain PyTorch. For each
    size of image, recorded are the raw outputs of both stages (every eighth row of the anchor deltas), the proposals,
    and the 20 best boxes.
    """
    with np.load(Path(__file__).with_name("torchvision_fasterrcnn.npz")) as arrays:
        return dict(arrays)


def tamed(state: dict[str, np.ndarray], factor: float) -> dict[str, np.ndarray]:
    """Return `recorded_state` with matrices around zero, and predictions times `factor`, for boxes of all sizes."""
    state = dict(state)
    for name, values in state.items():
        if values.ndim == 2:
            state[name] = (values - np.float32(0.75)) * np.float32(np.sqrt(96 / values.shape[1]))
        if name.startswith(("rpn.head.cls_logits", "rpn.head.bbox_pred")) or "box_predictor" in name:
            state[name] = state[name] * np.float32(factor)
    return state


@pytest.mark.parametrize(
    ("name", "key", "settings", "factor", "sizes"),
    [
        (NAMES[0], "v1", {"backbone": "resnet18"}, 0.1, ((64, 64), (64, 96))),
        (NAMES[1], "v2", {"backbone": "resnet18", "hidden": (32,)}, 0.3, ((64, 64), (64, 96))),
        (NAMES[2], "mobile", {}, 2, ((96, 96), (96, 160))),
    ],
)
def test_outputs_and_boxes_are_torchvisions(name, key, settings, factor, sizes, recorded, recorded_state):
    checkpoint = CHECKPOINT[name]
    detector = models.create(checkpoint.model, 3, **{**checkpoint.config, **SMALL, **settings})
    state = recorded_state(json.loads(str(recorded[f"{key}/shapes"])))
    fill(targets(detector), tamed(state, factor), "recorded", name)
    random = np.random.RandomState(3)
    for height, width in sizes:
        outputs = detector(random.randint(0, 256, (1, height, width, 3)).astype(np.uint8))

        def theirs(part, size=f"{height}x{width}"):
            return recorded[f"{key}/{size}/{part}"]

        count = len(theirs("proposals"))
        assert list(outputs["regions"].valid[0]) == [True] * count + [False] * (40 - count)
        regions = {
            "objectness": (outputs["objectness"][0], theirs("objectness")),
            "anchor deltas": (outputs["anchor_deltas"][0, ::8], theirs("anchor_deltas")),
            "proposals": (outputs["regions"].boxes[0, :count], theirs("proposals")),
            "logits": (outputs["logits"][0, :count], np.roll(theirs("logits"), -1, axis=1)),
            "deltas": (outputs["deltas"][0, :count], theirs("deltas").reshape(count, 4, 4)[:, 1:]),
        }
        for part, (ours, expected) in regions.items():
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * np.abs(expected).max(), err_msg=part)
        found = detector.decode(outputs)
        np.testing.assert_allclose(found.boxes[0, :20], theirs("boxes"), atol=5e-3)
        np.testing.assert_allclose(found.scores[0, :20], theirs("scores"), atol=1e-4)
        np.testing.assert_array_equal(found.labels[0, :20], theirs("labels") - 1)


@pytest.mark.parametrize(
    ("name", "published", "frozen"),
    [(NAMES[0], 41_755_286, 53_120), (NAMES[1], 43_712_278, 0), (NAMES[2], 19_386_354, 24_400)],
)
def test_sizes_are_the_published_ones(name, published, frozen):
    """torchvision does not count frozen scales and offsets; ours does not have a box for the background."""
    checkpoint = CHECKPOINT[name]
    detector = models.create(checkpoint.model, 90, norm="batch", proposals=1)
    assert sum(np.prod(weight.shape) for weight in detector.trainable_weights) == published + frozen - 4 * 1025


@pytest.mark.parametrize("checkpoint", CHECKPOINTS, ids=lambda row: row.name)
def test_all_weights_of_the_detector_have_a_tensor(checkpoint):
    detector = models.create(checkpoint.model, len(checkpoint.classes), **checkpoint.config, proposals=1)
    found = list(checkpoint.targets(detector))
    paths = [target.variable.path for target in found]
    assert len(set(paths)) == len(paths) == len({target.name for target in found})
    assert set(paths) == {weight.path for weight in detector.weights}


def test_the_background_is_moved_to_the_end_and_has_no_box():
    detector = models.create("fasterrcnn-r18", 2, filters=8, hidden=(8, 8), proposals=10)
    convert = {target.name.removeprefix("roi_heads."): target.convert for target in targets(detector)}
    classes = np.array(["background", "cat", "dog"])
    assert list(convert["box_predictor.cls_score.bias"](classes)) == ["cat", "dog", "background"]
    deltas = np.repeat(classes, 4)
    assert list(convert["box_predictor.bbox_pred.bias"](deltas)) == ["cat"] * 4 + ["dog"] * 4
    weights = np.broadcast_to(deltas[:, None], [12, 8])
    np.testing.assert_array_equal(convert["box_predictor.bbox_pred.weight"](weights), weights[4:].T)


def test_pooled_features_have_their_channels_last_here():
    detector = models.create("fasterrcnn-r18", 2, filters=8, hidden=(3, 3), proposals=10)
    (target,) = (target for target in targets(detector) if target.name == "roi_heads.box_head.fc6.weight")
    published = np.random.default_rng(0).normal(size=(3, 8, 7, 7))
    pooled = np.random.default_rng(1).normal(size=(8, 7, 7))
    expected = published.reshape(3, -1) @ pooled.ravel()
    ours = pooled.transpose(1, 2, 0).ravel() @ target.convert(published.reshape(3, -1))
    np.testing.assert_allclose(ours, expected)


def test_old_names_are_renamed():
    old = ["rpn.head.conv.weight", "rpn.head.conv.bias", "rpn.head.cls_logits.weight"]
    new = ["rpn.head.conv.0.0.weight", "rpn.head.conv.0.0.bias", old[2]]
    assert list(with_modern_head(dict.fromkeys(old))) == new
    assert list(with_modern_head(dict.fromkeys(new))) == new

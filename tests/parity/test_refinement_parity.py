"""Our D-FINE and DEIMv2 compute what those of `transformers` do, with the same weights on the same images.

DEIMv2 of `transformers` is changed to be that of the authors, see `transformers_references`; `record_deimv2.py`
compares with their own code. The weights are random, but take the path of published ones: their state dictionary is
saved to a file, and imported. `make parity` runs these tests in an environment with PyTorch and `transformers`.
"""

import dataclasses
import importlib.util
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from detect import models
from detect.layers.lite_encoder import LiteEncoder
from detect.models.deimv2 import DEIMv2
from detect.models.dfine import DFINE
from detect.weights.importing import checkpoints, read

if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
    pytest.skip("needs PyTorch and transformers: run `make parity`", allow_module_level=True)

import torch
import transformers_references as references

# Settings by which the published rows differ from their own small versions.
TINY = {"encoder_hidden": 64, "hidden": 64, "layers": 2, "depth": 0.34, "queries": 20, "channels": 32}
CASES = {
    "tiny n": ("dfine-n-coco", {**TINY, "filters": 32, "expansion": 0.5}),
    "tiny x": ("dfine-x-coco", {**TINY, "backbone": "b0", "filters": 48, "expansion": 0.5}),
    "n": ("dfine-n-coco", {}),
    "tiny deimv2 atto": ("deimv2-atto-coco", TINY),
    "tiny deimv2 n": ("deimv2-n-coco", TINY),
    "deimv2 pico": ("deimv2-pico-coco", {}),
    "deimv2 n": ("deimv2-n-coco", {}),
}
SIZES = [(0, 0), (64, 128)]  # rows and columns beyond a square
CLOSEST = 1e-4  # largest difference, as a share of the largest number


@dataclass
class Pair:
    """Two models with the same weights, and the side of images for them."""

    theirs: torch.nn.Module
    ours: DFINE | DEIMv2
    side: int

    def images(self, extra: tuple[int, int]) -> np.ndarray:
        """Return two images of coloured rectangles under noise."""
        random = np.random.default_rng(0)
        images = np.zeros((2, self.side + extra[0], self.side + extra[1], 3), np.uint8)
        for _ in range(80):
            image, top, left = random.integers(0, 2), *random.integers(0, self.side, 2)
            rows, columns = random.integers(6, 120, 2)
            images[image, top : top + rows, left : left + columns] = random.integers(0, 196, 3)
        return images + 60 * random.integers(0, 2, images.shape, np.uint8)


@pytest.fixture(scope="module", params=CASES)
def pair(request, tmp_path_factory) -> Pair:
    name, settings = CASES[request.param]
    checkpoint = dataclasses.replace(checkpoints()[name], config=settings)
    config = models.variant(checkpoint.model).config.model_copy(update=settings)
    theirs = (references.dfine if name.startswith("dfine") else references.deimv2)(config, 80)
    file = tmp_path_factory.mktemp("weights") / "theirs.pth"
    torch.save(theirs.state_dict(), file)
    ours, _ = read(checkpoint, file)
    return Pair(theirs, ours, 128 if settings else 640)


@pytest.mark.parametrize("extra", SIZES)
def test_features_of_backbone_and_encoder(pair, extra):
    images = pair.images(extra)
    theirs = references.outputs(pair.theirs, images)
    features = pair.ours.backbone(images)
    levels = features[0] if isinstance(pair.ours.encoder, LiteEncoder) else list(features)
    for index, level in enumerate(features):
        assert_same(level, theirs[f"backbone{index}"], f"level {index} of the backbone")
    for index, level in enumerate(pair.ours.encoder(levels)):
        assert_same(level, theirs[f"encoder{index}"], f"level {index} of the encoder")


@pytest.mark.parametrize("extra", SIZES)
def test_logits_boxes_and_distributions_of_every_layer(pair, extra):
    images = pair.images(extra)
    theirs, ours = references.outputs(pair.theirs, images), pair.ours(images)
    chosen, decoded = ours["chosen"], ours["decoded"]
    for image in range(len(images)):
        order = places(
            in_one(chosen.class_logits[image], chosen.boxes[image]),
            in_one(theirs["chosen_logits"][image], theirs["chosen_boxes"][image]),
        )
        assert_same(tf.gather(chosen.class_logits[image], order), theirs["chosen_logits"][image], "the encoder")
        assert_same(tf.gather(chosen.boxes[image], order), theirs["chosen_boxes"][image], "boxes of the encoder")
        parts = {"logits": decoded.class_logits, "boxes": decoded.boxes, "corners": decoded.corners}
        for name, layers in parts.items():
            assert len(layers) == theirs[name].shape[1]
            for number, layer in enumerate(layers):
                found = tf.gather(layer[image], order)
                assert_same(found, theirs[name][image, number], f"{name} of layer {number}")


@pytest.mark.parametrize("extra", SIZES)
def test_the_same_image_has_the_same_boxes(pair, extra):
    images = pair.images(extra)
    theirs = references.outputs(pair.theirs, images)
    found = pair.ours.decode(pair.ours(images), confidence=0.0)
    height, width = images.shape[1:3]
    for image in range(len(images)):
        logits, (x, y, w, h) = theirs["logits"][image, -1], theirs["boxes"][image, -1].T
        boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=-1) * ([width, height] * 2)
        boxes = np.clip(boxes, 0, [width, height] * 2)
        scores, order = (part.numpy() for part in torch.from_numpy(logits).flatten().sigmoid().topk(100))
        np.testing.assert_allclose(found.scores[image], scores, atol=CLOSEST)
        expected = np.column_stack([scores, order % 80, boxes[order // 80]])
        ours = np.column_stack([found.scores[image], found.labels[image], found.boxes[image]])
        clear = scores > scores[-1] + CLOSEST
        tolerance = [CLOSEST, 0.1, *[CLOSEST * max(height, width)] * 4]
        nearest = (np.abs(expected[:, None] - ours[None]) / tolerance).max(axis=-1).min(axis=1)
        assert clear.sum() > 50
        assert nearest[clear].max() < 1


def in_one(logits, boxes) -> np.ndarray:
    """Return what tells queries apart, [Q, K + 4]."""
    return np.concatenate([np.asarray(logits), 10 * np.asarray(boxes)], axis=-1)


def places(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return the place of each of their queries among ours: two with nearly the same score may have changed places."""
    order = np.abs(theirs[:, None] - ours[None]).max(axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(np.sort(order), np.arange(len(theirs)))
    return order


def assert_same(ours, theirs: np.ndarray, what: str) -> None:
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(np.asarray(ours) / scale, theirs / scale, rtol=0, atol=CLOSEST, err_msg=what)

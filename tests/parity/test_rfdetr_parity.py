"""RF-DETR compared with that of `transformers`, with the same random weights: parts, layers and detections.

Its weights are saved to a file under the authors' names, as the model hub has them, and imported.
"""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from detect.models.rfdetr import RFDETR, VARIANTS
from detect.weights.checkpoint import Checkpoint
from detect.weights.importing import read
from detect.weights.roboflow_rfdetr import CHECKPOINTS

if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
    pytest.skip("needs PyTorch and transformers: run `make parity`", allow_module_level=True)

sys.path.insert(0, str(Path(__file__).parent))
import rfdetr_reference as reference
from drawn_rfdetr import TINY, image

PUBLISHED = CHECKPOINTS[0]
SETTINGS = VARIANTS["nano"].config.model_dump()
CLOSEST = 1e-4  # largest difference, as a share of the largest number
COLUMNS = list(PUBLISHED.category_ids)  # of the class logits, of which there is one for every id of COCO
LOGITS = 91


@dataclasses.dataclass
class Pair:
    """Two models with the same weights."""

    theirs: reference.RfDetrForObjectDetection
    ours: RFDETR
    side: int

    def image_with_a_settled_order(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return an image, and what they make of it, of which no two proposals are nearly equal.

        Rounding may put these in either order, and the order decides which query a proposal becomes.
        """
        for number in range(100):
            pixels = np.roll(image(self.side), number)
            found = reference.answers(self.theirs, pixels)
            for name in ("proposed_logits", "logits"):
                found[name] = found[name][..., COLUMNS]
            gaps = -np.diff(found["proposed_logits"][0].max(axis=-1))
            if gaps.min() > 3e-6 * np.abs(found["proposed_logits"]).max():
                return pixels, found
        raise AssertionError("no such image")


@pytest.fixture(scope="module", params=["tiny", "nano"])
def models(request, tmp_path_factory) -> tuple[reference.RfDetrForObjectDetection, RFDETR]:
    settings = {**SETTINGS, **TINY} if request.param == "tiny" else SETTINGS
    theirs = reference.create(settings, LOGITS)
    unused = np.setdiff1d(np.arange(LOGITS), COLUMNS)
    for head in theirs.model.enc_out_class_embed:
        head.bias.data[unused] = -100  # ids without a class are never the best of a proposal
    folder = tmp_path_factory.mktemp(request.param)
    theirs.save_pretrained(folder)
    checkpoint: Checkpoint = dataclasses.replace(PUBLISHED, config={name: settings[name] for name in TINY})
    ours, card = read(checkpoint, folder / "model.safetensors")
    assert card.classes == PUBLISHED.classes
    return theirs, ours


@pytest.fixture(params=["published", "other"])
def pair(request, models) -> Pair:
    published = 16 * models[1].config.positions
    return Pair(*models, published if request.param == "published" else published * 4 // 3)


def test_all_parts_agree(pair):
    pixels, expected = pair.image_with_a_settled_order()
    images = tf.constant(pixels[None])
    features, outputs = pair.ours.backbone(images), pair.ours(images)
    found = {f"feature{number}": feature for number, feature in enumerate(features, start=1)}
    found["level"] = pair.ours.projector(features)
    found["proposed_logits"], found["proposed_boxes"] = outputs["proposals"]
    found["logits"], found["boxes"] = outputs["answers"]
    for name, values in found.items():
        theirs = expected[name]
        np.testing.assert_allclose(values, theirs, rtol=0, atol=CLOSEST * np.abs(theirs).max(), err_msg=name)


def test_best_detections_agree(pair):
    """Those of the classes that we have, in whatever order where scores are nearly equal."""
    pixels, expected = pair.image_with_a_settled_order()
    scores = 1 / (1 + np.exp(-expected["logits"][-1, 0].astype(np.float64)))
    best = np.argsort(-scores, axis=None)[:50]
    queries, labels = np.unravel_index(best, scores.shape)
    x, y, width, height = expected["boxes"][-1, 0][queries].T * pair.side
    corners = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=-1).clip(0, pair.side)
    found = pair.ours.decode(pair.ours(tf.constant(pixels[None])), confidence=0.0)
    np.testing.assert_allclose(found.scores[0, :50], scores[queries, labels], atol=1e-4)
    for box, label, score in zip(corners, labels, scores[queries, labels], strict=True):
        same = (found.labels[0] == label) & (np.abs(found.scores[0] - score) < 1e-4)
        assert np.abs(found.boxes[0][same] - box).max(axis=-1).min() < 0.1

"""Our models find the same boxes as torchvision's, with the same weights on the same images.

The weights are random, but take the path of published ones: torchvision's state dictionary is saved to a file, imported
and loaded. `make parity` runs these tests in an environment with PyTorch and torchvision.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import detect
from detect.export.replay import replay
from detect.inference.predictor import Model
from detect.structures import Candidates, Detections
from detect.weights.importing import checkpoints, import_weights

if not all(importlib.util.find_spec(name) for name in ("torch", "torchvision")):
    pytest.skip("needs PyTorch and torchvision: run `make parity`", allow_module_level=True)

import torch
import torchvision_references as references
from torchvision_references import REFERENCES, Reference

SIZES = [(0, 0), (32, 96)]  # rows and columns beyond a square
# Height and width; torchvision makes most of them 800 x 1066 pixels, padded to 800 x 1088, and 319 x 1333, padded to
# 320 x 1344.
PICTURES = [(480, 640), (96, 400)]
CLOSEST = 1e-4  # largest difference of raw numbers, as a share of the largest of them
PIXELS, SCORE = 0.1, 1e-3  # largest differences of boxes and scores
COMPARED = 80  # of the best detections


@dataclass
class Pair:
    """Two models with the same weights, torchvision's and ours."""

    theirs: torch.nn.Module
    ours: Model

    @property
    def columns(self) -> list[int]:
        """The columns of torchvision's class logits in our order; with softmax, the background comes last."""
        ids = list(self.ours.card.category_ids)
        return ids if len(ids) == 80 else [*ids, 0]

    def image(self, extra: tuple[int, int]) -> np.ndarray:
        """Return an image of a size that both models take without resizing."""
        detector = self.ours.backend.detector
        side = self.ours.image_size if self.ours.image_size < 400 else 256
        rows, columns = (-(-(side + more) // detector.size_divisor) * detector.size_divisor for more in extra)
        return picture(rows, columns)

    def detections(self, theirs: dict[str, np.ndarray]) -> Detections:
        """Return their detections with our labels."""
        labels = {category: label for label, category in enumerate(self.ours.card.category_ids)}
        return Detections(theirs["boxes"], theirs["scores"], np.array([labels[each] for each in theirs["labels"]]))

    def compare(self, theirs: dict[str, np.ndarray], boxes, scores, labels) -> tuple[np.ndarray, np.ndarray]:
        """Return for each of their boxes the distance to our nearest of that class, and the difference of scores."""
        ids = np.array(self.ours.card.category_ids)[labels]
        distances = np.abs(theirs["boxes"][:, None] - boxes[None]).max(axis=-1)
        distances[theirs["labels"][:, None] != ids[None]] = np.inf
        nearest = distances.argmin(axis=1)
        return distances.min(axis=1), np.abs(theirs["scores"] - scores[nearest])


def picture(height: int, width: int) -> np.ndarray:
    """Return an image of coloured rectangles under noise, which has edges and texture of all sizes."""
    random = np.random.default_rng(0)
    image = np.zeros((height, width, 3), np.uint8)
    for _ in range(80):
        top, left = random.integers(0, height), random.integers(0, width)
        rows, columns = random.integers(6, 120, 2)
        image[top : top + rows, left : left + columns] = random.integers(0, 196, 3)
    return image + 60 * random.integers(0, 2, image.shape, np.uint8)


def test_every_checkpoint_of_torchvision_has_a_reference():
    theirs = {name for name, row in checkpoints().items() if row.publisher.startswith("torchvision")}
    assert theirs == set(REFERENCES)


@pytest.fixture(scope="module", params=REFERENCES)
def pair(request, tmp_path_factory) -> Pair:
    folder = tmp_path_factory.mktemp("weights")
    reference: Reference = REFERENCES[request.param]
    theirs = reference.model()
    with_small_pictures(theirs, lambda: reference.spread_scores(theirs, references.as_tensor(picture(240, 320))))
    row = checkpoints()[request.param]
    if len(row.classes) == 80:
        references.silence(theirs, sorted(set(range(references.COLUMNS)) - set(row.category_ids)))
    torch.save(theirs.state_dict(), folder / "theirs.pth")
    return Pair(theirs, detect.load(import_weights(row.name, folder / "theirs.pth", folder / "ours")))


def with_small_pictures(model: torch.nn.Module, work) -> None:
    sides = model.transform.min_size
    model.transform.min_size = (min(240, *sides),)
    work()
    model.transform.min_size = sides


def assert_same(ours: np.ndarray, theirs: np.ndarray, what: str) -> None:
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours / scale, theirs / scale, rtol=0, atol=CLOSEST, err_msg=what)


@pytest.mark.parametrize("extra", SIZES)
def test_raw_outputs_of_every_level(pair, extra):
    image = pair.image(extra)
    ours = pair.ours.backend.detector(image[None])
    theirs = references.raw_outputs(pair.theirs, image)
    names = {
        "cls_logits": ("logits", pair.columns),
        "bbox_regression": ("distances" if "distances" in ours else "deltas", slice(None)),
        "bbox_ctrness": ("centreness", slice(None)),
        "objectness": ("objectness", slice(None)),
        "anchor_deltas": ("anchor_deltas", slice(None)),
    }
    assert all(len(levels) > 1 for levels in theirs.values())
    for key, levels in theirs.items():
        name, columns = names[key]
        lengths = np.cumsum([len(level) for level in levels])
        found = ours[name].numpy()[0].reshape(lengths[-1], -1)
        for number, (mine, level) in enumerate(zip(np.split(found, lengths[:-1]), levels, strict=True)):
            assert_same(mine, level[:, columns], f"{name} of level {number}")


@pytest.mark.parametrize("extra", SIZES)
def test_what_the_second_stage_says_of_a_region(pair, extra):
    if not hasattr(pair.theirs, "roi_heads"):
        pytest.skip("a detector of one stage")
    image = pair.image(extra)
    ours = pair.ours.backend.detector(image[None])
    regions = ours["regions"].boxes.numpy()[0][ours["regions"].valid.numpy()[0]]
    logits, deltas = references.second_stage(pair.theirs, image, regions)
    assert_same(ours["logits"].numpy()[0, : len(regions)], logits[:, pair.columns], "logits")
    assert_same(ours["deltas"].numpy()[0, : len(regions)], deltas[:, pair.columns[:-1]], "deltas")


@pytest.mark.parametrize("extra", SIZES)
def test_the_same_image_has_the_same_boxes(pair, extra):
    image = pair.image(extra)
    theirs, confidence = references.best_detections(pair.theirs, image, COMPARED, resize=False)
    found = pair.ours.detect(image[None], confidence=confidence)
    ours = Detections(*(part[0][found.labels[0] >= 0] for part in found))
    assert len(ours.boxes) == pytest.approx(len(theirs["boxes"]), abs=1)  # one may score the confidence, within 1e-7
    assert len(ours.boxes) > COMPARED / 2
    detector, (height, width) = pair.ours.backend.detector, image.shape[:2]
    replayed = replay(
        pair.detections(theirs),
        ours,
        Candidates(*(part[0].numpy() for part in detector.candidates(detector(image[None])))),
        detector.suppression,
        edges=(width, height),
        confidence=confidence,
        iou=detector.config.iou,
    )
    # Where two regions overlap and score the same but for rounding, the first stage keeps one of them, and not the same
    # one on every processor. Two among thousands of candidates may be such a pair.
    ties = 1 if hasattr(pair.theirs, "roi_heads") else 0
    assert replayed.invented <= ties
    assert replayed.lost <= ties
    assert replayed.box_difference < CLOSEST * max(image.shape)
    assert replayed.score_difference < CLOSEST


@pytest.mark.parametrize("size", PICTURES)
def test_the_same_file_has_the_same_boxes(pair, size, tmp_path):
    """Both pipelines run in full: decoding, resizing, normalisation, padding, and boxes in pixels of the file."""
    path: Path = tmp_path / "picture.jpg"
    Image.fromarray(picture(*size)).save(path, quality=95)
    theirs, confidence = references.best_detections(pair.theirs, np.array(Image.open(path)), COMPARED)
    (ours,) = pair.ours.predict(path, confidence=confidence)
    distances, differences = pair.compare(theirs, ours.boxes, ours.scores, ours.labels)
    clear = theirs["scores"] > confidence + 2 * SCORE
    assert clear.sum() > COMPARED / 4
    assert distances[clear].max() < PIXELS
    assert differences[clear].max() < SCORE

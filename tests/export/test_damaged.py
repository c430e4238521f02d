"""Artefacts that are damaged on purpose are rejected, and those in which equals change places are not.

The model scores the colours of a grid of cells, so that all it finds can be changed in one place.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from detect.artefacts.client_suppression import best_detections
from detect.export import check
from detect.export.check import compare, fault_of
from detect.inference.predictor import Model
from detect.models.card import ModelCard
from detect.models.suppression import Suppression
from detect.structures import Candidates, Detections

SIDE, CELL = 64, 4
CARD = ModelCard(model="", config={}, classes=("red", "green", "blue"), category_ids=(1, 2, 3), image_size=SIDE)
RULES = Suppression(max_detections=1000)
FINE = (SIDE // CELL) ** 2  # boxes of the first level: one around each cell, and as many, larger ones, of the second


def candidates_in(image: np.ndarray) -> Candidates:
    """Return boxes around all cells, of 12 and of 24 pixels; their scores are the colours of the cell."""
    middles = np.indices((SIDE // CELL,) * 2)[::-1].reshape(2, -1).T * CELL + CELL / 2
    boxes = [np.concatenate([middles - half, middles + half], axis=1) for half in (6, 12)]
    scores = image[CELL // 2 :: CELL, CELL // 2 :: CELL].reshape(-1, 3) / 255
    return Candidates(np.concatenate(boxes).astype(np.float32), np.concatenate([scores, scores / 2]).astype(np.float32))


class Detector:
    """The part of a `Detector` that a comparison asks for."""

    suppression, config = RULES, SimpleNamespace(iou=0.45)

    def __call__(self, images, training, extents):
        return {"images": images}

    def candidates(self, outputs):
        return Candidates(*(part[None] for part in candidates_in(outputs["images"][0])))


class BackEnd:
    """A back end with a fault: in what it is shown, in the candidates, or in the thresholds."""

    name, confidence, iou, batch_size, size_divisor, smallest_side, canvases = "", 0.2, 0.45, 1, 4, 4, ((SIDE, SIDE),)

    def __init__(self, image=lambda image: image, candidates=lambda *candidates: candidates, **thresholds):
        self._image, self._candidates, self._thresholds = image, candidates, thresholds

    def detect(self, images, extents, confidence, iou) -> Detections:
        batch = [part[None] for part in self._candidates(*candidates_in(self._image(images[0])))]
        thresholds = {"confidence": confidence, "iou": iou, **self._thresholds}
        return best_detections(Candidates(*batch), extents, RULES, **thresholds)


@pytest.fixture(autouse=True)
def one_measurement(monkeypatch):
    """Measure the time of each model once: it is not of interest here."""
    monkeypatch.setattr(check, "ROUNDS", 1)


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """Blocks of 8 pixels, in steps of brightness: many neighbours of equal scores whose boxes overlap."""
    rng = np.random.default_rng(0)
    blocks = 15 * rng.integers(0, 17, (2, SIDE // 8, SIDE // 8, 3))
    return list(blocks.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8))


def fault(images, artefact: BackEnd, detector: Detector | None) -> str:
    compared = compare(Model(BackEnd(), CARD), Model(artefact, CARD), images, "blocks", detector)
    assert compared.detections > 100
    return fault_of(compared, "float32", None)


def reordered(boxes, scores):
    """Change the last digits of all scores, so that equals come in another order."""
    return boxes, scores + np.random.default_rng(1).uniform(-1e-6, 1e-6, scores.shape).astype(np.float32)


def test_equals_that_change_places_are_no_fault(images):
    assert fault(images, BackEnd(candidates=reordered), Detector()) == ""
    assert "on one side only" in fault(images, BackEnd(candidates=reordered), detector=None)


def shifted_class(boxes, scores):
    return boxes, np.roll(scores, 1, axis=1)


def scaled_boxes(boxes, scores):
    return boxes * np.float32(1.01), scores


def shifted_level(boxes, scores):
    return boxes + np.float32(np.arange(len(boxes)) >= FINE)[:, None], scores


def shifted_boxes_of_one_class(boxes, scores):
    """By half a pixel, in boxes that each class has for itself."""
    return boxes[:, None] + np.float32([0, 0, 0.5])[None, :, None], scores


@pytest.mark.parametrize(
    "damaged",
    [
        BackEnd(candidates=shifted_class),
        BackEnd(candidates=scaled_boxes),
        BackEnd(candidates=shifted_level),
        BackEnd(candidates=shifted_boxes_of_one_class),
        BackEnd(image=lambda image: image[..., ::-1]),
        BackEnd(image=lambda image: image[:, ::-1]),
        BackEnd(confidence=0.1),
        BackEnd(confidence=0.3),
        BackEnd(iou=1.0),
        BackEnd(iou=0.4),
    ],
)
def test_damage_is_a_fault(images, damaged):
    assert fault(images, damaged, Detector())

"""Light models as tests save them, and inputs for them."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from measuring.first_models import CLASSES, FIRST, create_light

from detect import models
from detect.data.shapes import CLASSES as NAMES
from detect.models.card import ModelCard
from detect.models.detector import Detector
from detect.models.saving import save
from detect.structures import Targets

SMALL = f"{Path(__file__).parent / 'small_detector.py'}:SmallDetector"
# Factors on all kernels and on those of the class scores, which spread the scores of a model with random weights. The
# features of some models hardly depend on the image; those of RetinaNet are large.
LOUDER = {
    "deimv2-atto": (1, 2),
    "dfine-n": (1, 2),
    "rfdetr-nano": (1, 2),
    "rtdetrv2-r18": (1, 2),
    "yolox-micro": (1, 30_000),
    "ssdlite-mobilenetv3": (6.5, 30),
    "retinanet-r18": (1, 5),
    SMALL: (1, 5),
}


def in_make_test(*names: str) -> list:
    """Return the first model of each family as parameters, for `make test` or, where it is not named, `make long`."""
    return [name if name in names else pytest.param(name, marks=pytest.mark.long) for name in FIRST]


# Models for which `make test` runs what takes long. They are traced the fastest; one learns points, the other default
# boxes. Where other tests do the same with `SmallDetector`, which is an FCOS too, only the other.
QUICK = ("fcos-r18", "ssd-vgg16")
EACH_FAMILY = in_make_test(*QUICK)
EACH_FAMILY_BESIDE_SMALL = in_make_test(QUICK[1])


def pictures(detector: Detector, batch: int = 2, extra: tuple[int, int] = (0, 0)) -> tf.Tensor:
    """Return noise of the smallest size that the model takes, and `extra` rows and columns."""
    shape = (batch, detector.smallest_side + extra[0], detector.smallest_side + extra[1], 3)
    return tf.constant(np.random.default_rng(0).integers(0, 256, shape), tf.uint8)


def truth(detector: Detector, batch: int = 2, rows: int = 3) -> Targets:
    """Return targets: the first image has two boxes, the others none."""
    boxes, labels = np.zeros((batch, rows, 4), np.float32), np.full((batch, rows), -1, np.int32)
    boxes[0, :2] = np.array([[4, 6, 40, 50], [30, 20, 44, 34]]) * detector.smallest_side / 64
    labels[0, :2] = [2, 0]
    return Targets(tf.constant(boxes), tf.constant(labels), tf.zeros([batch, rows], bool))


def create_loud(name: str, last: float | None = None) -> Detector:
    """Create a light model that detects something everywhere; `last` replaces the factor on the class scores."""
    everywhere, usual = LOUDER.get(name, (1, 30))
    return spread_scores(create_light(name), everywhere, usual if last is None else last)


def spread_scores(detector: Detector, everywhere: float, last: float) -> Detector:
    """Multiply all kernels and those of the class scores, so that rounding does not change the order of scores."""
    for weight in detector.weights:
        if weight.path.endswith("kernel"):
            is_last = "class_logits" in weight.path or "objectness" in weight.path
            weight.assign(everywhere * (last if is_last else 1) * weight)
    return detector


def saved(name: str, folder, **changes):
    """Save a model of `create_loud`, and return its folder; `changes` are to its card."""
    return _saved(create_loud(name), name, folder, changes)


def saved_small(folder, **changes):
    """Save a model for tests in which any does, and return its folder: `SmallDetector`, for images of 64 pixels."""
    keras.utils.set_random_seed(0)
    detector = spread_scores(models.create(SMALL, CLASSES), *LOUDER[SMALL])
    return _saved(detector, SMALL, folder, changes)


def _saved(detector: Detector, name: str, folder, changes: dict):
    side = detector.smallest_side
    card = ModelCard(
        model=name,
        config={**detector.config.model_dump(), "confidence": 1e-4},
        classes=NAMES,
        category_ids=tuple(range(CLASSES)),
        image_size=side,
        licence="CC0",
    )
    save(detector, card.model_copy(update=changes), folder)
    return folder

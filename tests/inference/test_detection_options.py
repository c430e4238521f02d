"""Which of the detections a model returns, by class and number."""

import numpy as np
import pytest

from detect.errors import BadInput
from detect.inference.predictor import Model
from detect.models.card import ModelCard
from detect.structures import Detections

CLASSES = ("person", "car", "dog")
LABELS = [2, 0, 1, 0, 2]  # of the objects in every image, best first
SCORES = [0.9, 0.8, 0.7, 0.6, 0.5]


class FixedBackEnd:
    """Detects the same five objects in every image, those with scores above the threshold."""

    name, confidence, iou, batch_size, size_divisor, smallest_side, canvases = "fixed", 0.01, 0.6, 4, 1, 1, ()

    def detect(self, images, extents, confidence, iou):
        kept = np.float32(SCORES) > confidence
        boxes = np.float32([[n, n, n + 4, n + 4] for n in range(5)])
        found = Detections(boxes * kept[:, None], np.float32(SCORES) * kept, np.where(kept, LABELS, -1))
        return Detections(*(np.repeat(part[None], len(images), axis=0) for part in found))


def model(**values) -> Model:
    card = ModelCard(
        model="fixed", config={"max_detections": 5}, classes=CLASSES, category_ids=(1, 2, 3), image_size=32, **values
    )
    return Model(FixedBackEnd(), card)


IMAGE = np.zeros((32, 32, 3), np.uint8)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["dog", "person", "car", "person", "dog"]),
        ({"classes": "person"}, ["person", "person"]),
        ({"classes": ["car", 2]}, ["dog", "car", "dog"]),
        ({"max_detections": 2}, ["dog", "person"]),
        ({"classes": "person,car", "max_detections": 2}, ["person", "car"]),  # of the wanted ones, not of all
        ({"classes": "dog", "confidence": 0.55}, ["dog"]),
        ({"max_detections": 5}, ["dog", "person", "car", "person", "dog"]),
    ],
)
def test_classes_and_numbers_of_objects(options, names):
    detector = model()
    assert detector(IMAGE, **options).names == names
    (found,) = detector.predict([IMAGE], **options)
    assert found.names == names
    places = dict(zip(np.float32(SCORES), range(5), strict=True))
    assert found.boxes[:, 0].tolist() == [places[score] for score in found.scores]  # they stay with their scores


def test_classes_keep_the_thresholds_of_the_card():
    assert model(confidences={"person": 0.7})(IMAGE, classes="person,car").names == ["person", "car"]


def test_what_the_model_cannot_find():
    with pytest.raises(BadInput, match=r"no class 'cat'. Did you mean 'car'"):
        model()(IMAGE, classes="person,cat")
    with pytest.raises(BadInput, match=r"at most 5 objects in an image, 6 are wanted\. Load it as"):
        model().predict(IMAGE, max_detections=6)

"""The model of a run before it begins."""

import json

import numpy as np
import pytest

from detect.data.dataset import Dataset
from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.errors import BadInput
from detect.training.preparation import create_detector, prepare_data
from detect.training.settings import TrainingSettings

LIGHT = {"yolox-micro": {"width": 0.0625, "depth": 0.0}, "fasterrcnn-r18": {"filters": 16, "hidden": [16]}}


def create(model: str = "yolox-micro", **settings):
    settings = {"image_size": 64, "architecture": LIGHT[model], **settings}
    return create_detector(TrainingSettings(data="d", model=model, **settings), classes=2)


def test_the_seed_decides_the_first_weights():
    first, again, other = (create(seed=seed).get_weights() for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert any((one != two).any() for one, two in zip(first, other, strict=True))


def test_the_seed_decides_what_is_drawn_in_training():
    detector = create("fasterrcnn-r18", seed=7)
    assert list(detector.seed.next().numpy()) == [7, 0]
    assert create("fasterrcnn-r18").seed.next().numpy()[0] == 0
    assert create().seed is None  # YOLOX draws nothing


def test_layers_that_are_frozen_are_not_trained():
    detector = create(freeze=["backbone.stage2"])
    assert not detector.backbone.stage2.trainable_variables
    assert detector.backbone.stage3.trainable_variables


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze": ["bakbone"]}, "no layer 'bakbone'; YOLOX has backbone, neck"),
    ],
)
def test_what_does_not_suit_the_model_is_refused(settings, message):
    with pytest.raises(BadInput, match=message):
        create(**settings)


class Said:
    """A display that keeps what is said."""

    def __init__(self):
        self.lines = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def shapes(tmp_path):
    """Return a function that gives a dataset whose boxes in one split are changed: emptied, or all ignored."""

    def write(split: str, change) -> Dataset:
        path = write_shapes(tmp_path, train=3, val=2, image_size=64)
        file = path.parent / f"{split}.json"
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, "annotations": change(content["annotations"])}))
        return open_dataset(path)

    return write


def removed(annotations: list[dict]) -> list[dict]:
    return []


def crowds(annotations: list[dict]) -> list[dict]:
    return [{**annotation, "iscrowd": 1} for annotation in annotations]


@pytest.mark.parametrize(
    ("change", "why"),
    [(removed, "no image has a box. Check that the labels"), (crowds, r"all \d+ boxes are marked as crowd regions")],
)
def test_a_training_split_without_a_box_to_learn_is_refused(shapes, change, why):
    with pytest.raises(BadInput, match=f"there is nothing to learn: in the split 'train', {why}"):
        prepare_data(shapes("train", change), 0.1, Said())


@pytest.mark.parametrize("change", [removed, crowds])
def test_a_validation_split_without_a_box_is_a_warning(shapes, change):
    said = Said()
    prepare_data(shapes("val", change), 0.1, said)
    assert "the newest model counts as the best one" in said.lines[-1]

"""The model of a run before it begins."""

import numpy as np
import pytest

from detect.errors import BadInput
from detect.training.preparation import create_detector
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
        ({"image_size": 65}, "expected a multiple of 32, got 65. The nearest are 64 and 96"),
        ({"sizes": [64, 32]}, "got 32. The smallest is 64"),
    ],
)
def test_what_does_not_suit_the_model_is_refused(settings, message):
    with pytest.raises(BadInput, match=message):
        create(**settings)

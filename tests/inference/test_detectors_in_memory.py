"""Detectors in memory, such as those that Keras' `fit` has trained, as models that predict and are saved."""

import keras
import numpy as np
import pytest

import detect
from detect import models
from detect.errors import BadInput
from detect.files import file_digest
from detect.models.card import WEIGHTS

CLASSES = ("cat", "dog")


@pytest.fixture(scope="module")
def detector():
    keras.utils.set_random_seed(0)
    return models.create("yolox-micro", 2, width=0.0625, depth=0.0)


def test_a_detector_predicts_and_is_saved_as_any_other_model(detector, tmp_path):
    model = detect.load(detector, classes=CLASSES, image_size=64)
    assert repr(model) == "<Model yolox-micro, 2 classes, 64 px>"
    with pytest.raises(BadInput, match=r"write one with model.save\(FOLDER\)"):
        detect.export(model)
    model.save(tmp_path / "model")
    saved = detect.load(tmp_path / "model", max_detections=7)
    assert saved.card.config == {**model.card.config, "max_detections": 7}
    written = {"config": saved.card.config, "weights": file_digest(tmp_path / "model" / WEIGHTS)}
    assert saved.card == model.card.model_copy(update=written)
    for ours, theirs in zip(detector.weights, saved.backend.detector.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)

    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    here = model(image, confidence=1e-5)
    assert len(here) == 100
    turned = model(image[:, :, ::-1], confidence=1e-5, channels="bgr")
    np.testing.assert_array_equal(turned.boxes, here.boxes)
    np.testing.assert_array_equal(turned.image, image)

    biases = [weight for weight in detector.weights if weight.path.endswith("objectness/bias")]
    for bias in biases:  # training goes on
        bias.assign(bias - 7)
    assert len(model(image, confidence=1e-5)) < 100
    with pytest.raises(BadInput, match="weights do not fit to other values of width"):
        detector.with_settings(width=0.125)
    for source, problem in [([image, image], "2 sources"), ("0", "a camera")]:
        with pytest.raises(BadInput, match=f"Expected one image, got {problem}"):
            model(source)
    with pytest.raises(BadInput, match="expected 'rgb' or 'bgr', got 'grb'"):
        model(image, channels="grb")


@pytest.mark.parametrize(
    ("options", "message"),
    [({}, "got none"), ({"classes": ["cat"]}, "names of the 2 classes of the detector as classes, got 1")],
)
def test_the_classes_of_a_detector_must_be_named(detector, options, message):
    with pytest.raises(BadInput, match=message):
        detect.load(detector, **options)


def test_only_detectors_need_classes(tmp_path):
    with pytest.raises(BadInput, match="leave out classes"):
        detect.load(tmp_path, classes=CLASSES)
    with pytest.raises(BadInput, match="a detector of this package, got dict"):
        detect.load({}, classes=CLASSES)
    with pytest.raises(BadInput, match="max_detections: only the settings of a saved model"):
        detect.load({}, max_detections=300)
    for option in ("weights", "backend"):
        with pytest.raises(BadInput, match="leave out weights and backend"):
            detect.load({}, **{option: "auto"}, classes=CLASSES)

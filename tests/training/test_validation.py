"""One validation of a tiny model: what it returns, what it saves, and what it leaves alone."""

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect import models
from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.evaluation.coco_scores import METRICS
from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
from detect.inference.predictor import Model
from detect.models.card import WEIGHTS, ModelCard, load_card
from detect.training.run_folder import RunFolder
from detect.training.updates.average import WeightAverage
from detect.training.updates.optimizers import flatten
from detect.training.validation import Validation, Validator, from_rows
from detect.training.workers.cluster import Cluster
from detect.training.workers.exchange import Workers

ALONE = Workers(tf.distribute.get_strategy())


@pytest.fixture(scope="module")
def validator(tmp_path_factory) -> Validator:
    """Of a model whose weights have all been set to 0 since its average was begun."""
    data = open_dataset(write_shapes(tmp_path_factory.mktemp("shapes"), train=1, val=3, image_size=64))
    keras.utils.set_random_seed(0)
    detector = models.create("yolox-micro", len(data.classes), width=0.0625, depth=0.0)
    average = WeightAverage(detector)
    for weight in detector.weights:
        weight.assign(np.zeros(weight.shape))
    card = ModelCard(
        model="yolox-micro",
        config=detector.config.model_dump(),
        classes=data.classes,
        category_ids=data.category_ids,
        image_size=64,
    )
    model = Model(TensorFlowBackEnd(detector, learning=True), card)

    def note(unreadable) -> None:
        assert not len(unreadable.indices())

    folder = RunFolder(tmp_path_factory.mktemp("run"))
    return Validator(detector, model, average, data.splits["val"], lambda: 2, folder, note, ALONE)


@pytest.fixture(scope="module")
def first(validator) -> Validation:
    """The result of a first validation, which any AP makes the best."""
    return validator.validate(best=-1.0)


def test_the_first_validation_is_the_best_so_far(first):
    assert first.best
    assert 0 <= first.average_precision < 0.5  # of random weights
    assert first.metrics["AP"] == first.scores.AP


class Share(Workers):
    """A worker of two that hears of nobody, and keeps what it would send."""

    def __init__(self, index):
        super().__init__(tf.distribute.get_strategy())
        self.cluster = Cluster(("a:1", "b:2"), index)
        self.sent = []

    def gathered(self, array):
        self.sent.append(array)
        return [array]


def by_brightness(images, extents):
    """Detect one box in each image, whose size and score follow from the brightness of the image."""
    brightness = np.mean(images, axis=(1, 2, 3)) / 255
    boxes = np.stack([0 * brightness, 0 * brightness, 64 * brightness, 32 * brightness], axis=1)
    return boxes[:, None].astype(np.float32), brightness[:, None].astype(np.float32), np.zeros((len(images), 1), int)


def test_the_detections_of_two_workers_are_those_of_one(validator):
    model = SimpleNamespace(detect_to_score=by_brightness, views=lambda: 64, card=validator.model.card)
    shares = [Share(0), Share(1)]
    whole, *_ = (dataclasses.replace(validator, model=model, workers=each).detect() for each in (ALONE, *shares))
    rows = np.concatenate([share.sent[-1] for share in shares])
    both = from_rows(rows, validator.records.image_ids, np.asarray(model.card.category_ids))
    assert [len(share.sent[-1]) for share in shares] == [2, 1]
    for name in ("image_ids", "category_ids", "boxes", "scores"):
        np.testing.assert_array_equal(getattr(both, name), getattr(whole, name))


def test_only_the_chief_scores_and_saves(validator):
    folder = RunFolder(validator.folder.path / "other")
    assert dataclasses.replace(validator, workers=Share(1), folder=folder).validate(best=0.0) is None
    assert not folder.path.exists()


def saved_weights(validator: Validator, folder: Path) -> np.ndarray:
    """All weights of a saved model as one vector, in the order of the average."""
    own = [weight.numpy() for weight in validator.detector.weights]
    validator.detector.load_weights(folder / WEIGHTS)
    saved = flatten(validator.average.weights).numpy()
    validator.detector.set_weights(own)
    return saved


def test_the_averaged_weights_are_saved_and_those_of_the_training_stay(validator, first):
    assert not any(weight.numpy().any() for weight in validator.detector.weights)
    for folder in (validator.folder.best, validator.folder.last):
        np.testing.assert_array_equal(saved_weights(validator, folder), validator.average.average)
        assert load_card(folder).metrics == first.metrics


def test_a_validation_that_is_not_better_leaves_the_best_model_alone(validator, first):
    folder = validator.folder
    kept = [folder.best / "model.json", folder.evaluation, folder.validation_picture]
    before = [path.stat().st_mtime_ns for path in kept]
    validator.average.average.assign(-validator.average.average)
    assert not validator.validate(best=0.75).best
    assert [path.stat().st_mtime_ns for path in kept] == before
    np.testing.assert_array_equal(saved_weights(validator, folder.last), -saved_weights(validator, folder.best))


def test_without_a_box_to_find_the_newest_model_is_the_best(validator, first):
    ignored = np.ones(len(validator.records.boxes), bool)
    emptied = dataclasses.replace(validator.records, ignore=ignored, stated=None)
    without = dataclasses.replace(validator, records=emptied)
    for weights in (1.0, 2.0):
        validator.average.average.assign(tf.fill(validator.average.average.shape, weights))
        assert without.validate(best=0.0).best
        assert (saved_weights(validator, validator.folder.best) == weights).all()


def test_scores_that_are_not_defined_are_left_out():
    scores = SimpleNamespace(**{**dict.fromkeys(METRICS, 0.5), "AP": math.nan})
    validation = Validation(scores, best=True)
    assert validation.average_precision == 0
    assert validation.metrics == {name: 0.5 for name in METRICS if name != "AP"}

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
from detect.training.validation import Validation, Validator


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
    return Validator(detector, model, average, data.splits["val"], lambda: 2, folder, note)


@pytest.fixture(scope="module")
def first(validator) -> Validation:
    """The result of a first validation, which any AP makes the best."""
    return validator.validate(best=-1.0)


def test_the_first_validation_is_the_best_so_far(first):
    assert first.best
    assert 0 <= first.average_precision < 0.5  # of random weights
    assert first.metrics["AP"] == first.scores.AP


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
    emptied = dataclasses.replace(validator.records, ignore=np.ones(len(validator.records.boxes), bool))
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

"""Detectors as Keras models: files of Keras, and what `compile` takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect import models
from detect.errors import BadInput

SMALL = {"width": 0.0625, "depth": 0.0}


def test_a_file_of_keras_holds_the_whole_detector(tmp_path):
    detector = models.create("yolox-micro", 3, max_detections=7, **SMALL)
    detector.compile(keras.optimizers.SGD(0.5, momentum=0.9))
    detector.optimizer.build(detector.trainable_variables)
    detector.optimizer.variables[-1].assign_add(tf.ones_like(detector.optimizer.variables[-1]))
    detector.save(tmp_path / "x.keras")
    loaded = keras.saving.load_model(tmp_path / "x.keras")

    assert (type(loaded), loaded.config, loaded.classes) == (type(detector), detector.config, 3)
    for new, old in zip(loaded.weights, detector.weights, strict=True):
        np.testing.assert_array_equal(new, old)
    assert loaded.optimizer.learning_rate == 0.5
    np.testing.assert_array_equal(loaded.optimizer.variables[-1], detector.optimizer.variables[-1])
    with pytest.raises(BadInput, match="The loss belongs to the detector"):
        loaded.compile("sgd", "mse")
    with pytest.raises(BadInput, match=r"detect\.CocoScores"):
        loaded.compile(metrics=["accuracy"])


@pytest.mark.parametrize(
    ("name", "changes"),
    [("yolox-nano", {"confidence": 0.3}), ("yolox-micro", {"depth": 0.0}), ("efficientdet-lite0", {"prior": 0.5})],
)
def test_the_name_of_a_detector_is_that_of_the_row_with_most_of_its_settings(name, changes):
    assert models.name_of(models.without_weights(name, 2, **changes)) == name

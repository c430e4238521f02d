"""Training and prediction of every family are one computation each under XLA, as on a GPU."""

import pytest
import tensorflow as tf
from light_models import EACH_FAMILY, pictures, truth
from measuring.first_models import create_light
from one_computation import check_one_computation

from detect.models.detector import Detector
from detect.models.predict_step import predict_step
from detect.structures import Batch
from detect.training.settings import OptimizerSettings
from detect.training.updates import step as training
from detect.training.updates.average import WeightAverage
from detect.training.updates.optimizers import Optimizer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=EACH_FAMILY)
def detector(request) -> Detector:
    return create_light(request.param)


def test_a_training_step_is_one_computation(detector, monkeypatch):
    monkeypatch.setattr(training, "on_accelerator", lambda: True)
    side = detector.smallest_side
    optimizer = Optimizer(OptimizerSettings(), [variable.value for variable in detector.trainable_variables])
    step = training.TrainingStep(detector, optimizer, WeightAverage(detector), (side,), tf.distribute.get_strategy())
    batch = Batch(pictures(detector), truth(detector), tf.range(2, dtype=tf.int64))
    numbers = tf.constant(0.01), tf.constant(0.9), tf.constant(0.0)  # learning rate, decay, not the closing phase
    check_one_computation(step.compiled[side], (batch,), *numbers)


def test_a_prediction_step_is_one_computation(detector):
    images, side = pictures(detector), detector.smallest_side
    step = predict_step(detector, side, side, images.dtype, xla=True)
    check_one_computation(step, images, tf.fill([2, 2], float(side)), tf.constant(0.1), tf.constant(0.5))

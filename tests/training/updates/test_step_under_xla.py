"""The step as it is compiled for a GPU: one XLA computation, with the numbers of the plain one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from one_computation import check_one_computation

from detect.layers.batch_normalization import BatchNormalization
from detect.models.detector import Detector, DetectorConfig
from detect.ops.activations import swish
from detect.ops.replicas import sum_over_replicas
from detect.structures import Batch, Targets
from detect.training.settings import OptimizerSettings
from detect.training.updates import step as training
from detect.training.updates.average import WeightAverage
from detect.training.updates.optimizers import Optimizer

SIDE = 8
ONE_DEVICE = tf.distribute.get_strategy()


class Widths(Detector):
    """Predicts one number per image from a convolution: the width of its first box, as a share of the image."""

    def __init__(self):
        super().__init__(DetectorConfig(), classes=1)
        self.convolution = keras.layers.Conv2D(4, 3, strides=2, use_bias=False)
        self.normalization = BatchNormalization()
        self.width = keras.layers.Dense(1)

    def call(self, images, targets=None, training=False, extents=None):
        features = self.convolution(tf.cast(images, tf.float32) / 255)
        features = swish(self.normalization(features, training=training))
        return {"width": self.width(tf.reduce_mean(features, axis=[1, 2]))[:, 0]}

    def loss(self, outputs, targets, closing=0.0):
        count = sum_over_replicas(tf.cast(tf.shape(outputs["width"])[0], tf.float32))
        wanted = (targets.boxes[:, 0, 2] - targets.boxes[:, 0, 0]) / SIDE
        return {"square": tf.reduce_sum(tf.square(outputs["width"] - wanted)) / count}

    def candidates(self, outputs):
        raise NotImplementedError("this detector only learns")

    def decode(self, outputs, confidence=None, iou=None):
        raise NotImplementedError("this detector only learns")


def batches() -> tuple[Batch, ...]:
    """Return two batches of two images each, for a step that accumulates gradients."""
    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (2, SIDE, SIDE, 3)), tf.uint8)
    boxes = tf.constant([[[0.0, 0, 4, 4]], [[0, 0, 6, 2]]])
    targets = Targets(boxes, tf.zeros([2, 1], tf.int32), tf.zeros([2, 1], tf.bool))
    batch = Batch(images, targets, tf.range(2, dtype=tf.int64))
    return batch, batch._replace(images=255 - images)


def create_step(rule: str, strategy: tf.distribute.Strategy = ONE_DEVICE) -> training.TrainingStep:
    keras.utils.set_random_seed(0)
    detector = Widths()
    detector(tf.zeros((1, SIDE, SIDE, 3), tf.uint8))
    settings = OptimizerSettings(name=rule, weight_decay=0.01, clip_norm=1.0)
    optimizer = Optimizer(settings, [variable.value for variable in detector.trainable_variables])
    return training.TrainingStep(detector, optimizer, WeightAverage(detector), (SIDE,), strategy)


def numbers_after_steps(rule: str) -> list[np.ndarray]:
    """Return the losses of five steps, then all weights, their average and the state of the optimizer."""
    step = create_step(rule)
    losses = [step(batches(), SIDE, learning_rate=0.01, decay=0.9, closing=False)["square"] for _ in range(5)]
    assert losses[-1] < losses[0]
    return [value.numpy() for value in (*losses, *step.average.weights, step.average.average, *step.optimizer.state)]


@pytest.mark.parametrize("rule", ["sgd", "adamw"])
def test_it_gives_the_numbers_of_the_plain_step(rule, monkeypatch):
    plain = numbers_after_steps(rule)
    monkeypatch.setattr(training, "on_accelerator", lambda: True)
    for under_xla, number in zip(numbers_after_steps(rule), plain, strict=True):
        np.testing.assert_allclose(under_xla, number, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rule", ["sgd", "adamw"])
def test_it_is_one_computation(rule, monkeypatch):
    monkeypatch.setattr(training, "on_accelerator", lambda: True)
    numbers = tf.constant(0.01), tf.constant(0.9), tf.constant(0.0)  # learning rate, decay, not the closing phase
    check_one_computation(create_step(rule).compiled[SIDE], batches(), *numbers)


def test_xla_compiles_it_on_one_accelerator_only(two_replicas, monkeypatch):
    def whole(strategy=ONE_DEVICE) -> bool:
        return bool(create_step("sgd", strategy).compiled[SIDE]._jit_compile)

    assert not whole()
    monkeypatch.setattr(training, "on_accelerator", lambda: True)
    assert whole()
    with two_replicas.scope():
        assert not whole(two_replicas)

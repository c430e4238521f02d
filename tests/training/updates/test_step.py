"""The compiled step: against plain arithmetic, over accumulated batches, and over replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.models.detector import Detector, DetectorConfig
from detect.ops.replicas import sum_over_replicas
from detect.structures import Batch, Targets
from detect.training.settings import OptimizerSettings
from detect.training.updates.average import WeightAverage
from detect.training.updates.optimizers import Optimizer
from detect.training.updates.step import TrainingStep

SIDE = 2
ONE_DEVICE = tf.distribute.get_strategy()


class Brightness(Detector):
    """Predicts one number, `weight * mean of the picture`; its loss is the mean square of it over the whole batch.

    In the closing phase, it is twice that.
    """

    def __init__(self):
        super().__init__(DetectorConfig(), classes=1)
        self.scale = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")

    def call(self, images, targets=None, training=False, extents=None):
        return {"value": self.scale(tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2, 3])[:, None])}

    def loss(self, outputs, targets, closing=0.0):
        count = sum_over_replicas(tf.cast(tf.shape(outputs["value"])[0], tf.float32))
        return {"square": (1 + closing) * tf.reduce_sum(outputs["value"] ** 2) / count}

    def candidates(self, outputs):
        raise NotImplementedError("this detector only learns")

    def decode(self, outputs, confidence=None, iou=None):
        raise NotImplementedError("this detector only learns")


def batch(*levels):
    images = np.stack([np.full((SIDE, SIDE, 3), level, np.uint8) for level in levels])
    count = len(levels)
    targets = Targets(tf.zeros((count, 1, 4)), tf.fill((count, 1), -1), tf.zeros((count, 1), tf.bool))
    return Batch(tf.constant(images), targets, tf.range(count, dtype=tf.int64))


def create(strategy=ONE_DEVICE, detector=None):
    """Return the detector and a step that takes plain gradient steps."""
    detector = detector or Brightness()
    detector(tf.zeros((1, SIDE, SIDE, 3), tf.uint8))
    settings = OptimizerSettings(name="sgd", momentum=0.0, weight_decay=0.0, clip_norm=None)
    optimizer = Optimizer(settings, [variable.value for variable in detector.trainable_variables])
    return detector, TrainingStep(detector, optimizer, WeightAverage(detector), (SIDE,), strategy)


def weight(detector) -> float:
    return float(np.squeeze(detector.weights[0].numpy()))


def test_one_step_by_hand():
    detector, step = create()
    losses = step((batch(1, 3),), SIDE, learning_rate=0.01, decay=0.5, closing=False)
    assert float(losses["square"]) == pytest.approx(5)  # (1 + 9) / 2
    assert weight(detector) == pytest.approx(1 - 0.01 * 2 * 5)  # the gradient of w^2 * 5 at w = 1
    np.testing.assert_allclose(step.average.average, [0.95], rtol=1e-6)  # half way from 1 to 0.9


def test_accumulated_batches_equal_their_mean():
    detector, step = create()
    step((batch(1, 3), batch(2, 0)), SIDE, learning_rate=0.01, decay=0.5, closing=False)
    assert weight(detector) == pytest.approx(1 - 0.01 * 2 * (5 + 2) / 2)


def test_parts_of_a_batch_train_like_the_whole_batch():
    weights = []
    for batches in ([batch(1, 3, 2, 0)], [batch(1, 3), batch(2, 0)], [batch(1), batch(3), batch(2), batch(0)]):
        detector, step = create()
        for _ in range(3):
            losses = step(tuple(batches), SIDE, learning_rate=0.01, decay=0.5, closing=False)
        weights.append((weight(detector), float(losses["square"]), float(step.average.average[0])))
    np.testing.assert_allclose(weights, [weights[0]] * 3, rtol=1e-6)


def test_the_closing_phase_reaches_the_loss_without_another_trace():
    detector, step = create()
    first = step((batch(1, 3),), SIDE, learning_rate=0.0, decay=0.5, closing=False)
    second = step((batch(1, 3),), SIDE, learning_rate=0.01, decay=0.5, closing=True)
    assert [float(losses["square"]) for losses in (first, second)] == pytest.approx([5, 10])
    assert weight(detector) == pytest.approx(1 - 0.01 * 2 * 10)
    assert step.compiled[SIDE].experimental_get_tracing_count() == 1


def test_another_size_is_an_error():
    _, step = create()
    with pytest.raises(ValueError, match=r"side \[2\], got 4"):
        step((batch(1),), 4, learning_rate=0.01, decay=0.5, closing=False)


def test_two_replicas_equal_one_large_batch(two_replicas):
    detector, step = create()
    step((batch(1, 3, 2, 0),), SIDE, learning_rate=0.01, decay=0.5, closing=False)
    with two_replicas.scope():
        mirrored, distributed = create(two_replicas)
        halves = [batch(1, 3), batch(2, 0)]
        values = two_replicas.experimental_distribute_values_from_function(
            lambda context: halves[context.replica_id_in_sync_group]
        )
        losses = distributed((values,), SIDE, learning_rate=0.01, decay=0.5, closing=False)
    assert float(losses["square"]) == pytest.approx(3.5)
    assert weight(mirrored) == pytest.approx(weight(detector))
    np.testing.assert_allclose(distributed.average.average.numpy(), step.average.average.numpy(), rtol=1e-6)


class Fragile(Brightness):
    """Has statistics; its loss is infinite for a white picture, and its gradient not a number for a black one."""

    def __init__(self):
        super().__init__()
        self.normalization = BatchNormalization(momentum=0.5)

    def call(self, images, targets=None, training=False, extents=None):
        outputs = super().call(self.normalization(tf.cast(images, tf.float32), training=training))
        levels = tf.cast(images, tf.float32)
        return {
            **outputs,
            "lightest": tf.reduce_max(levels),
            "darkest": tf.reduce_min(tf.reduce_max(levels, [1, 2, 3])),
        }

    def loss(self, outputs, targets, closing=0.0):
        losses = super().loss(outputs, targets, closing)
        root = tf.sqrt(outputs["darkest"] * self.scale.kernel[0, 0])
        return {"square": losses["square"] / tf.cast(outputs["lightest"] < 255, tf.float32), "root": root}


@pytest.mark.parametrize("fault", [255, 0])
@pytest.mark.parametrize("others", [[], [batch(5, 6)]])
def test_a_step_that_is_not_finite_changes_nothing(fault, others):
    detector, step = create(detector=Fragile())
    step((batch(1, 3), *others), SIDE, learning_rate=0.01, decay=0.5, closing=False)
    state = [*detector.weights, *step.optimizer.state, step.average.average]
    before = [np.array(variable) for variable in state]
    losses = step((batch(2, fault), *others), SIDE, learning_rate=0.01, decay=0.5, closing=False)
    assert not np.isfinite(sum(map(float, losses.values())))
    for variable, old in zip(state, before, strict=True):
        np.testing.assert_array_equal(variable, old)
    losses = step((batch(1, 3), *others), SIDE, learning_rate=0.01, decay=0.5, closing=False)
    assert np.isfinite(sum(map(float, losses.values())))
    assert all((np.array(variable) != old).any() for variable, old in zip(state, before, strict=True) if old.any())


def test_one_replica_that_is_not_finite_stops_the_step_of_all(two_replicas):
    with two_replicas.scope():
        detector, step = create(two_replicas, Fragile())
        halves = [batch(1, 3), batch(2, 255)]
        values = two_replicas.experimental_distribute_values_from_function(
            lambda context: halves[context.replica_id_in_sync_group]
        )
        before = [weight.numpy() for weight in detector.weights]
        losses = step((values,), SIDE, learning_rate=0.01, decay=0.5, closing=False)
    assert not np.isfinite(float(losses["square"]))
    for variable, old in zip(detector.weights, before, strict=True):
        for copy in two_replicas.experimental_local_results(variable.value):
            np.testing.assert_array_equal(copy, old)

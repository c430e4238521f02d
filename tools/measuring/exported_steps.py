"""Steps of detectors to export: training from images to new weights, and prediction from pixels to boxes.

Kernels are random numbers that `operands.weights` can draw again, so that the exported files stay small.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf
from measuring import operands
from measuring.batches import TRANSFORMERS

from detect import models
from detect.models.detector import Detector
from detect.ops.compiling import Runtime
from detect.structures import Batch, Targets
from detect.training.settings import OptimizerSettings
from detect.training.updates.average import WeightAverage
from detect.training.updates.optimizers import Optimizer
from detect.training.updates.step import TrainingStep

RATE, DECAY = 1e-3, 0.99  # learning rate, and decay of the average


@dataclass(frozen=True)
class Case:
    """A function to compile as a whole, with its arguments."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    operands: str = ""  # the call of `measuring.operands` that computes the large arguments
    answers: bool = field(default=True)  # whether TensorFlow computes the outputs, which takes too long for steps


def network(runtime: Runtime, name: str, count: int, side: int) -> Case:
    """Return the case of the network and its gradient, without assignment and loss."""
    detector = create(name, "mixed_bfloat16", runtime)
    weights = [variable.value for variable in detector.trainable_variables]

    def gradients(images: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            outputs = [x for x in tf.nest.flatten(detector(images, training=True)) if tf.is_tensor(x)]
            total = tf.add_n([tf.reduce_sum(tf.cast(x, tf.float32)) for x in outputs])
        return tape.gradient(total, weights)

    images, _, _ = operands.training_batch(count, side)
    return Case(gradients, (tf.constant(images),), f"training_batch {count} {side}", answers=False)


def training(runtime: Runtime, name: str, count: int, side: int) -> Case:
    """Return the case of a training step as in a run on one GPU: forward, loss, gradients, update, average."""
    detector = create(name, "mixed_bfloat16", runtime)
    images, boxes, labels = map(tf.constant, operands.training_batch(count, side))
    batch = Batch(images, Targets(boxes, labels, tf.zeros(labels.shape, tf.bool)), tf.range(count, dtype=tf.int64))
    average = WeightAverage(detector)
    average.average.assign(tf.zeros_like(average.average))
    rule = "adamw" if name.partition("-")[0] in TRANSFORMERS else "sgd"
    variables = [variable.value for variable in detector.trainable_variables]
    optimizer = Optimizer(OptimizerSettings(name=rule), variables)
    step = TrainingStep(detector, optimizer, average, (side,), tf.distribute.get_strategy())
    numbers = tf.constant(RATE), tf.constant(DECAY), tf.constant(0.0)  # not the closing phase
    call = f"training_batch {count} {side}"
    return Case(step.compiled[side].python_function, ((batch,), *numbers), call, answers=False)


def prediction(runtime: Runtime, name: str, count: int, side: int, precision: str) -> Case:
    """Return the case from pixels to boxes."""
    detector = create(name, precision, runtime)

    def predict(images: tf.Tensor, extents: tf.Tensor, confidence: tf.Tensor, overlap: tf.Tensor) -> Any:
        return detector.decode(detector(images, extents=extents), confidence=confidence, iou=overlap)

    thresholds = tf.constant(operands.CONFIDENCE), tf.constant(operands.OVERLAP)
    images, _, _ = operands.training_batch(count, side)
    arguments = (tf.constant(images), tf.fill([count, 2], float(side)), *thresholds)
    return Case(predict, arguments, f"training_batch {count} {side}", answers=False)


def create(name: str, precision: str, runtime: Runtime) -> Detector:
    """Return the model with random kernels, the same every time."""
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(0)
    detector = models.create(name, operands.CLASSES, runtime=runtime)
    for variable in detector.trainable_variables:
        if operands.is_drawn(variable.shape):
            variable.assign(operands.weights(*variable.shape))
    return detector

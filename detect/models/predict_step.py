"""The compiled step from images to detections that prediction and exports run."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from detect.models.detector import Detector
from detect.structures import Detections

Decode = Callable[..., Detections]  # as `Detector.decode`: outputs, confidence and iou to detections


def predict_step(
    detector: Detector,
    height: int,
    width: int,
    dtype: tf.DType,
    xla: bool = False,
    batch: int | None = None,
    decode: Decode | None = None,
) -> tf.types.experimental.PolymorphicFunction:
    """Return the predict step: images, extents, confidence and iou to detections.

    Thresholds are tensors, and the batch is open unless `batch` says how many images it has, so it is traced once.

    XLA compiles it where there is a GPU. On the CPU it stays plain: YOLOX-micro at 320 px, 4 images: 54 ms plain,
    276 ms with the network under XLA, whose convolutions are slower than oneDNN's.

    Args:
        detector: with its weights.
        height: of the images, pixels.
        width: of the images, pixels.
        dtype: of the images.
        xla: whether XLA compiles it.
        batch: images of a call; None for any number.
        decode: in place of the detector's own.
    """
    decode = decode or detector.decode
    signature = (
        tf.TensorSpec([batch, height, width, 3], dtype, name="images"),
        tf.TensorSpec([batch, 2], tf.float32, name="extents"),
        tf.TensorSpec([], tf.float32, name="confidence"),
        tf.TensorSpec([], tf.float32, name="iou"),
    )

    def step(images: tf.Tensor, extents: tf.Tensor, confidence: tf.Tensor, iou: tf.Tensor) -> Detections:
        return decode(detector(images, training=False, extents=extents), confidence, iou)

    return tf.function(step, input_signature=signature, autograph=False, jit_compile=xla)


def with_weights(
    step: tf.types.experimental.PolymorphicFunction, detector: Detector, weights: Sequence[tf.Variable | np.ndarray]
) -> tf.types.experimental.PolymorphicFunction:
    """Return a step of a detector with other weights in place of the detector's own.

    Args:
        step: the step, not compiled by XLA.
        detector: the detector that the step calls.
        weights: in the order of `detector.weights`. Variables are read at each call; arrays become constants.
    """

    def with_other_weights(*inputs: tf.Tensor) -> Detections:
        values = [tf.cast(weight, own.dtype) for weight, own in zip(weights, detector.weights, strict=True)]
        with keras.StatelessScope(zip(detector.weights, values, strict=True)):
            return step.python_function(*inputs)

    return tf.function(with_other_weights, step.input_signature, autograph=False)


def with_constant_weights(
    step: tf.types.experimental.PolymorphicFunction, detector: Detector
) -> "tf.types.experimental.ConcreteFunction":
    """Return a step of a detector with the weights as constants of its graph."""
    return with_weights(step, detector, detector.get_weights()).get_concrete_function()

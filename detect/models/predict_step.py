"""The compiled step from images to detections that prediction and exports run."""

from collections.abc import Callable

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

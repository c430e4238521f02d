"""The TensorFlow back end: one step for each height and width of images, compiled where it is used again."""

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from detect.models.detector import Detector
from detect.models.predict_step import predict_step, with_constant_weights
from detect.structures import Detections

# Images per step. On 2 cores, YOLOX-micro at 320 px takes 22.1, 17.1, 13.5 and 12.3 ms per image with 1, 2, 4 and 8
# images; 4 is nearly as fast as 8 and keeps half as many frames in memory.
BATCH_SIZE_ON_CPU = 4
BATCH_SIZE_ON_GPU = 16
# Where images keep their shapes, each height and width needs a step; the least recently used one is dropped.
MOST_STEPS = 32
# Weights that are compiled in as constants take ten times their size in memory (RetinaNet-R18: 83 MB of weights, 870 MB
# more): the first step has them in any case, others while there is room.
CONSTANT_COPIES = 10
CONSTANT_BYTES = 2 * 10**9

Step = Callable[..., Detections]


class TensorFlowBackEnd:
    """A Keras model as a `BackEnd`.

    Attributes:
        detector: the model.
    """

    name = "tensorflow"
    canvases: tuple[tuple[int, int], ...] = ()

    def __init__(self, detector: Detector, learning: bool = False):
        """
        Args:
            detector: the model.
            learning: whether its weights go on changing, as in training; otherwise they are compiled in.
        """
        self.detector = detector
        self.confidence, self.iou = detector.config.confidence, detector.config.iou
        self.size_divisor, self.smallest_side = detector.size_divisor, detector.smallest_side
        self._learning = learning
        self._on_gpu = bool(tf.config.list_physical_devices("GPU"))
        self.batch_size = BATCH_SIZE_ON_GPU if self._on_gpu else BATCH_SIZE_ON_CPU
        self._steps: dict[tuple[int, int], Step | None] = {}  # by height and width of images; None: not compiled yet
        self._constant_bytes = 0  # that the constants of steps take
        self._compiling = threading.Lock()  # streams call `detect` from two threads

    def detect(self, images: Any, extents: np.ndarray, confidence: float, iou: float) -> Detections:
        """Detect as `BackEnd.detect` does. The second call with a height and width compiles a step for them."""
        images = tf.convert_to_tensor(images)
        step, count = self._step_for(images), images.shape[0]
        extents = tf.cast(extents, tf.float32)
        if self._on_gpu:
            images, extents = _pad_to_power_of_two(images), _pad_to_power_of_two(extents)
        found = step(images, extents, tf.constant(confidence, tf.float32), tf.constant(iou, tf.float32))
        return Detections(*(part.numpy()[:count] for part in found))

    def _step_for(self, images: tf.Tensor) -> Step:
        """Return the step for the size of the images: compiled, but for the first call where the next one has a better
        step. A single image is faster without: D-FINE-N at 640 px takes 0.6 s, and 3.9 s with the compilation.
        """
        (height, width), dtype = images.shape[1:3], images.dtype
        with self._compiling:
            again = (height, width) in self._steps
            step = self._steps.pop((height, width), None)
            if step is None and (again or self._learning or self._on_gpu):
                step = self._compiled_step(height, width, dtype)
            if len(self._steps) == MOST_STEPS:
                del self._steps[next(iter(self._steps))]
            self._steps[height, width] = step  # the last one is the one used last
        return step or predict_step(self.detector, height, width, dtype).python_function

    def _compiled_step(self, height: int, width: int, dtype: tf.DType) -> Step:
        """Return a step with constant weights where there is room for them.

        oneDNN reorders constants once and not at every call: RetinaNet-R50 at 512 px takes four fifths of the time on a
        CPU.
        """
        step = predict_step(self.detector, height, width, dtype, xla=self._on_gpu)
        return with_constant_weights(step, self.detector) if self._has_room_for_constants() else step

    def _has_room_for_constants(self) -> bool:
        """Return whether the weights of one more step may become constants, and count them if so."""
        size = CONSTANT_COPIES * sum(4 * math.prod(weight.shape) for weight in self.detector.weights)
        if self._learning or self._on_gpu or (self._constant_bytes and self._constant_bytes + size > CONSTANT_BYTES):
            return False
        self._constant_bytes += size
        return True


def _pad_to_power_of_two(values: tf.Tensor) -> tf.Tensor:
    """Pad the batch, because XLA compiles once for each batch size."""
    count = values.shape[0]
    missing = (1 << max(count - 1, 0).bit_length()) - count
    return tf.pad(values, [[0, missing]] + [[0, 0]] * (values.shape.rank - 1))

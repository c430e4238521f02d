"""A trained model as its user meets it: `load(folder).predict(source)`."""

import math
import threading
import warnings
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from detect.data.resizing import Placement
from detect.errors import BadInput
from detect.inference.frames import Frame
from detect.inference.result import Result
from detect.inference.sources import find_sources, read_frames
from detect.inference.stream import stream_results
from detect.models import variant
from detect.models.detector import Detector, extents_or_all
from detect.models.saving import ModelCard
from detect.structures import Detections
from detect.weights.download import Progress
from detect.weights.opening import open_model

# Images a step. On 2 cores, YOLOX-micro at 320 px takes 22.1, 17.1, 13.5 and 12.3 ms an image at 1, 2, 4 and 8 images;
# 4 is nearly as fast as 8 and keeps half as many frames in memory.
BATCH_SIZE_ON_CPU = 4
BATCH_SIZE_ON_GPU = 16
# Where pictures keep their shapes, each height and width needs its own step; the one used longest ago makes room.
MOST_STEPS = 32
# Weights compiled in as constants end up in memory ten times (RetinaNet-R18: 83 MB of weights, 870 MB more): the first
# step has them in any case, others while there is room.
CONSTANT_COPIES = 10
CONSTANT_BYTES = 2 * 10**9


class Model:
    """A detector with its classes: pictures in, `Result` objects out.

    Attributes:
        detector: the Keras model.
        card: what is known of it besides the weights.
    """

    def __init__(self, detector: Detector, card: ModelCard, learning: bool = False):
        """`learning` says that the weights will go on changing, as in training; otherwise they are compiled in."""
        self.detector = detector
        self.card = card
        self._learning = learning
        self._on_gpu = bool(tf.config.list_physical_devices("GPU"))
        self._steps: dict[tuple[int, int], Callable[..., Detections]] = {}  # by height and width of the images
        self._constant_bytes = 0  # that the constants of steps take
        self._compiling = threading.Lock()  # streams call `detect` from two threads

    @property
    def batch_size(self) -> int:
        """Images a step that suit the device."""
        return BATCH_SIZE_ON_GPU if self._on_gpu else BATCH_SIZE_ON_CPU

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, by label."""
        return self.card.classes

    @property
    def image_size(self) -> int:
        """The size S that pictures are brought to, as `card.fit` has it, pixels."""
        return self.card.image_size

    def placement(self, height: int, width: int, trimmed: bool = False) -> Placement:
        """Where a picture of this size lies on the images that the model takes, see `Fit.placement`."""
        divisor, smallest = self.detector.size_divisor, self.detector.smallest_side
        return self.card.fit.placement(height, width, self.image_size, divisor, smallest, trimmed)

    def __repr__(self) -> str:
        return f"<Model {self.card.model}, {len(self.classes)} classes, {self.image_size} px>"

    def detect(self, images, confidence: float = 0.25, iou: float | None = None, extents=None) -> Detections:
        """One compiled step on images as `placement` has them, for those who do their own reading and drawing.

        Args:
            images: uint8 RGB [B, H, W, 3], array or tensor; float32 of 0..255 too, where `card.fit` keeps fractions.
                Most models take H = W = `image_size`. A step is compiled at the first call; another one for each other
                height and width, multiples of the detector's `size_divisor` and no less than its `smallest_side`.
            confidence: detections below this score are left out.
            iou: boxes of one class that overlap more are one object; the model's own setting by default.
            extents: [B, 2], rows and columns that each picture takes, see `Placement.extent`; all by default.
        Returns:
            NumPy arrays, boxes in pixels of `images`.
        """
        iou = self.detector.config.iou if iou is None else iou
        images = self._checked(tf.convert_to_tensor(images))
        step = self._step_for(*images.shape[1:3])
        extents = extents_or_all(images, None if extents is None else tf.cast(extents, tf.float32))
        count = images.shape[0]
        if self._on_gpu:
            images, extents = _pad_to_power_of_two(images), _pad_to_power_of_two(extents)
        found = step(images, extents, tf.constant(confidence, tf.float32), tf.constant(iou, tf.float32))
        return Detections(*(part.numpy()[:count] for part in found))

    def predict(
        self,
        source: Any,
        confidence: float = 0.25,
        iou: float | None = None,
        batch_size: int | None = None,
        stream: bool | None = None,
    ) -> list[Result] | Generator[Result, None, None]:
        """The objects in pictures and videos.

        Args:
            source: a file, folder, glob, http or rtsp address, a camera's index ("0"), a uint8 RGB array [H, W, 3], a
                PIL image, or a list of these.
            confidence, iou: as of `detect`.
            batch_size: images a step; by default what suits the device, and 1 for a camera.
            stream: True gives an iterator that reads on as it is consumed, so memory does not grow; False a list; by
                default, an iterator as soon as a video or a camera is among the sources.
        Returns:
            A result for each picture or frame. A source that cannot be read is left out with a Python warning.
        Raises:
            BadInput: nothing of that name; the only source cannot be read; none can.
        """
        sources = find_sources(source)
        endless = sources[0].kind == "camera"
        if endless and stream is False:
            raise BadInput("A camera has no end, so its results fit no list: leave out stream=False.")
        if stream is None:
            stream = any(found.kind != "image" for found in sources)
        frames = read_frames(sources, skip=warnings.warn)
        results = self.results_of(frames, confidence, iou, batch_size, live=endless)
        return results if stream else [_without_image(result) for result in results]

    def results_of(
        self,
        frames: Generator[Frame, None, None],
        confidence: float = 0.25,
        iou: float | None = None,
        batch_size: int | None = None,
        *,
        live: bool = False,
    ) -> Generator[Result, None, None]:
        """A result for each frame. Reading, inference and the caller's work overlap; at most five batches are held.

        `live` drops frames that the model is too slow for, rather than fall behind a camera.
        """
        batch_size = batch_size or (1 if live else self.batch_size)

        def detect(images: np.ndarray, extents: np.ndarray) -> Detections:
            return self.detect(images, confidence, iou, extents)

        return stream_results(frames, detect, self.classes, self._placement_of, batch_size, live)

    def _placement_of(self, frame: Frame) -> Placement:
        """As in evaluation. But the frames of a video, all alike, go without the rows or columns of a letterbox that
        would be padding only: of 16:9 pictures 40 %, and as much of the time. On BCCD (4:3) AP is 0.5752 with them and
        0.5762 without.
        """
        return self.placement(frame.height, frame.width, trimmed=frame.video is not None)

    @property
    def _dtype(self) -> tf.DType:
        """Of the images that the step takes."""
        return tf.as_dtype(self.placement(1, 1).dtype)

    def _checked(self, images: tf.Tensor) -> tf.Tensor:
        divisor, smallest = self.detector.size_divisor, self.detector.smallest_side
        height, width = images.shape[1:3] if images.shape.rank == 4 else (0, 0)
        wrong_size = min(height, width) < smallest or height % divisor or width % divisor
        if images.dtype not in (tf.uint8, self._dtype) or images.shape[3:] != (3,) or wrong_size:
            side = self.image_size
            raise BadInput(
                f"Expected uint8 images [B, {side}, {side}, 3], or other multiples of {divisor} from {smallest} on; "
                f"got {images.dtype.name} {list(images.shape)}."
            )
        return tf.cast(images, self._dtype)

    def _step_for(self, height: int, width: int) -> Callable[..., Detections]:
        with self._compiling:
            step = self._steps.pop((height, width), None) or self._new_step(height, width)
            self._steps[height, width] = step  # the last one is the one used last
            return step

    def _new_step(self, height: int, width: int) -> Callable[..., Detections]:
        if len(self._steps) == MOST_STEPS:
            del self._steps[next(iter(self._steps))]
        step = _compile(self.detector, height, width, self._dtype, xla=self._on_gpu)
        size = CONSTANT_COPIES * sum(4 * math.prod(weight.shape) for weight in self.detector.weights)
        if self._learning or self._on_gpu or (self._constant_bytes and self._constant_bytes + size > CONSTANT_BYTES):
            return step
        self._constant_bytes += size
        return _with_constant_weights(step)


def load(path: str | Path, weights: str | Path | None = None, progress: Progress | None = None) -> Model:
    """A trained model, from whatever names one.

    Args:
        path: a run folder, of which the best model is taken; a model folder; the name of a published checkpoint, such
            as `yolox-s-coco`, which is downloaded at the first call; or with `weights` the name of a model.
        weights: what the named model gets: any of these, or a file of the checkpoint that is published for it.
        progress: called while downloading, with the bytes that are there and all.

    Raises:
        BadInput: there is no such thing; it is damaged; the weights are another model's.
        RunFailure: a checkpoint cannot be downloaded, or read.
    """
    if weights is None:
        return Model(*open_model(path, progress=progress))
    variant(str(path))  # an unknown name has an error of its own
    return Model(*open_model(weights, model=str(path), progress=progress))


def _with_constant_weights(step: tf.types.experimental.PolymorphicFunction) -> Callable[..., Detections]:
    """The step with its weights as constants, which oneDNN puts in the order it likes once and not at every call.

    RetinaNet-R50 at 512 px takes four fifths of the time on a CPU.
    """
    constant = convert_variables_to_constants_v2(step.get_concrete_function())

    return lambda *arguments: Detections(*constant(*arguments))


def _compile(
    detector: Detector, height: int, width: int, dtype: tf.DType, xla: bool
) -> tf.types.experimental.PolymorphicFunction:
    """The predict step. Thresholds are tensors and the batch is open, so it is traced once.

    XLA compiles it where there is a GPU. On the CPU it stays plain: YOLOX-micro at 320 px, 4 images: 54 ms plain,
    276 ms with the network under XLA, whose convolutions are slower than oneDNN's.
    """
    signature = (
        tf.TensorSpec([None, height, width, 3], dtype, name="images"),
        tf.TensorSpec([None, 2], tf.float32, name="extents"),
        tf.TensorSpec([], tf.float32, name="confidence"),
        tf.TensorSpec([], tf.float32, name="iou"),
    )

    def step(images: tf.Tensor, extents: tf.Tensor, confidence: tf.Tensor, iou: tf.Tensor) -> Detections:
        return detector.decode(detector(images, training=False, extents=extents), confidence=confidence, iou=iou)

    return tf.function(step, input_signature=signature, autograph=False, jit_compile=xla)


def _pad_to_power_of_two(values: tf.Tensor) -> tf.Tensor:
    """XLA compiles anew for each size of the batch: this leaves it few."""
    count = values.shape[0]
    missing = (1 << max(count - 1, 0).bit_length()) - count
    return tf.pad(values, [[0, missing]] + [[0, 0]] * (values.shape.rank - 1))


def _without_image(result: Result) -> Result:
    """A long list of results must not hold all pictures: what lies in a file is read again when it is asked for."""
    return replace(result, frame=result.frame.without_picture()) if result.frame.source.is_image_file else result

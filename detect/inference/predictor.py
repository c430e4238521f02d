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

from detect import models
from detect.data.resizing import fit_scale
from detect.errors import BadInput, did_you_mean
from detect.inference.frames import Frame
from detect.inference.result import Result
from detect.inference.sources import find_sources, read_frames
from detect.inference.stream import stream_results
from detect.models import saving
from detect.models.detector import Detector
from detect.models.saving import ModelCard
from detect.structures import Detections

# Images a step. On 2 cores, YOLOX-micro at 320 px takes 22.1, 17.1, 13.5 and 12.3 ms an image at 1, 2, 4 and 8 images;
# 4 is nearly as fast as 8 and keeps half as many frames in memory.
BATCH_SIZE_ON_CPU = 4
BATCH_SIZE_ON_GPU = 16
_RUN_FOLDERS = ("best", "last")  # in a run folder, in order of preference


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
        """Side of the square that every picture is fitted into, pixels."""
        return self.card.image_size

    def __repr__(self) -> str:
        return f"<Model {self.card.model}, {len(self.classes)} classes, {self.image_size} px>"

    def detect(self, images, confidence: float = 0.25, iou: float | None = None) -> Detections:
        """One compiled step on letterboxed images, for those who do their own reading and drawing.

        Args:
            images: uint8 RGB [B, S, S, 3], S = `image_size`; array or tensor. A step is compiled at the first call;
                another one for each other height and width, multiples of the detector's `size_divisor`.
            confidence: detections below this score are left out.
            iou: boxes of one class that overlap more are one object; the model's own setting by default.
        Returns:
            NumPy arrays, boxes in pixels of `images`.
        """
        iou = self.detector.config.iou if iou is None else iou
        images = tf.convert_to_tensor(images)
        step = self._step_for(images)
        count = images.shape[0]
        if self._on_gpu:
            images = _pad_to_power_of_two(images)
        found = step(images, tf.constant(confidence, tf.float32), tf.constant(iou, tf.float32))
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

        def detect(images: np.ndarray) -> Detections:
            return self.detect(images, confidence, iou)

        return stream_results(frames, detect, self.classes, self._canvas, batch_size, live)

    def _canvas(self, frame: Frame) -> tuple[int, int]:
        """Height and width that a frame is fitted into.

        For images the square that the model is evaluated on. The frames of a video, all alike, go without the rows or
        columns of the square that would be grey only: of 16:9 pictures 40 %, and as much of the time. On BCCD (4:3) AP
        is 0.5752 with them and 0.5762 without.
        """
        square = (self.image_size, self.image_size)
        if frame.video is None:
            return square
        scale, divisor = fit_scale(frame.height, frame.width, square), self.detector.size_divisor
        height, width = (
            min(divisor * math.ceil(side * scale / divisor - 1e-6), self.image_size)
            for side in (frame.height, frame.width)
        )
        return height, width

    def _step_for(self, images: tf.Tensor) -> Callable[..., Detections]:
        divisor = self.detector.size_divisor
        height, width = images.shape[1:3] if images.shape.rank == 4 else (0, 0)
        if images.dtype != tf.uint8 or images.shape[3:] != (3,) or not height or height % divisor or width % divisor:
            side = self.image_size
            raise BadInput(
                f"Expected uint8 images [B, {side}, {side}, 3], or other multiples of {divisor}; "
                f"got {images.dtype.name} {list(images.shape)}."
            )
        with self._compiling:
            if (height, width) not in self._steps:
                step = _compile(self.detector, height, width, xla=self._on_gpu)
                self._steps[height, width] = step if self._learning or self._on_gpu else _with_constant_weights(step)
            return self._steps[height, width]


def load(path: str | Path, weights: str | Path | None = None) -> Model:
    """The trained model in a folder.

    Args:
        path: a run folder, of which the best model is taken, or a saved model folder; with `weights`, a model's name.
        weights: the folder whose weights the named model gets.
    Raises:
        BadInput: there is no model; it is damaged; the weights are another model's.
    """
    detector, card = saving.load(_model_folder(Path(path if weights is None else weights)))
    if weights is not None and card.model != str(path):
        raise BadInput(f"{weights} holds a {card.model}, not a {path}. Load it by itself: load({str(weights)!r}).")
    return Model(detector, card)


def _model_folder(path: Path) -> Path:
    for folder in (path, *(path / name for name in _RUN_FOLDERS)):
        if (folder / saving.CARD).is_file():
            return folder
    expected = f"Expected a run folder (with {' or '.join(_RUN_FOLDERS)}) or a model folder (with {saving.CARD})."
    if path.exists():
        raise BadInput(f"{path} holds no model. {expected}")
    if str(path) in models.names():
        raise BadInput(f"{path!s} is a kind of model, not a trained one: train it first, or give weights. {expected}")
    raise BadInput(f"There is no {path} (in {Path.cwd()}). {expected}{_nearby_runs(path)}")


def _nearby_runs(path: Path) -> str:
    """The trained runs where they usually are."""
    runs = Path("runs")
    known = [run.as_posix() for run in sorted(runs.glob("*")) if any((run / name).is_dir() for name in _RUN_FOLDERS)]
    return f" {did_you_mean((runs / path.name).as_posix(), known)}" if known else ""


def _with_constant_weights(step: tf.types.experimental.PolymorphicFunction) -> Callable[..., Detections]:
    """The step with its weights as constants, which oneDNN puts in the order it likes once and not at every call.

    RetinaNet-R50 at 512 px takes four fifths of the time on a CPU. The weights are in memory twice.
    """
    constant = convert_variables_to_constants_v2(step.get_concrete_function())

    def detect(images: tf.Tensor, confidence: tf.Tensor, iou: tf.Tensor) -> Detections:
        return Detections(*constant(images, confidence, iou))

    return detect


def _compile(detector: Detector, height: int, width: int, xla: bool) -> tf.types.experimental.PolymorphicFunction:
    """The predict step. Thresholds are tensors and the batch is open, so it is traced once.

    XLA compiles it where there is a GPU. On the CPU it stays plain: YOLOX-micro at 320 px, 4 images: 54 ms plain,
    276 ms with the network under XLA, whose convolutions are slower than oneDNN's.
    """
    signature = (
        tf.TensorSpec([None, height, width, 3], tf.uint8, name="images"),
        tf.TensorSpec([], tf.float32, name="confidence"),
        tf.TensorSpec([], tf.float32, name="iou"),
    )

    def step(images: tf.Tensor, confidence: tf.Tensor, iou: tf.Tensor) -> Detections:
        return detector.decode(detector(images, training=False), confidence=confidence, iou=iou)

    return tf.function(step, input_signature=signature, autograph=False, jit_compile=xla)


def _pad_to_power_of_two(images: tf.Tensor) -> tf.Tensor:
    """XLA compiles anew for each size of the batch: this leaves it few."""
    count = images.shape[0]
    missing = (1 << max(count - 1, 0).bit_length()) - count
    return tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])


def _without_image(result: Result) -> Result:
    """A long list of results must not hold all pictures: what lies in a file is read again when it is asked for."""
    return replace(result, frame=result.frame.without_picture()) if result.frame.source.is_image_file else result

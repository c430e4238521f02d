"""A trained model as its user meets it: `load(folder).predict(source)`."""

import warnings
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np

from detect.data.pixels.resizing import Placement
from detect.errors import BadInput
from detect.inference.backends.backend import BackEnd
from detect.inference.result import Result
from detect.inference.result_stream import stream_results
from detect.inference.sources.finding import find_sources, read_frames
from detect.inference.sources.frames import Frame
from detect.models.card import CONFIDENCE, ModelCard, least_scores
from detect.structures import Detections


class Model:
    """A detector with its classes: pictures in, `Result` objects out.

    Attributes:
        backend: what runs it.
        card: what is known of it besides the weights.
    """

    def __init__(self, backend: BackEnd, card: ModelCard):
        self.backend = backend
        self.card = card
        self._confidences = least_scores(card)

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
        divisor, smallest = self.backend.size_divisor, self.backend.smallest_side
        placement = self.card.fit.placement(height, width, self.image_size, divisor, smallest, trimmed)
        return placement.on_one_of(self.backend.canvases) if self.backend.canvases else placement

    def __repr__(self) -> str:
        return f"<Model {self.card.model}, {len(self.classes)} classes, {self.image_size} px>"

    def detect(self, images, confidence: float | None = None, iou: float | None = None, extents=None) -> Detections:
        """One compiled step on images as `placement` has them, for those who do their own reading and drawing.

        Args:
            images: uint8 RGB [B, H, W, 3], array or tensor; float32 of 0..255 too, where `card.fit` keeps fractions.
                Most models take H = W = `image_size`. In TensorFlow each other height and width is compiled at its
                first call; an artefact takes those that it was exported for.
            confidence: detections below this score are left out; by default 0.25, or what `card.confidences` has for
                their class.
            iou: boxes of one class that overlap more are one object; the model's own setting by default.
            extents: [B, 2], rows and columns that each picture takes, see `Placement.extent`; all by default.
        Returns:
            NumPy arrays, boxes in pixels of `images`.
        """
        images = self._checked(images)
        if extents is None:
            extents = np.tile(np.array(images.shape[1:3], np.float32), (len(images), 1))
        iou = self.backend.iou if iou is None else iou
        if confidence is not None:
            return self.backend.detect(images, extents, confidence, iou)
        found = self.backend.detect(images, extents, float(self._confidences.min(initial=CONFIDENCE)), iou)
        return _above(found, self._confidences) if self.card.confidences else found

    def predict(
        self,
        source: Any,
        confidence: float | None = None,
        iou: float | None = None,
        batch_size: int | None = None,
        stream: bool | None = None,
    ) -> list[Result] | Generator[Result, None, None]:
        """The objects in pictures and videos.

        Args:
            source: a file, folder, glob, http or rtsp address, a camera's index ("0"), a uint8 RGB array [H, W, 3], a
                PIL image, or a list of these.
            confidence: as for `detect`.
            iou: as for `detect`.
            batch_size: images a step; by default what suits the back end, and 1 for a camera.
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
        confidence: float | None = None,
        iou: float | None = None,
        batch_size: int | None = None,
        *,
        live: bool = False,
    ) -> Generator[Result, None, None]:
        """A result for each frame. Reading, inference and the caller's work overlap; at most five batches are held.

        `live` drops frames that the model is too slow for, rather than fall behind a camera.
        """
        batch_size = batch_size or (1 if live else self.backend.batch_size)

        def detect(images: np.ndarray, extents: np.ndarray) -> Detections:
            return self.detect(images, confidence, iou, extents)

        return stream_results(frames, detect, self.classes, self._placement_of, batch_size, live)

    def _placement_of(self, frame: Frame) -> Placement:
        """As in evaluation. But the frames of a video, all alike, go without the rows or columns of a letterbox that
        would be padding only: of 16:9 pictures 40 %, and as much of the time. On BCCD (4:3) AP is 0.5752 with them and
        0.5762 without.
        """
        return self.placement(frame.height, frame.width, trimmed=frame.video is not None)

    def _checked(self, images: Any) -> Any:
        """The images, of the type that the back end takes."""
        wanted, shape = self.placement(1, 1).dtype, tuple(images.shape)
        dtype = np.dtype(getattr(images.dtype, "as_numpy_dtype", images.dtype))
        if dtype not in (np.uint8, wanted) or len(shape) != 4 or shape[3] != 3 or not self._suits(*shape[1:3]):
            raise BadInput(f"Expected uint8 images {self._expected()}; got {dtype} {list(shape)}.")
        return images if dtype == wanted else np.asarray(images).astype(wanted)

    def _suits(self, height: int, width: int) -> bool:
        divisor, canvases = self.backend.size_divisor, self.backend.canvases
        large = min(height, width) >= self.backend.smallest_side
        return (height, width) in canvases if canvases else large and not (height % divisor or width % divisor)

    def _expected(self) -> str:
        """The shapes that `detect` takes, for errors."""
        if self.backend.canvases:
            return " or ".join(f"[B, {height}, {width}, 3]" for height, width in self.backend.canvases)
        side, divisor, smallest = self.image_size, self.backend.size_divisor, self.backend.smallest_side
        return f"[B, {side}, {side}, 3], or other multiples of {divisor} from {smallest} on"


def _above(found: Detections, least: np.ndarray) -> Detections:
    """Detections [B, D] whose scores are above the `least` [K] of their class, still best first and then padding."""
    stays = (found.labels >= 0) & (found.scores > least[found.labels])
    order = np.argsort(~stays, axis=1, kind="stable")
    boxes, scores, labels, stays = (
        np.take_along_axis(values, order.reshape(*order.shape, *[1] * (values.ndim - 2)), axis=1)
        for values in (*found, stays)
    )
    return Detections(np.where(stays[..., None], boxes, 0), np.where(stays, scores, 0), np.where(stays, labels, -1))


def _without_image(result: Result) -> Result:
    """A long list of results must not hold all pictures: what lies in a file is read again when it is asked for."""
    return replace(result, frame=result.frame.without_picture()) if result.frame.source.is_image_file else result

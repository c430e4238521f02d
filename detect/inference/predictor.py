"""Prediction with a trained model: `load(folder).predict(source)`."""

import os
import threading
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.pixels.resizing import Placement
from detect.errors import BadInput, RunFailure, counted
from detect.inference.backends.backend import BackEnd
from detect.inference.class_choice import labels_of
from detect.inference.limits import check_limits
from detect.inference.options import DetectionOptions, ReadingOptions, ViewOptions, grouped
from detect.inference.result import Result
from detect.inference.result_stream import DetectFunction, Pace, stream_results
from detect.inference.sources.finding import find_sources, read_frames, read_one_by_one
from detect.inference.sources.frames import Frame
from detect.inference.sources.in_memory import Channels
from detect.inference.track_options import TrackingOptions
from detect.inference.track_stream import tracked
from detect.inference.views import View, Views
from detect.models.card import CONFIDENCE, ModelCard, least_scores
from detect.structures import Detections
from detect.tracking.methods import find_method

VIEW_CONFIDENCE = 0.5  # threshold of one of several views, as a share of that of the object
USUAL, TRAINED = DetectionOptions(), ViewOptions()  # nothing is asked for


class Model:
    """A trained model that turns images and videos into `Result` objects.

    Attributes:
        backend: runs the model.
        card: describes the model: classes, image size, source.
        reload: loads the model again, in another process; None for a model that was not loaded from a file.
    """

    def __init__(self, backend: BackEnd, card: ModelCard, reload: Callable[[], "Model"] | None = None):
        self.backend = backend
        self.card = card
        self.reload = reload
        self._process = os.getpid()
        self._confidences = least_scores(card)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes by label."""
        return self.card.classes

    @property
    def image_size(self) -> int:
        """Size that images are resized to, in the way of `card.fit`, pixels."""
        return self.card.image_size

    def __call__(self, image: Any, *, channels: Channels = "rgb", **options: Any) -> Result:
        """Detect objects in one image.

        Args:
            image: a file, a URL, an array, a PIL image or the bytes of an image file, as for `predict`.
            channels: as for `predict`.
            options: those of `DetectionOptions` and `ViewOptions`, such as `confidence=0.5`.

        Raises:
            BadInput: it is not an image, or it is several; or an option cannot be used.
        """
        detection, views = grouped(options, DetectionOptions, ViewOptions)
        sources = find_sources(image, channels=channels)
        if len(sources) > 1 or sources[0].kind != "image":
            found = f"{len(sources)} sources" if len(sources) > 1 else f"a {sources[0].kind}"
            raise BadInput(f"Expected one image, got {found}: `predict` takes several, videos and cameras.")
        seen = self.views(views)
        frames = read_frames(sources, warnings.warn, by_parts=seen.are_tiles)
        (result,) = self.results_of(frames, detection, views, "in turn" if seen.are_whole else "ahead")
        return _without_image(result)

    def __reduce__(self):
        """Pickle the model by the place that it was loaded from, where another process loads it."""
        if self.reload is None:
            raise BadInput(f"{self!r} is in memory only, and cannot be pickled: save it with `save`, and load that.")
        return self.reload, ()

    def save(self, folder: str | Path) -> None:
        """Write the model to a folder, which `load`, `evaluate`, `export` and all commands take.

        Raises:
            BadInput: the model is an export.
            RunFailure: the folder cannot be written.
        """
        from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
        from detect.models import saving

        if not isinstance(self.backend, TensorFlowBackEnd):
            raise BadInput(f"{self!r} is an export: copy its folder, or save the model that it was made from.")
        saving.save(self.backend.detector, self.card, folder)

    def placement(self, height: int, width: int, trimmed: bool = False) -> Placement:
        """Return where an image of this size lies on the images that the model takes, see `Fit.placement`."""
        divisor, smallest = self.backend.size_divisor, self.backend.smallest_side
        placement = self.card.fit.placement(height, width, self.image_size, divisor, smallest, trimmed)
        return placement.on_one_of(self.backend.canvases) if self.backend.canvases else placement

    def views(self, options: ViewOptions = TRAINED) -> Views:
        """Return the views in which the model sees images: by default those of its training.

        Raises:
            BadInput: the options cannot be used.
        """
        return Views(self.placement, options.tiling(self.card.tiling), options.tta)

    def __repr__(self) -> str:
        return f"<Model {self.card.model}, {counted(len(self.classes), 'class', 'classes')}, {self.image_size} px>"

    def detect(self, images, confidence: float | None = None, iou: float | None = None, extents=None) -> Detections:
        """Run the model on images that are resized already, for programs with their own reading and drawing.

        Args:
            images: uint8 RGB [B, H, W, 3], array or tensor, as `placement` says; float32 of 0..255 too, if `card.fit`
                keeps fractions. Most models take H = W = `image_size`. TensorFlow compiles any other height and width
                at its first call; an export takes those that it was made for.
            confidence: score threshold; by default 0.25, or the value in `card.confidences` for each class.
            iou: overlap above which two boxes of a class are one object; by default the model's.
            extents: [B, 2], rows and columns that each source image takes, see `Placement.extent`; by default all.

        Returns:
            NumPy arrays, with boxes in pixels of `images`.

        Raises:
            BadInput: the images are of another type or shape, or a threshold is not a number from 0 to 1.
            RunFailure: this process is a fork of the one that loaded the model.
        """
        if os.getpid() != self._process:
            raise RunFailure(
                "The model was loaded before this process was forked, and TensorFlow would wait for ever in it. Load "
                'the model in this process, or start processes by multiprocessing.get_context("spawn").'
            )
        check_limits(confidence, iou)
        images = self._checked(images)
        if extents is None:
            extents = np.tile(np.array(images.shape[1:3], np.float32), (len(images), 1))
        iou = self.backend.iou if iou is None else iou
        if confidence is not None:
            return self.backend.detect(images, extents, confidence, iou)
        found = self.backend.detect(images, extents, float(self._confidences.min(initial=CONFIDENCE)), iou)
        return _above(found, self._confidences) if self.card.confidences else found

    def detect_to_score(self, images, extents) -> Detections:
        """Return all detections, down to the low confidence that scoring needs; for the arguments see `detect`."""
        return self.detect(images, self.backend.confidence, extents=extents)

    def predict(
        self,
        source: Any,
        *,
        stream: bool | None = None,
        channels: Channels = "rgb",
        **options: Any,
    ) -> list[Result] | Generator[Result, None, None]:
        """Detect objects in images and videos.

        Args:
            source: a file, folder, glob, http or rtsp URL, the index of a camera ("0"), a uint8 RGB array [H, W, 3], a
                PIL image, the bytes of an image file, or a list of these; or an iterator of them, such as a generator,
                from which each is taken when its turn comes, in another thread: it may have no end.
            stream: True for an iterator that reads while it is consumed, so that memory use does not grow; False for a
                list; by default an iterator if a video or a camera is among the sources, or they are one themselves.
            channels: the order of the channels of arrays: those of OpenCV are "bgr". Files, PIL images and encoded
                bytes know their own.
            options: those of `DetectionOptions`, `ViewOptions` and `ReadingOptions`, such as `classes="person"`,
                `tile=640` and `every=5`. Of an iterator, `batch_size` is 1 unless it is given, so that no image waits
                for the next.

        Returns:
            A result for each image or frame. What cannot be read is left out with a Python warning.

        Raises:
            BadInput: there is nothing of that name, none of the sources can be read, or an option cannot be used.
        """
        detection, views, reading = grouped(options, DetectionOptions, ViewOptions, ReadingOptions)
        if isinstance(source, Iterator):
            frames = read_one_by_one(source, warnings.warn, channels, reading, self.views(views).are_tiles)
            detection = replace(detection, batch_size=detection.batch_size or 1)
            results = self.results_of(frames, detection, views, "at once")
            return [_without_image(result) for result in results] if stream is False else results
        sources = find_sources(source, channels=channels, live=reading.reconnect)
        endless = sources[0].kind == "camera"
        if endless and stream is False:
            raise BadInput("A camera has no end, so its results do not fit into a list: leave out stream=False.")
        if stream is None:
            stream = any(found.kind != "image" for found in sources)
        seen = self.views(views)
        is_one_batch = seen.are_whole and len(sources) <= (detection.batch_size or self.backend.batch_size)
        pace: Pace = "in turn" if is_one_batch and all(found.kind == "image" for found in sources) else "ahead"
        stopped = threading.Event()
        frames = read_frames(sources, warnings.warn, reading, stopped=stopped, by_parts=seen.are_tiles)
        results = self.results_of(frames, detection, views, "live" if endless else pace, stopped)
        return results if stream else [_without_image(result) for result in results]

    def track(self, source: Any, *, channels: Channels = "rgb", **options: Any) -> Generator[Result, None, None]:
        """Detect objects in videos, and find each of them again in the frames that follow.

        Args:
            source: as for `predict`. Images are the frames of one video, with 30 of them in a second.
            channels: as for `predict`.
            options: those of `TrackingOptions`, `DetectionOptions`, `ViewOptions` and `ReadingOptions`, such as
                `tracker="botsort"`. The `confidence` is that from which on a detection begins an identity; weaker ones
                may continue it.

        Returns:
            An iterator that reads while it is consumed, with a result for each frame. It holds the objects whose
            identity is known, and that is in its `ids`. What cannot be read is left out with a Python warning.

        Raises:
            BadInput: as from `predict`; there is no such tracker, or it is not installed.
        """
        groups = TrackingOptions, DetectionOptions, ViewOptions, ReadingOptions
        tracking, detection, views, reading = grouped(options, *groups)
        if isinstance(source, Iterator):
            frames = read_one_by_one(source, warnings.warn, channels, reading)
            return self.tracks_of(frames, tracking, replace(detection, batch_size=1), views, "at once")
        sources, stopped = find_sources(source, channels=channels, live=reading.reconnect), threading.Event()
        frames = read_frames(sources, warnings.warn, reading, stopped=stopped)
        pace: Pace = "live" if sources[0].kind == "camera" else "ahead"
        return self.tracks_of(frames, tracking, detection, views, pace, stopped)

    def tracks_of(
        self,
        frames: Generator[Frame, None, None],
        tracking: TrackingOptions,
        options: DetectionOptions = USUAL,
        views: ViewOptions = TRAINED,
        pace: Pace = "ahead",
        stopped: threading.Event | None = None,
    ) -> Generator[Result, None, None]:
        """Yield a result with identities for each frame, see `track`; for the arguments see `results_of`."""
        method, confidence = find_method(tracking.tracker), options.confidence
        least = self._least_scores(confidence)
        weak = replace(options, confidence=min(method.least_score, float(least.min(initial=1.0))))
        return tracked(self.results_of(frames, weak, views, pace, stopped), method, least)

    def results_of(
        self,
        frames: Generator[Frame, None, None],
        options: DetectionOptions = USUAL,
        views: ViewOptions = TRAINED,
        pace: Pace = "ahead",
        stopped: threading.Event | None = None,
    ) -> Generator[Result, None, None]:
        """Yield a result for each frame. Reading, inference and the caller's work overlap, as `pace` says.

        At most five batches are in memory.

        Args:
            frames: as `read_frames` yields them.
            options: what is detected.
            views: how frames are shown to the model; by default as in training.
            pace: "live" drops frames that the model is too slow for, so that it does not fall behind a camera; for the
                others see `Pace`.
            stopped: is set when the iterator is closed: ends the pauses of `read_frames`.
        """
        seen = self.views(views)
        if seen.are_whole:  # others show a part of the objects each
            self._require_as_many(options.max_detections)

        def views_of(frame: Frame) -> list[View]:
            # All frames of a video have one shape, so the rows or columns of padding can be left out: of 16:9 images
            # 40 %, and as much of the time. On BCCD (4:3) AP is 0.5752 with them and 0.5762 without.
            return seen.of(frame.height, frame.width, trimmed=frame.video is not None)

        batch_size = options.batch_size or (1 if pace == "live" else self.backend.batch_size)
        confidence, least = self.thresholds(options.confidence, seen)
        detect, most = self._detecting(replace(options, confidence=confidence)), options.max_detections
        return stream_results(frames, detect, self.classes, views_of, batch_size, pace, most, stopped, least)

    def thresholds(self, confidence: float | None, views: Views) -> tuple[float | None, np.ndarray | None]:
        """Return the threshold for what is found in each view, and that of objects, float32 [K] by class.

        The second is None where each image has one view. The score of an object is else the mean over several views,
        some of which may be lower.

        Args:
            confidence: as for `detect`.
            views: in which images are seen.
        """
        if views.are_whole:
            return confidence, None
        least = self._least_scores(confidence)
        return VIEW_CONFIDENCE * float(least.min(initial=1.0)), least

    def _least_scores(self, confidence: float | None) -> np.ndarray:
        """Return the score that detections of each class are above, float32 [K]; None is that of the model."""
        return self._confidences if confidence is None else np.full(len(self.classes), confidence, np.float32)

    def _detecting(self, options: DetectionOptions) -> DetectFunction:
        """Return what `stream_results` calls: `detect` for the classes and the number of objects that are wanted."""
        least = np.full(len(self.classes), np.inf, np.float32)
        least[slice(None) if options.classes is None else labels_of(options.classes, self.classes)] = -np.inf

        def detect(images: np.ndarray, extents: np.ndarray) -> Detections:
            found = self.detect(images, options.confidence, options.iou, extents)
            found = found if options.classes is None else _above(found, least)
            return Detections(*(part[:, : options.max_detections] for part in found))

        return detect

    def _require_as_many(self, count: int | None) -> None:
        most = self.card.config.get("max_detections")
        if count is not None and most is not None and count > most:
            raise BadInput(
                f"max_detections: the model finds at most {most} objects in an image, {count} are wanted. Load it as "
                f"detect.load(..., max_detections={count}), or export it with this setting."
            )

    def _checked(self, images: Any) -> Any:
        """Return the images in the type that the back end takes."""
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
        """Return the shapes that `detect` takes, for errors."""
        if self.backend.canvases:
            return " or ".join(f"[B, {height}, {width}, 3]" for height, width in self.backend.canvases)
        side, divisor, smallest = self.image_size, self.backend.size_divisor, self.backend.smallest_side
        return f"[B, {side}, {side}, 3], or other multiples of {divisor}, at least {smallest}"


def _above(found: Detections, least: np.ndarray) -> Detections:
    """Return the detections [B, D] with scores above `least` [K] of their class, best first, then padding."""
    stays = (found.labels >= 0) & (found.scores > least[found.labels])
    order = np.argsort(~stays, axis=1, kind="stable")
    boxes, scores, labels, stays = (
        np.take_along_axis(values, order.reshape(*order.shape, *[1] * (values.ndim - 2)), axis=1)
        for values in (*found, stays)
    )
    return Detections(np.where(stays[..., None], boxes, 0), np.where(stays, scores, 0), np.where(stays, labels, -1))


def _without_image(result: Result) -> Result:
    """Drop the pixels of an image file, which can be read again: a list of results must not keep all images."""
    return replace(result, frame=result.frame.without_pixels()) if result.frame.source.is_image_file else result

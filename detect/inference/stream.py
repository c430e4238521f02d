"""The prediction pipeline: frames -> letterboxed batches -> detections -> results, its stages overlapped."""

from collections.abc import Callable, Generator
from contextlib import closing

import numpy as np

from detect.data.resizing import letterbox, to_source
from detect.inference.background import ahead
from detect.inference.frames import Frame
from detect.inference.result import Result
from detect.structures import Detections

Batch = tuple[list[Frame], np.ndarray, list[float]]  # n frames, uint8 [n, S, S, 3], their scales


def stream_results(
    frames: Generator[Frame, None, None],
    detect: Callable[[np.ndarray], Detections],
    classes: tuple[str, ...],
    side: int,
    batch_size: int,
    live: bool = False,
) -> Generator[Result, None, None]:
    """A result for each frame, in order.

    One thread reads and letterboxes, one runs `detect`, the caller's consumes: each is at most a batch ahead of the
    next. Closing the iterator ends the threads and closes `frames`.

    Args:
        detect: uint8 [n, S, S, 3] -> NumPy detections in pixels of these; S = `side`.
        live: drop frames that `detect` is too slow for.
    """
    batches = ahead(_batches(frames, side, batch_size), depth=1, newest_only=live)
    found = ahead(_detected(batches, detect, classes), depth=1)
    with closing(found):
        for results in found:
            yield from results


def _batches(frames: Generator[Frame, None, None], side: int, batch_size: int) -> Generator[Batch, None, None]:
    """Full batches, and what is left at the end."""
    with closing(frames):
        waiting: list[Frame] = []
        for frame in frames:
            waiting.append(frame)
            if len(waiting) == batch_size:
                yield _letterboxed(waiting, side)
                waiting = []
        if waiting:
            yield _letterboxed(waiting, side)


def _letterboxed(frames: list[Frame], side: int) -> Batch:
    images, scales = zip(*(letterbox(frame.image, (side, side)) for frame in frames), strict=True)
    return frames, np.stack(images), list(scales)


def _detected(
    batches: Generator[Batch, None, None], detect: Callable[[np.ndarray], Detections], classes: tuple[str, ...]
) -> Generator[list[Result], None, None]:
    with closing(batches):
        for frames, images, scales in batches:
            boxes, scores, labels = detect(images)
            yield [
                _result(frame, scale, boxes[row], scores[row], labels[row], classes)
                for row, (frame, scale) in enumerate(zip(frames, scales, strict=True))
            ]


def _result(frame: Frame, scale: float, boxes, scores, labels, classes: tuple[str, ...]) -> Result:
    real = labels >= 0
    boxes = to_source(boxes[real], scale, frame.width, frame.height)
    return Result(boxes, scores[real], labels[real], classes, frame)

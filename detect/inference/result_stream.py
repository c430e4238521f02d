"""The prediction pipeline, whose stages overlap: frames, batches, detections, results."""

import itertools
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import numpy as np

from detect.data.pixels.resizing import Placement, place, to_source
from detect.inference.background import ahead
from detect.inference.result import Result
from detect.inference.sources.frames import Frame
from detect.structures import Detections

# A single batch leaves cores idle where its work cannot be divided. YOLOX-micro on two cores, batches of 4 frames of
# 320 x 192: 110 frames/s with one batch at a time, 154 with two.
BATCHES_AT_A_TIME = 2

Placed = tuple[Frame, Placement]
Batch = tuple[list[Placed], np.ndarray, np.ndarray]  # n frames, their images [n, H, W, 3] and extents [n, 2]
DetectFunction = Callable[[np.ndarray, np.ndarray], Detections]  # from images and extents, see `Model.detect`


def stream_results(
    frames: Generator[Frame, None, None],
    detect: DetectFunction,
    classes: tuple[str, ...],
    placing: Callable[[Frame], Placement],
    batch_size: int,
    live: bool = False,
    in_turn: bool = False,
) -> Generator[Result, None, None]:
    """Yield a result for each frame, in order.

    One thread reads and resizes, two run `detect`, and the caller's consumes. Each is at most a batch ahead of the
    next. Closing the iterator ends the threads and closes `frames`.

    Args:
        frames: the frames.
        detect: maps images [n, H, W, 3] and extents [n, 2] to NumPy detections in pixels of these images.
        classes: class names by label.
        placing: where a frame lies on its canvas [H, W]; frames of one batch have canvases of one size.
        batch_size: most frames per batch.
        live: drop frames that `detect` is too slow for.
        in_turn: do all work in the caller's thread. To start four threads and to wake them takes 0.7 ms, more where the
            cores are busy, and gains nothing for a single batch.
    """
    if in_turn:
        with closing(_batches(frames, placing, batch_size)) as made:
            for batch, images, extents in made:
                yield from _results(batch, detect(images, extents), classes)
        return
    batches = ahead(_batches(frames, placing, batch_size), depth=1, newest_only=live)
    found = ahead(_detected(batches, detect, classes, at_a_time=1 if live else BATCHES_AT_A_TIME), depth=1)
    with closing(found):
        for results in found:
            yield from results


def _batches(
    frames: Generator[Frame, None, None], placing: Callable[[Frame], Placement], batch_size: int
) -> Generator[Batch, None, None]:
    """Yield batches of frames with one canvas; they are full except before the canvas changes and at the end."""
    with closing(frames):
        placed = ((frame, placing(frame)) for frame in frames)
        for _, group in itertools.groupby(placed, key=lambda pair: pair[1].canvas):
            while batch := list(itertools.islice(group, batch_size)):
                first = batch[0][1]
                images = np.empty((len(batch), *first.canvas, 3), first.dtype)
                for (frame, placement), image in zip(batch, images, strict=True):
                    place(frame.image, placement, out=image)
                yield batch, images, np.array([placement.extent for _, placement in batch], np.float32)


def _detected(
    batches: Generator[Batch, None, None],
    detect: DetectFunction,
    classes: tuple[str, ...],
    at_a_time: int,
) -> Generator[list[Result], None, None]:
    """Yield the results of each batch, in order, with `at_a_time` batches in `detect` at the same time."""
    running: deque[tuple[list[Placed], Future[Detections]]] = deque()
    with closing(batches), ThreadPoolExecutor(at_a_time) as pool:
        for batch, images, extents in batches:
            running.append((batch, pool.submit(detect, images, extents)))
            if len(running) == at_a_time:
                yield _finished(*running.popleft(), classes)
        while running:
            yield _finished(*running.popleft(), classes)


def _finished(batch: list[Placed], found: "Future[Detections]", classes: tuple[str, ...]) -> list[Result]:
    return _results(batch, found.result(), classes)


def _results(batch: list[Placed], found: Detections, classes: tuple[str, ...]) -> list[Result]:
    boxes, scores, labels = found
    return [
        _result(frame, placement, boxes[row], scores[row], labels[row], classes)
        for row, (frame, placement) in enumerate(batch)
    ]


def _result(frame: Frame, placement: Placement, boxes, scores, labels, classes: tuple[str, ...]) -> Result:
    real = labels >= 0
    boxes = to_source(boxes[real], placement, frame.width, frame.height)
    return Result(boxes, scores[real], labels[real], classes, frame)

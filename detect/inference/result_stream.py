"""The prediction pipeline, whose stages overlap: frames, batches, detections, results."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Literal, NamedTuple

import numpy as np

from detect.inference.background import ahead
from detect.inference.result import Result
from detect.inference.seams import Objects, merge
from detect.inference.sources.frames import Frame
from detect.inference.views import View
from detect.structures import Detections

# A single batch leaves cores idle where its work cannot be divided. YOLOX-micro on two cores, batches of 4 frames of
# 320 x 192: 110 frames/s with one batch at a time, 154 with two.
BATCHES_AT_A_TIME = 2
PATIENCE = 2.0  # seconds that closing waits for frames that may never come

# Which work is done while other work waits:
# - "ahead": all of it overlaps, two batches are detected at a time, and a result may wait for the next batch.
# - "at once": no result waits for a later frame, which may be long in coming.
# - "live": the same, and frames that detection is too slow for are dropped.
# - "in turn": none; all is done in the thread of the caller. To start four threads and to wake them takes 0.7 ms, more
#   where the cores are busy, and gains nothing for a single batch.
Pace = Literal["ahead", "at once", "live", "in turn"]


class Seen(NamedTuple):
    """One of the views of a frame."""

    frame: Frame
    views: Sequence[View]  # all of the frame
    view: View


class Batch(NamedTuple):
    """The n views that are shown to the model at once."""

    seen: list[Seen]
    images: np.ndarray  # [n, H, W, 3]
    extents: np.ndarray  # [n, 2]


Found = tuple[Seen, Objects]  # what is found in a view, in pixels of the frame
DetectFunction = Callable[[np.ndarray, np.ndarray], Detections]  # from images and extents, see `Model.detect`


def stream_results(
    frames: Generator[Frame, None, None],
    detect: DetectFunction,
    classes: tuple[str, ...],
    views_of: Callable[[Frame], Sequence[View]],
    batch_size: int,
    pace: Pace = "ahead",
    most: int | None = None,
    stopped: threading.Event | None = None,
    least: np.ndarray | None = None,
) -> Generator[Result, None, None]:
    """Yield a result for each frame, in order.

    One thread reads and resizes, two run `detect`, and the caller's consumes. Each is at most a batch ahead of the
    next. Closing the iterator ends the threads and closes `frames`.

    Args:
        frames: the frames.
        detect: maps images [n, H, W, 3] and extents [n, 2] to NumPy detections in pixels of these images.
        classes: class names by label.
        views_of: the views in which a frame is shown to the model, one or more; those of one batch have canvases [H, W]
            of one size, and one batch may have views of several frames.
        batch_size: most views per batch; where no result may wait for a later frame, most frames.
        pace: which work is done while other work waits.
        most: objects of a frame, the best ones; None: all.
        stopped: is set when the iterator is closed, for frames that wait for something else.
        least: scores of objects are above it, [K] by class; None: all.
    """
    waits = pace in ("ahead", "in turn")
    made = _batches(_groups(frames, views_of, batch_size, waits), frames)
    if pace == "in turn":
        with closing(made):
            yield from _merged(
                (_found(batch, detect(batch.images, batch.extents)) for batch in made), classes, most, least
            )
        return
    at_a_time, patience = (BATCHES_AT_A_TIME, None) if waits else (1, PATIENCE)
    batches = ahead(made, depth=1, newest_only=pace == "live")
    with closing(ahead(_detected(batches, detect, at_a_time), depth=1, patience=patience)) as found:
        try:
            yield from _merged(found, classes, most, least)
        finally:
            if stopped:
                stopped.set()


def _batches(groups: Iterator[list[Seen]], frames: Generator[Frame, None, None]) -> Generator[Batch, None, None]:
    """Yield a batch for each group of views; in the end, close the frames that they come from."""
    with closing(frames):
        for seen in groups:
            placement = seen[0].view.placement
            images = np.empty((len(seen), *placement.canvas, 3), placement.dtype)
            for (frame, _, view), image in zip(seen, images, strict=True):
                view.paint(frame.part(view.window), image)
            yield Batch(seen, images, np.array([each.view.placement.extent for each in seen], np.float32))


def _groups(
    frames: Iterator[Frame], views_of: Callable[[Frame], Sequence[View]], batch_size: int, waits: bool
) -> Iterator[list[Seen]]:
    """Yield views with one canvas: as many as a batch has, except before the canvas changes and at the end.

    Unless one may wait for a later frame, they are all views of `batch_size` frames. So a batch that is dropped, as
    those of a live source are, holds whole frames.
    """
    if waits:
        for _, group in itertools.groupby(_seen(frames, views_of), _canvas):
            while seen := list(itertools.islice(group, batch_size)):
                yield seen
        return
    while chosen := list(itertools.islice(frames, batch_size)):
        for _, group in itertools.groupby(_seen(chosen, views_of), _canvas):
            yield list(group)


def _canvas(seen: Seen) -> tuple[int, int]:
    return seen.view.placement.canvas


def _seen(frames: Iterable[Frame], views_of: Callable[[Frame], Sequence[View]]) -> Iterator[Seen]:
    for frame in frames:
        views = views_of(frame)
        yield from (Seen(frame, views, view) for view in views)


def _detected(
    batches: Generator[Batch, None, None], detect: DetectFunction, at_a_time: int
) -> Generator[list[Found], None, None]:
    """Yield what is found in each batch, in order, with `at_a_time` batches in `detect` at the same time."""
    running: deque[tuple[Batch, Future[Detections]]] = deque()
    with closing(batches), ThreadPoolExecutor(at_a_time) as pool:
        for batch in batches:
            running.append((batch, pool.submit(detect, batch.images, batch.extents)))
            if len(running) == at_a_time:
                yield _finished(*running.popleft())
        while running:
            yield _finished(*running.popleft())


def _finished(batch: Batch, found: "Future[Detections]") -> list[Found]:
    return _found(batch, found.result())


def _found(batch: Batch, found: Detections) -> list[Found]:
    """Return what is found in each view of a batch."""
    return [(seen, objects_of(seen.view, *row)) for seen, *row in zip(batch.seen, *found, strict=True)]


def objects_of(view: View, boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> Objects:
    """Return the objects in a view from its row of `Detections`: boxes [D, 4], scores [D] and labels [D]."""
    real = labels >= 0
    return Objects(view.to_image(boxes[real]), scores[real], labels[real])


def _merged(
    found: Iterator[list[Found]], classes: tuple[str, ...], most: int | None, least: np.ndarray | None
) -> Generator[Result, None, None]:
    """Yield a result for each frame, from what is found in its views, which come one after the other."""
    parts: list[Objects] = []
    for (frame, views, _), objects in itertools.chain.from_iterable(found):
        parts.append(objects)
        if len(parts) == len(views):
            yield result_of(frame, views, parts, classes, most, least)
            parts = []


def result_of(
    frame: Frame,
    views: Sequence[View],
    parts: Sequence[Objects],
    classes: tuple[str, ...],
    most: int | None = None,
    least: np.ndarray | None = None,
) -> Result:
    """Return the result of a frame.

    Args:
        frame: the frame.
        views: all of it.
        parts: the objects in each view, in pixels of the frame.
        classes: class names by label.
        most: objects of the frame, the best ones; None: all.
        least: scores of objects are above it, [K] by class; None: all.
    """
    windows = [view.window for view in views]
    one = parts[0] if len(parts) == 1 else merge(parts, windows, frame.height, frame.width)
    if least is not None:
        stays = one.scores > least[one.labels]
        one = Objects(*(part[stays] for part in one))
    return Result(one.boxes[:most], one.scores[:most], one.labels[:most], classes, frame)

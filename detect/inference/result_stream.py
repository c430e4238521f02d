"""The prediction pipeline, whose stages overlap: frames, batches, detections, results."""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

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
    live: bool = False,
    in_turn: bool = False,
    most: int | None = None,
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
        batch_size: most views per batch; for a live source, most frames.
        live: drop frames that `detect` is too slow for.
        in_turn: do all work in the caller's thread. To start four threads and to wake them takes 0.7 ms, more where the
            cores are busy, and gains nothing for a single batch.
        most: objects of a frame, the best ones; None: all.
    """
    made = _batches(frames, views_of, batch_size, live)
    if in_turn:
        with closing(made):
            yield from _merged((_found(batch, detect(batch.images, batch.extents)) for batch in made), classes, most)
        return
    batches = ahead(made, depth=1, newest_only=live)
    found = ahead(_detected(batches, detect, at_a_time=1 if live else BATCHES_AT_A_TIME), depth=1)
    with closing(found):
        yield from _merged(found, classes, most)


def _batches(
    frames: Generator[Frame, None, None],
    views_of: Callable[[Frame], Sequence[View]],
    batch_size: int,
    live: bool,
) -> Generator[Batch, None, None]:
    """Yield batches of views with one canvas; they are full except before the canvas changes and at the end.

    Those of a live source hold whole frames, because a batch may be dropped.
    """

    def kind(seen: Seen) -> tuple:
        return seen.view.placement.canvas, seen.frame.index // batch_size if live else None

    with closing(frames):
        for _, group in itertools.groupby(_seen(frames, views_of), kind):
            while seen := list(itertools.islice(group, None if live else batch_size)):
                placement = seen[0].view.placement
                images = np.empty((len(seen), *placement.canvas, 3), placement.dtype)
                for (frame, _, view), image in zip(seen, images, strict=True):
                    view.paint(frame.image, image)
                yield Batch(seen, images, np.array([each.view.placement.extent for each in seen], np.float32))


def _seen(
    frames: Generator[Frame, None, None], views_of: Callable[[Frame], Sequence[View]]
) -> Generator[Seen, None, None]:
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
    return [(seen, _objects(seen.view, *row)) for seen, *row in zip(batch.seen, *found, strict=True)]


def _objects(view: View, boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> Objects:
    real = labels >= 0
    return Objects(view.to_image(boxes[real]), scores[real], labels[real])


def _merged(found: Iterator[list[Found]], classes: tuple[str, ...], most: int | None) -> Generator[Result, None, None]:
    """Yield a result for each frame, from what is found in its views, which come one after the other."""
    parts: list[Objects] = []
    for (frame, views, _), objects in itertools.chain.from_iterable(found):
        parts.append(objects)
        if len(parts) == len(views):
            windows = [view.window for view in views]
            one = parts[0] if len(parts) == 1 else merge(parts, windows, frame.height, frame.width)
            parts = []
            yield Result(one.boxes[:most], one.scores[:most], one.labels[:most], classes, frame)

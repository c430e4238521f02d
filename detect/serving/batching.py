"""One model for many clients: views of images that wait at the same time are detected in one batch."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np

from detect.inference.predictor import Model
from detect.inference.result_stream import BATCHES_AT_A_TIME, objects_of
from detect.inference.seams import Objects
from detect.serving.uploads import PaintedView

WARM_UP = 2  # calls after which TensorFlow has compiled its step


class _Waiting(NamedTuple):
    painted: PaintedView
    thresholds: tuple[float | None, float | None]  # confidence and iou, as for `Model.detect`
    future: "Future[Objects]"

    @property
    def batch(self) -> tuple:
        """What is the same for the views of a batch."""
        return self.painted.view.placement.canvas, self.thresholds


class Batcher:
    """Runs a model in threads of its own on the views of images that are given to it from any thread.

    A thread that is free takes the view that has waited longest, and with it those that can be in the same batch, up to
    the number that suits the model. So a single image never waits for others, and the more clients there are, the
    larger batches are.

    Attributes:
        model: the model.
    """

    def __init__(self, model: Model, note: Callable[[int], None]):
        """
        Args:
            model: the model.
            note: called with the number of views of each batch, from the threads.
        """
        self.model = model
        self._note = note
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        names = [f"detect-batches-{number}" for number in range(BATCHES_AT_A_TIME)]
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def submit(self, painted: PaintedView, confidence: float | None, iou: float | None) -> "Future[Objects]":
        """Return the future objects in a view, in pixels of its image; cancelling takes it out of the queue.

        Args:
            painted: a view for this model.
            confidence: as for `Model.detect`.
            iou: as for `Model.detect`.
        """
        waiting = _Waiting(painted, (confidence, iou), Future())
        with self._changed:
            self._waiting.append(waiting)
            self._changed.notify()
        return waiting.future

    def close(self) -> None:
        """End the threads, after the views that are waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            self._detect(batch)
            del batch  # it must not stay in memory until the next one comes

    def _detect(self, batch: list[_Waiting]) -> None:
        """Give each view of a batch its objects, or all of them the error."""
        try:
            self._note(len(batch))
            found = self._found(batch)
        except Exception as error:
            for waiting in batch:
                waiting.future.set_exception(error)
            return
        for waiting, objects in zip(batch, found, strict=True):
            waiting.future.set_result(objects)

    def _next_batch(self) -> list[_Waiting]:
        """Return the views to show next; none when the batcher is closed."""
        batch: list[_Waiting] = []
        with self._changed:
            while not batch:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    break
                batch = [waiting for waiting in self._taken() if waiting.future.set_running_or_notify_cancel()]
        return batch

    def _taken(self) -> list[_Waiting]:
        """Take the view that has waited longest, and others of its batch, out of the queue."""
        wanted, most = self._waiting[0].batch, self.model.backend.batch_size
        taken: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        for waiting in self._waiting:
            (taken if waiting.batch == wanted and len(taken) < most else left).append(waiting)
        self._waiting = left
        return taken

    def _found(self, batch: list[_Waiting]) -> list[Objects]:
        views = [waiting.painted.view for waiting in batch]
        images = np.stack([waiting.painted.canvas for waiting in batch])
        extents = np.array([view.placement.extent for view in views], np.float32)
        found = self.model.detect(images, *batch[0].thresholds, extents)
        return [objects_of(view, *row) for view, *row in zip(views, *found, strict=True)]


def warm_up(model: Model) -> None:
    """Run a model until all that its first images have to wait for is done: opening files, compiling."""
    placement = model.placement(model.image_size, model.image_size)
    canvas = np.zeros((1, *placement.canvas, 3), placement.dtype)
    for count in [1] * WARM_UP + [model.backend.batch_size]:
        model.detect(np.repeat(canvas, count, axis=0))

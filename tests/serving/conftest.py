"""A model without TensorFlow that finds what is red, and what serves it from a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
import uvicorn

from detect.inference.predictor import Model
from detect.models.card import ModelCard
from detect.serving.app import create_app
from detect.serving.server import Server, address_of, bound_socket
from detect.structures import Detections


class RedBackEnd:
    """Boxes all that is red, with the part of the image that it covers as the score.

    Attributes:
        batches: the number of images of each call.
        begun: counts the calls that have begun.
        gate: calls wait while it is not set.
    """

    name, confidence, iou, batch_size, size_divisor, smallest_side = "stand-in", 0.0, 0.5, 4, 1, 1
    canvases: tuple[tuple[int, int], ...] = ()

    def __init__(self):
        self.batches: list[int] = []
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def detect(self, images, extents, confidence, iou):
        self.batches.append(len(images))
        self.begun.release()
        assert self.gate.wait(20)
        count = len(images)
        boxes, scores = np.zeros((count, 1, 4), np.float32), np.zeros((count, 1), np.float32)
        labels = np.full((count, 1), -1, np.int32)
        for row, image in enumerate(images.astype(int)):
            ys, xs = np.nonzero(image[..., 0] - image[..., 1] > 90)
            if (score := len(ys) / image[..., 0].size) > confidence:
                boxes[row, 0] = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
                scores[row], labels[row] = score, 0
        return Detections(boxes, scores, labels)


@pytest.fixture
def red_model():
    """A model for images of 64 pixels that finds what is red, from a score of an eighth on."""
    size, classes = 64, ("red", "never")
    card = ModelCard(
        model="red", config={}, classes=classes, category_ids=(1, 2), image_size=size, confidences={"red": 0.125}
    )
    return Model(RedBackEnd(), card)


@contextmanager
def served(models, limits=None, **options) -> Iterator[httpx.Client]:
    """Serve models by name from a thread, and yield a client whose base address is that of the server."""
    bound, started = bound_socket("127.0.0.1", 0), threading.Event()
    app = create_app(models, limits, **options)
    server = Server(uvicorn.Config(app, log_level="critical", access_log=False), started.set)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    assert started.wait(20)
    with httpx.Client(base_url=address_of(bound), timeout=20, trust_env=False) as client:
        try:
            yield client
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def serve():
    """The function `served`."""
    return served


@pytest.fixture
def client(red_model):
    """A client of a server with `red_model` as "red"."""
    with served({"red": red_model}) as client:
        yield client

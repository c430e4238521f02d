"""Images that wait together are one batch; nothing of one harms another."""

import pytest
from red_pictures import picture

from detect.inference.result_stream import BATCHES_AT_A_TIME
from detect.serving.batching import Batcher, warm_up
from detect.serving.uploads import placed

MOST_PIXELS = 10**6


@pytest.fixture
def batcher(red_model):
    batcher = Batcher(red_model, lambda images: None)
    yield batcher
    red_model.backend.gate.set()
    batcher.close()


def submit(batcher: Batcher, x: int, confidence: float = 0.01, iou: float | None = None):
    """Submit a picture with a red box that begins at column `x`."""
    image = placed(picture(x, 4, x + 16, 20), batcher.model, MOST_PIXELS)
    return batcher.submit(image.views[0], confidence, iou)


def start(future) -> int:
    """Return the column at which the box of a result begins."""
    return int(future.result(20).boxes[0, 0])


def keep_busy(batcher: Batcher) -> None:
    """Give each thread an image, which it is working on when this returns; it goes on when the gate is set."""
    backend = batcher.model.backend
    backend.gate.clear()
    for _ in range(BATCHES_AT_A_TIME):
        submit(batcher, 0)
        assert backend.begun.acquire(timeout=20)
    backend.batches.clear()


def test_a_batch_is_what_waits_and_no_more_than_suits_the_model(batcher):
    keep_busy(batcher)
    futures = [submit(batcher, x) for x in range(6)]
    batcher.model.backend.gate.set()
    assert [start(future) for future in futures] == list(range(6))
    assert sorted(batcher.model.backend.batches) == [2, 4]


def test_other_thresholds_are_another_batch(batcher):
    keep_busy(batcher)
    settings = [(0.01, None), (0.5, None), (0.01, None), (0.01, 0.3)]
    futures = [submit(batcher, x, *thresholds) for x, thresholds in enumerate(settings)]
    batcher.model.backend.gate.set()
    assert [len(future.result(20).boxes) for future in futures] == [1, 0, 1, 1]
    assert sorted(batcher.model.backend.batches) == [1, 1, 2]


def test_a_cancelled_image_is_left_out(batcher):
    keep_busy(batcher)
    futures = [submit(batcher, x) for x in range(3)]
    assert futures[1].cancel()
    batcher.model.backend.gate.set()
    assert (start(futures[0]), start(futures[2])) == (0, 2)
    assert sum(batcher.model.backend.batches) == 2


def test_a_failure_reaches_all_of_its_batch_and_ends_nothing(batcher, monkeypatch):
    def fail(*_):
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(batcher.model.backend, "detect", fail)
        with pytest.raises(RuntimeError, match="no memory"):
            submit(batcher, 0).result(20)
    assert start(submit(batcher, 5)) == 5


def test_closing_finishes_what_waits(red_model):
    batcher = Batcher(red_model, lambda images: None)
    futures = [submit(batcher, x) for x in range(9)]
    batcher.close()
    assert [start(future) for future in futures] == list(range(9))


def test_warming_up_runs_single_images_and_a_full_batch(red_model):
    warm_up(red_model)
    assert red_model.backend.batches == [1, 1, red_model.backend.batch_size]

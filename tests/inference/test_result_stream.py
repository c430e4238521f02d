"""The pipeline of reading, detection and consumption, without TensorFlow."""

import threading
import weakref
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from detect.data.pixels.resizing import Fit
from detect.data.pixels.tiles import Tiling, Window
from detect.inference.result_stream import stream_results
from detect.inference.sources.frames import Frame, Source, VideoFormat
from detect.inference.views import View, Views
from detect.structures import Detections

SOURCE = Source("a.mp4", "video", "a", "a.mp4")
VIDEO = VideoFormat(Fraction(25), Fraction(1, 25))


def frames(count, opened=None, height=16, width=32):
    """Yield frames with the grey value of their index; `opened` collects weak references to their images."""
    for index in range(count):
        image = np.full((height, width, 3), index % 256, np.uint8)
        if opened is not None:
            opened.append(weakref.ref(image))
        yield Frame(SOURCE, image, width, height, index, Fraction(index, 25), VIDEO)
        del image


def find_grey(images, extents):
    """Detect one box per image, 8 x 4 pixels at the origin, whose score is the grey value of the image."""
    count = len(images)
    scores = images[:, 0, 0, :1].astype(np.float32) / 256
    return Detections(np.tile(np.float32([0, 0, 8, 4]), (count, 1, 1)), scores, np.zeros((count, 1), np.int32))


def in_square(frame):
    return whole(frame, Fit().placement(frame.height, frame.width, 16))


def whole(frame, placement):
    """Return the one view that shows all of a frame."""
    return [View(Window(0, 0, frame.width, frame.height), placement)]


def run(source, detect=find_grey, views_of=in_square, batch_size=4, pace="ahead"):
    return stream_results(source, detect, ("grey",), views_of, batch_size, pace)


def no_threads_left() -> bool:
    return not any(thread.name == "detect-ahead" for thread in threading.enumerate())


def test_every_frame_has_its_result_in_order():
    results = list(run(frames(10)))
    assert [result.index for result in results] == list(range(10))
    assert [round(result.scores[0] * 256) for result in results] == list(range(10))
    assert results[0].boxes.tolist() == [[0, 0, 16, 8]]  # 32 pixels became 16
    assert no_threads_left()


def test_in_turn_the_same_is_found_in_the_thread_of_the_caller():
    threads = set()

    def detect(images, extents):
        threads.add(threading.current_thread())
        return find_grey(images, extents)

    closed = []

    def watched():
        try:
            yield from frames(6)
        finally:
            closed.append(threading.current_thread())

    results = list(run(watched(), detect, pace="in turn"))
    assert [round(result.scores[0] * 256) for result in results] == list(range(6))
    assert threads == set(closed) == {threading.current_thread()}


def test_batches_are_full_but_for_the_last_and_hold_one_canvas():
    sizes = []

    def detect(images, extents):
        sizes.append(images.shape[:3])
        return find_grey(images, extents)

    def mixed():
        yield from frames(2, height=16, width=32)
        yield from frames(3, height=14, width=28)  # another size, the same canvas
        yield from frames(2, height=32, width=32)

    shortest = Fit(kind="shortest")
    placing = lambda frame: shortest.placement(frame.height, frame.width, 8, divisor=8)  # noqa: E731
    results = run(mixed(), detect, lambda frame: whole(frame, placing(frame)))
    widths = [result.boxes[0, 2] for result in results]
    assert widths == pytest.approx([16, 16, 14, 14, 14, 32, 32])
    assert sizes == [(4, 8, 16), (1, 8, 16), (2, 8, 8)]


def test_no_frames():
    assert list(run(frames(0))) == []
    assert no_threads_left()


@pytest.mark.parametrize("consumed", [0, 1, 5, 9])
def test_leaving_early_ends_all_threads_and_closes_the_reader(consumed):
    closed = []

    def watched():
        try:
            yield from frames(1000)
        finally:
            closed.append(True)

    results = run(watched())
    for _ in range(consumed):
        next(results)
    results.close()
    assert no_threads_left()
    assert closed == ([True] if consumed else [])  # a reader that never began has nothing to close


@pytest.mark.parametrize("place", ["reading", "detection"])
def test_errors_of_any_thread_reach_the_caller(place):
    def broken_frames():
        yield from frames(6)
        raise ValueError("reading")

    def broken_detection(images, extents):
        if images[0, 0, 0, 0] >= 4:
            raise ValueError("detection")
        return find_grey(images, extents)

    results = run(broken_frames()) if place == "reading" else run(frames(6), broken_detection)
    seen = []
    with pytest.raises(ValueError, match=place):
        seen.extend(result.index for result in results)
    assert no_threads_left()


def test_memory_is_flat():
    opened: list = []
    most = 0
    for result in run(frames(400, opened), batch_size=4):
        most = max(most, sum(reference() is not None for reference in opened))
        assert result.image.shape == (16, 32, 3)
    assert len(opened) == 400
    assert most <= 5 * 4 + 2  # five batches, and the frames in hand of reader and caller


def test_a_live_source_is_never_waited_for():
    """The model is slower than the camera: it receives the newest frame, and the others are dropped."""
    camera_is_done = threading.Event()

    def camera():
        yield from frames(50)
        camera_is_done.set()

    def slow(images, extents):
        assert camera_is_done.wait(10)
        return find_grey(images, extents)

    indices = [result.index for result in run(camera(), slow, batch_size=1, pace="live")]
    assert indices == sorted(indices)
    assert len(indices) <= 3
    assert indices[-1] == 49


def in_tiles(frame):
    tiles = Views(lambda height, width, trimmed=False: Fit().placement(height, width, 32), Tiling(tile=32))
    return tiles.of(frame.height, frame.width)


@pytest.mark.parametrize("pace", ["ahead", "in turn", "at once"])
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_tiles_of_a_frame_become_one_result(batch_size, pace):
    """32 x 64 pixels are three tiles, at 0, 16 and 32, with a box of 8 x 4 pixels at the corner of each."""
    results = list(run(frames(7, height=32, width=64), views_of=in_tiles, batch_size=batch_size, pace=pace))
    assert [result.index for result in results] == list(range(7))
    for result in results:
        assert sorted(result.boxes.tolist()) == [[0, 0, 8, 4], [16, 0, 24, 4], [32, 0, 40, 4]]
    assert no_threads_left()


@pytest.mark.parametrize("pace", ["at once", "live"])
def test_no_result_waits_for_the_next_frame(pace):
    is_asked_for = threading.Event()

    def slow():
        yield from frames(1, height=32, width=64)
        assert is_asked_for.wait(10)
        yield from frames(1, height=32, width=64)

    results = run(slow(), views_of=in_tiles, batch_size=1, pace=pace)
    assert len(next(results)) == 3
    is_asked_for.set()
    assert len(list(results)) == 1
    assert no_threads_left()


def test_frames_of_a_live_source_are_dropped_with_all_their_tiles():
    camera_is_done = threading.Event()
    shapes = []

    def camera():
        yield from frames(20, height=32, width=64)
        yield from frames(20, height=32, width=32)
        camera_is_done.set()

    def slow(images, extents):
        assert camera_is_done.wait(10)
        shapes.append(len(images))
        return find_grey(images, extents)

    results = list(run(camera(), slow, views_of=in_tiles, batch_size=1, pace="live"))
    assert shapes == [3 if result.width == 64 else 1 for result in results]
    assert len(results) <= 3


def test_padding_is_removed():
    def with_padding(images, extents):
        found = find_grey(images, extents)
        boxes = np.concatenate([found.boxes, np.zeros_like(found.boxes)], axis=1)
        scores = np.concatenate([found.scores, np.zeros_like(found.scores)], axis=1)
        return Detections(boxes, scores, np.array([[0, -1]] * len(images), np.int32))

    (result,) = run(iter_of(replace(next(frames(1)), index=3)), with_padding)
    assert (len(result), result.index) == (1, 3)


def iter_of(*items):
    yield from items

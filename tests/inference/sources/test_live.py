"""Live streams that end or stall, from a server on this machine."""

import threading
from fractions import Fraction

import numpy as np
import pytest

from detect.errors import BadInput
from detect.inference.options import ReadingOptions
from detect.inference.sources import live
from detect.inference.sources.finding import find_sources
from detect.inference.sources.frames import Frame, Source, VideoFormat
from detect.inference.sources.live import read_live

RATE, FRAMES = 25, 10


@pytest.fixture(scope="module")
def content(transport_stream):
    """Ten frames."""
    return transport_stream([np.full((64, 96, 3), 90, np.uint8)] * FRAMES)


def source_at(address) -> Source:
    (source,) = find_sources(address, live=True)
    return source


class Pauses(threading.Event):
    """Stands for an event that is set at the last of so many pauses."""

    def __init__(self, count):
        super().__init__()
        self.count, self.seconds = count, []

    def wait(self, seconds):
        self.seconds.append(seconds)
        if len(self.seconds) == self.count:
            self.set()


def test_a_stream_that_ends_is_told(serve, content):
    told = []
    address = serve([content])
    frames = list(read_live(source_at(address), told.append))
    assert [frame.index for frame in frames] == list(range(FRAMES))
    (sentence,) = told
    assert sentence.startswith(f"{address}: ")
    assert "the connection was closed" in sentence
    assert sentence.endswith("With reconnect, it would be tried again.")


def test_a_stream_that_stalls_is_told(serve, content):
    told = []
    frames = read_live(source_at(serve([content, None])), told.append, ReadingOptions(timeout=0.3))
    assert len(list(frames)) == FRAMES
    assert "no more data arrived in time" in told[0]


def test_it_is_tried_again_with_growing_pauses(serve, content):
    told, pauses = [], Pauses(10)
    address = serve([content, None], [b"nothing"], [content], [content])
    options = ReadingOptions(timeout=0.3, reconnect=True)
    assert len(list(read_live(source_at(address), told.append, options, pauses))) == 3 * FRAMES
    # Stalled, not a video, ended, ended, then there is nothing at the address.
    assert pauses.seconds == [1, 2, 1, 1, 2, 4, 8, 16, 32, 60]
    assert [sentence.endswith("frames arrive again.") for sentence in told].count(True) == 2


def test_frames_are_numbered_and_timed_on(serve, content):
    address, options = serve([content], [content]), ReadingOptions(reconnect=True)
    frames = list(read_live(source_at(address), lambda sentence: None, options, Pauses(2)))
    assert [frame.index for frame in frames] == list(range(2 * FRAMES))
    times = [frame.timestamp for frame in frames]
    assert times == sorted(set(times))
    assert all(frame.timestamp % frame.video.time_base == 0 for frame in frames)
    assert len({id(frame.video) for frame in frames}) == 2  # each connection has its own, and so a file of its own


def test_one_of_several_frames_and_an_end(serve, content):
    frames = list(read_live(source_at(serve([content])), print, ReadingOptions(every=3, end=0.3)))
    assert [frame.index for frame in frames] == [0, 3, 6]
    assert [frame.timestamp for frame in frames] == [Fraction(index, RATE) for index in (0, 3, 6)]


def test_an_address_where_nothing_is_found_is_not_tried_again(serve, content):
    with pytest.raises(BadInput, match="the video cannot be opened"):
        list(read_live(source_at(serve()), print, ReadingOptions(reconnect=True), stopped=None))
    with pytest.raises(BadInput, match="a live stream has no past to begin in"):
        list(read_live(source_at(serve([content])), print, ReadingOptions(start=3)))


def test_a_camera_is_tried_again(monkeypatch):
    source, pauses = Source("0", "camera", "camera-0", "camera 0"), Pauses(3)
    image = np.zeros((4, 6, 3), np.uint8)
    connections = iter([3, 0, 2])

    def camera(source):
        count = next(connections)
        if not count:
            raise BadInput("Camera 0 cannot be opened.")
        for index in range(count):
            yield Frame(source, image, 6, 4, index, Fraction(index), VideoFormat(Fraction(1), Fraction(1, 90_000)))

    monkeypatch.setattr(live, "read_camera", camera)
    frames = read_live(source, lambda sentence: None, ReadingOptions(reconnect=True), pauses)
    assert [frame.index for frame in frames] == list(range(5))
    assert pauses.seconds == [1, 2, 1]

"""Cameras and network streams, which have no end: when one ends or stalls, that is told, and it is tried again."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

from detect.errors import BadInput
from detect.inference.limits import seconds_of
from detect.inference.options import ReadingOptions
from detect.inference.sources.frames import Frame, Source
from detect.inference.sources.video_reader import CLOCK, USUAL, Damage, read_camera, read_stream

_LONGEST_PAUSE = 60  # seconds


def read_live(
    source: Source,
    tell: Callable[[str], None],
    reading: ReadingOptions = USUAL,
    stopped: threading.Event | None = None,
) -> Iterator[Frame]:
    """Yield the frames of a camera or stream, with `reconnect` of all its connections, one after the other.

    The frames are numbered on, and timestamps are seconds since the first of them, pauses included. The frames of each
    connection have a `VideoFormat` of their own.

    Args:
        source: the camera or stream.
        tell: called at once with a sentence when no more frames arrive, and when they arrive again.
        reading: which frames, and whether to try again.
        stopped: ends the pauses between two tries, and the stream with them.

    Raises:
        BadInput: the first connection fails or has no frame, or a time to begin at is asked for.
    """
    if reading.start is not None:
        raise BadInput(f"{source.shown}: a live stream has no past to begin in. Leave out the start.")
    end, reading = seconds_of("end", reading.end), replace(reading, end=None)
    began, index, timestamp = time.monotonic(), 0, -CLOCK
    for connection in _connections(source, tell, reading, stopped or threading.Event()):
        first = next(connection)
        began, offset = (time.monotonic(), Fraction(0)) if index == 0 else (began, _since(began, timestamp, first))
        start = index
        for frame in itertools.chain([first], connection):
            index, timestamp = start + frame.index + 1, offset + (frame.timestamp or 0)
            if end is not None and timestamp >= end:
                return
            yield replace(frame, index=index - 1, timestamp=timestamp)


def _since(began: float, last: Fraction, frame: Frame) -> Fraction:
    """Return the seconds since the first frame as a multiple of a frame's time base, and later than `last`."""
    unit = frame.video.time_base if frame.video else CLOCK
    return max(round((time.monotonic() - began) / unit), last // unit + 1) * unit


def _connections(
    source: Source, tell: Callable[[str], None], reading: ReadingOptions, stopped: threading.Event
) -> Iterator[Iterator[Frame]]:
    """Yield the frames of each connection, of which there is at least one."""
    connected, failures = False, 0
    while not stopped.is_set():
        damage = Damage()
        frames = _frames(source, tell, reading, damage)
        try:
            first = next(frames)
        except BadInput as error:
            if not connected:
                raise
            reason = str(error)
        else:
            if connected:
                tell(f"{source.shown}: frames arrive again.")
            connected, failures = True, 0
            yield itertools.chain([first], frames)
            reason = f"{source.shown}: {damage.ending or 'the stream has ended'}."
        if stopped.is_set():
            return
        if not reading.reconnect:
            tell(f"{reason} With reconnect, it would be tried again.")
            return
        pause = min(2**failures, _LONGEST_PAUSE)
        tell(f"{reason} It is tried again in {pause} s.")
        stopped.wait(pause)
        failures += 1


def _frames(source: Source, tell: Callable[[str], None], reading: ReadingOptions, damage: Damage) -> Iterator[Frame]:
    if "://" in source.address:
        return read_stream(source, tell, reading, damage)
    return (frame for frame in read_camera(source) if frame.index % reading.every == 0)

"""The frames of videos, network streams and cameras, decoded one by one.

PyAV reads files and streams. It is as fast as OpenCV (decoding to RGB at 768x432 takes 0.9 ms of one core in either),
and provides exact timestamps, also where frame rates vary, and the orientation that phones store in the file. OpenCV
reads cameras, whose names and drivers differ between systems.
"""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from errno import EIO
from fractions import Fraction
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.stream import Disposition

from detect.data.pixels.images import turn_upright
from detect.errors import BadInput, counted
from detect.inference.limits import seconds_of
from detect.inference.options import ReadingOptions
from detect.inference.sources.display_matrix import orientation
from detect.inference.sources.excerpt import Beginning, skip_to
from detect.inference.sources.frames import Frame, Source, VideoFormat
from detect.machine import cores

DECODING_THREADS = min(4, cores())  # each keeps one frame in memory
CLOCK = Fraction(1, 90_000)  # seconds: the time base of cameras, as of MPEG transport streams
USUAL = ReadingOptions()  # all frames
_FASTEST = 1000  # frames per second: a higher number in a header is a time base, not a rate


@dataclass
class Damage:
    """Parts that could not be decoded."""

    parts: int = 0
    first: str = ""  # why the first of them could not be
    ending: str = ""  # of a stream, why nothing could be read any more; empty at its end

    def add(self, error: Exception) -> None:
        self.parts += 1
        self.first = self.first or _reason(error)

    def end(self, error: Exception) -> None:
        self.add(error)
        self.ending = (
            "the connection was closed" if isinstance(error, OSError) and error.errno == EIO else _reason(error)
        )


def read_video(source: Source, skip: Callable[[str], None], reading: ReadingOptions = USUAL) -> Iterator[Frame]:
    """Yield the upright frames of a video file or URL, in the order in which they are shown.

    Args:
        source: the video.
        skip: called with a sentence about what is left out: damaged parts, other video streams.
        reading: which of its frames.

    Raises:
        BadInput: nothing can be decoded.
    """
    damage, count = Damage(), 0
    for frame in read_stream(source, skip, reading, damage):
        yield frame
        count += 1
    if damage.parts:
        skip(
            f"{source.shown}: {counted(damage.parts, 'damaged part was', 'damaged parts were')} left out, "
            f"{counted(count, 'frame was', 'frames were')} read. The first problem: {damage.first}."
        )


def read_stream(
    source: Source, skip: Callable[[str], None], reading: ReadingOptions, damage: Damage
) -> Iterator[Frame]:
    """Yield the frames of a video or a network stream; for the arguments see `read_video`.

    Args:
        damage: is told what could not be decoded, and why the frames ended where that was not at the end.
    """
    with _opened(source, reading.timeout) as container:
        stream = _film(source, container)
        films = sum(not _is_cover(other) for other in container.streams.video)
        if films > 1:
            skip(f"{source.shown}: one of its {films} video streams is read, the one that players show.")
        stream.thread_type, stream.codec_context.thread_count = "AUTO", DECODING_THREADS
        yield from _chosen(source, container, stream, reading, damage)


def read_camera(source: Source) -> Iterator[Frame]:
    """Yield the frames of a camera until no more arrive. Their timestamps are the times of their arrival.

    Raises:
        BadInput: the camera cannot be opened.
    """
    with _silent_opencv():  # it tries every driver, with a warning from each
        camera = cv2.VideoCapture(int(source.address))
    try:
        if not camera.isOpened():
            raise BadInput(
                f"Camera {source.address} cannot be opened: it does not exist, or another program is using it."
            )
        yield from _camera_frames(source, camera)
    finally:
        camera.release()


def _camera_frames(source: Source, camera: cv2.VideoCapture) -> Iterator[Frame]:
    video = VideoFormat(_sensible(camera.get(cv2.CAP_PROP_FPS)), CLOCK)
    start = None
    for index in itertools.count():
        there_is_more, image = camera.read()
        if not there_is_more and index == 0:
            raise BadInput(f"{source.shown} sends no images. Is another program using it?")
        if not there_is_more:
            return
        now = time.monotonic()
        start = now if start is None else start
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        yield _frame(source, image, index, round((now - start) / CLOCK) * CLOCK, video)


@contextlib.contextmanager
def _silent_opencv() -> Iterator[None]:
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


@contextlib.contextmanager
def _opened(source: Source, patience: float) -> Iterator[av.container.InputContainer]:
    """Open a video. `patience`: seconds without data from the network after which that is an error."""
    options = {"rtsp_transport": "tcp"} if source.address.startswith("rtsp") else {}  # UDP loses packets: grey smears
    try:
        timeout = (patience, patience) if "://" in source.address else None
        container = av.open(source.address, options=options, timeout=timeout, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise BadInput(f"{source.shown}: the video cannot be opened: {_reason(error)}.") from None
    with container:
        yield container


def _film(source: Source, container: av.container.InputContainer) -> av.VideoStream:
    """Return the video stream that players show, which is not the cover picture that some cameras put first."""
    best = container.streams.best("video")
    if isinstance(best, av.VideoStream) and not _is_cover(best):
        return best
    kinds = ["a cover picture" if s.type == "video" else f"a stream of type {s.type}" for s in container.streams]
    found = f"only {' and '.join(dict.fromkeys(kinds))}" if kinds else "nor any other: the recording is not complete"
    raise BadInput(f"{source.shown} has no video stream, {found}.")


def _is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


class _Timed(NamedTuple):
    """A decoded frame and where it is in its video."""

    number: int  # from 0
    timestamp: Fraction  # seconds since the first frame
    decoded: av.VideoFrame


def _chosen(source: Source, container, stream, reading: ReadingOptions, damage: Damage) -> Iterator[Frame]:
    """Yield the frames that are asked for; only these are converted to RGB."""
    start, end = seconds_of("start", reading.start) or Fraction(0), seconds_of("end", reading.end)
    video, frame, found = None, None, False
    for frame in _timed(container, stream, start, damage):
        video = video or _format_of(source, container, stream, frame, reading)
        if end is not None and frame.timestamp >= end:
            break
        if frame.timestamp >= start and frame.number % reading.every == 0:
            found = True
            yield _frame(source, _upright_rgb(frame.decoded), frame.number, frame.timestamp, video)
    if frame is None:
        raise BadInput(f"{source.shown}: no frame of the video can be decoded. {damage.first}".rstrip())
    if not found:
        known = f"frame {frame.number} is at {float(frame.timestamp):.2f} s"
        raise BadInput(f"{source.shown} has no frame between start and end: {known}. Give other times.")


def _timed(container, stream, start: Fraction, damage: Damage) -> Iterator[_Timed]:
    """Yield decoded frames; those before `start` are left out where that is possible."""
    duration, unit = 1 / _rate_of(stream), Fraction(stream.time_base)
    packets = _packets(container, stream, damage)
    skipped, origin, packets = skip_to(packets, start) if start else Beginning(0, None, packets)
    timestamp: Fraction | None = None
    for index, decoded in enumerate(_decoded(packets, damage), skipped):
        clock = _clock_of(decoded)
        origin = (clock or Fraction(0)) if origin is None else origin
        if timestamp is None:
            timestamp = max((clock or origin) - origin, Fraction(0))
        else:  # a frame out of order, as in broken files, follows the one before it
            timestamp = timestamp + duration if clock is None else max(clock - origin, timestamp + unit)
        yield _Timed(index, timestamp, decoded)


def _clock_of(decoded: av.VideoFrame) -> Fraction | None:
    """Return the time of a frame, seconds on the file's own clock; None where the file does not tell."""
    return None if decoded.pts is None or decoded.time_base is None else decoded.pts * decoded.time_base


def _packets(container, stream, damage: Damage) -> Iterator[av.Packet]:
    """Yield the packets of a stream until its end, or until nothing more can be read, which `damage` is told."""
    try:
        yield from container.demux(stream)
    except (av.error.FFmpegError, OSError) as error:
        damage.end(error)
        flush = av.Packet()
        flush.stream = stream
        yield flush  # the decoder may hold some frames back


def _decoded(packets: Iterator[av.Packet], damage: Damage) -> Iterator[av.VideoFrame]:
    """Yield the decoded frames. A packet that cannot be decoded is recorded in `damage` and left out."""
    for packet in packets:
        yield from _frames_in(packet, damage)


def _frames_in(packet: av.Packet, damage: Damage) -> list[Any]:
    try:
        return packet.decode()
    except av.error.InvalidDataError as error:
        damage.add(error)
        return []


def _format_of(source: Source, container, stream, frame: _Timed, reading: ReadingOptions) -> VideoFormat:
    """Return the properties of a video as it is read; `frame`: any of it."""
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    if orientation(frame.decoded) >= 5:
        aspect = 1 / aspect
    is_file = source.kind == "video" and "://" not in source.address
    is_whole = reading.start is None and reading.end is None
    return VideoFormat(
        rate=_rate_of(stream) / reading.every,
        time_base=Fraction(stream.time_base),
        frames=-(-stream.frames // reading.every) if is_whole and stream.frames else None,
        pixel_aspect=aspect if aspect != 1 else None,
        sound=source.address if is_file and container.streams.audio else None,
        start=(_clock_of(frame.decoded) or frame.timestamp) - frame.timestamp,
    )


def _upright_rgb(decoded: av.VideoFrame) -> np.ndarray:
    return turn_upright(decoded.to_ndarray(format="rgb24"), orientation(decoded))


def _frame(source: Source, image: np.ndarray, index: int, timestamp: Fraction, video: VideoFormat) -> Frame:
    return Frame(source, image, image.shape[1], image.shape[0], index, timestamp, video)


def _rate_of(stream) -> Fraction:
    return _sensible(stream.average_rate or stream.guessed_rate)


def _sensible(rate: Fraction | float | None) -> Fraction:
    return Fraction(rate).limit_denominator(1_000_000) if rate and 0 < rate <= _FASTEST else Fraction(30)


def _reason(error: Exception) -> str:
    if isinstance(error, av.error.ExitError):  # what PyAV's timeout raises
        return "no more data arrived in time"
    return getattr(error, "strerror", None) or str(error)

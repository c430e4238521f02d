"""The frames of videos, network streams and cameras, decoded one by one.

PyAV reads files and streams. It is as fast as OpenCV (decoding to RGB at 768x432 takes 0.9 ms of one core in either),
and provides exact timestamps, also where frame rates vary, and the orientation that phones store in the file. OpenCV
reads cameras, whose names and drivers differ between systems.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.stream import Disposition

from detect.data.pixels.images import turn_upright
from detect.errors import BadInput, counted
from detect.inference.sources.display_matrix import orientation
from detect.inference.sources.frames import Frame, Source, VideoFormat
from detect.machine import cores

DECODING_THREADS = min(4, cores())  # each keeps one frame in memory
_OPEN_TIMEOUT, _READ_TIMEOUT = 20.0, 20.0  # seconds without data from the network
_CLOCK = Fraction(1, 90_000)  # seconds: the time base of cameras, as of MPEG transport streams
_FASTEST = 1000  # frames per second: a higher number in a header is a time base, not a rate


def read_video(source: Source, skip: Callable[[str], None]) -> Iterator[Frame]:
    """Yield the upright frames of a video file or URL, in the order in which they are shown.

    Args:
        source: the video.
        skip: called with a sentence about what is left out: damaged parts, other video streams.

    Raises:
        BadInput: nothing can be decoded.
    """
    with _opened(source) as container:
        stream = _film(source, container)
        films = sum(not _is_cover(other) for other in container.streams.video)
        if films > 1:
            skip(f"{source.shown}: one of its {films} video streams is read, the one that players show.")
        stream.thread_type, stream.codec_context.thread_count = "AUTO", DECODING_THREADS
        yield from _frames(source, container, stream, skip)


def read_camera(source: Source, skip: Callable[[str], None]) -> Iterator[Frame]:
    """Yield the frames of a camera or network stream until it ends.

    The timestamps of a camera's frames are their times of arrival.

    Args:
        source: the camera or stream.
        skip: called with a sentence when no more frames arrive.

    Raises:
        BadInput: the camera cannot be opened, or nothing can be decoded.
    """
    if "://" in source.address:
        yield from read_video(source, skip)
        return
    with _silent_opencv():  # it tries every driver, with a warning from each
        camera = cv2.VideoCapture(int(source.address))
    try:
        if not camera.isOpened():
            raise BadInput(
                f"Camera {source.address} cannot be opened: it does not exist, or another program is using it."
            )
        yield from _camera_frames(source, camera, skip)
    finally:
        camera.release()


def _camera_frames(source: Source, camera: cv2.VideoCapture, skip: Callable[[str], None]) -> Iterator[Frame]:
    video = VideoFormat(_sensible(camera.get(cv2.CAP_PROP_FPS)), _CLOCK)
    start, index = None, 0
    while True:
        there_is_more, image = camera.read()
        if not there_is_more:
            skip(f"{source.shown}: no more frames after {index}.")
            return
        now = time.monotonic()
        start = now if start is None else start
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        yield _frame(source, image, index, round((now - start) / _CLOCK) * _CLOCK, video)
        index += 1


@contextlib.contextmanager
def _silent_opencv() -> Iterator[None]:
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


@contextlib.contextmanager
def _opened(source: Source) -> Iterator[av.container.InputContainer]:
    live = source.kind == "camera"
    options = {"rtsp_transport": "tcp"} if source.address.startswith("rtsp") else {}  # UDP loses packets: grey smears
    try:
        timeout = (_OPEN_TIMEOUT, _READ_TIMEOUT) if live or "://" in source.address else None
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


def _frames(source: Source, container, stream, skip: Callable[[str], None]) -> Iterator[Frame]:
    rate = _sensible(stream.average_rate or stream.guessed_rate)
    video, timestamp = None, Fraction(0)
    damage = _Damage()
    index = 0
    for decoded in _decoded(container, stream, damage):
        if video is None:
            video = _format_of(source, container, stream, decoded, rate)
        else:
            timestamp = _next_timestamp(_clock_of(decoded), timestamp, video)
        yield _frame(source, _upright_rgb(decoded), index, timestamp, video)
        index += 1
    if index == 0:
        raise BadInput(f"{source.shown}: no frame of the video can be decoded. {damage.first}".rstrip())
    if damage.parts:
        skip(
            f"{source.shown}: {counted(damage.parts, 'damaged part was', 'damaged parts were')} left out, "
            f"{counted(index, 'frame was', 'frames were')} read. The first problem: "
            f"{damage.first}."
        )


def _clock_of(decoded: av.VideoFrame) -> Fraction | None:
    """Return the time of a frame, seconds on the file's own clock; None where the file does not tell."""
    return None if decoded.pts is None or decoded.time_base is None else decoded.pts * decoded.time_base


def _next_timestamp(clock: Fraction | None, last: Fraction, video: VideoFormat) -> Fraction:
    """Return seconds since the first frame. A frame out of order, as in broken files, follows the one before it."""
    if clock is None:
        return last + 1 / video.rate
    return max(clock - video.start, last + video.time_base)


@dataclass
class _Damage:
    """Parts that could not be decoded."""

    parts: int = 0
    first: str = ""

    def add(self, error: Exception) -> None:
        self.parts += 1
        self.first = self.first or _reason(error)


def _decoded(container, stream, damage: _Damage) -> Iterator[av.VideoFrame]:
    """Yield the decoded frames. A packet that cannot be decoded is recorded in `damage` and left out."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError) as error:
            damage.add(error)
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.error.InvalidDataError as error:
            damage.add(error)


def _format_of(source: Source, container, stream, first: av.VideoFrame, rate: Fraction) -> VideoFormat:
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    if orientation(first) >= 5:
        aspect = 1 / aspect
    is_file = source.kind == "video" and "://" not in source.address
    return VideoFormat(
        rate=rate,
        time_base=Fraction(stream.time_base),
        frames=stream.frames or None,
        pixel_aspect=aspect if aspect != 1 else None,
        sound=source.address if is_file and container.streams.audio else None,
        start=_clock_of(first) or Fraction(0),
    )


def _upright_rgb(decoded: av.VideoFrame) -> np.ndarray:
    return turn_upright(decoded.to_ndarray(format="rgb24"), orientation(decoded))


def _frame(source: Source, image: np.ndarray, index: int, timestamp: Fraction, video: VideoFormat) -> Frame:
    return Frame(source, image, image.shape[1], image.shape[0], index, timestamp, video)


def _sensible(rate: Fraction | float | None) -> Fraction:
    return Fraction(rate).limit_denominator(1_000_000) if rate and 0 < rate <= _FASTEST else Fraction(30)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)

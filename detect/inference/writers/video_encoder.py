"""Annotated videos: H.264 in MP4, which browsers and ordinary players open.

- Pixels are stored as 4:2:0, the only layout that browsers play. It needs even sides: of an odd one, the last row or
  column is repeated; boxes and timestamps are not affected.
- Timestamps are those of the source, so that variable frame rates are kept. Sound is copied where MP4 can hold it, and
  encoded as AAC where not.
- The index comes first in the file (`faststart`), so that playing starts before everything is loaded.
- An incomplete file is finished too, so that it can be played, and is called `NAME.partial.mp4`, see `Draft.leave`.

Times measured on one core at 768x432: RGB to YUV 0.7 ms with FFmpeg, 0.2 ms with OpenCV; x264 1.4 ms per frame with the
preset `ultrafast`, 2.3 with `superfast`, 2.8 with `veryfast`, for 640, 338 and 157 kbit/s at about equal quality
(crf 23).
"""

import contextlib
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from detect.errors import DetectError
from detect.files import Draft
from detect.inference.sources.frames import VideoFormat
from detect.inference.writers.sound import SoundCopy
from detect.unwritable import unwritable

PRESET = "veryfast"
QUALITY = 23  # crf of x264: 18 cannot be told from the source, 28 is visibly worse
_BT601, _LIMITED_RANGE = 6, 1  # FFmpeg's numbers of the matrix and the range that OpenCV converts to


class VideoWriter:
    """Writes one video. A context manager."""

    def __init__(
        self,
        path: str | Path,
        video: VideoFormat,
        width: int,
        height: int,
        note: Callable[[str], None] = warnings.warn,
    ):
        """
        Args:
            path: the file, ending in `.mp4`; folders that are missing are created.
            video: rate, time base and sound of the source.
            width: of the frames, pixels.
            height: of the frames, pixels.
            note: called with a sentence where sound is left out.

        Raises:
            RunFailure: the file cannot be written.
        """
        self.path = Path(path)
        self._video = video
        self._size = width, height
        self._usual_duration = max(round(1 / video.rate / video.time_base), 1)  # in units of the time base
        self._last = -1
        self._draft = Draft(path)
        with self._writing():
            options = {"movflags": "faststart"}
            self._container = av.open(str(self._draft.path), "w", format="mp4", options=options)
            self._stream = _add_stream(self._container, video, width + width % 2, height + height % 2)
            self._sound = SoundCopy(video.sound, video, self._container, note) if video.sound else None

    def write(self, image: np.ndarray, timestamp: Fraction) -> None:
        """Add the uint8 RGB image [H, W, 3], shown from `timestamp` on, in seconds. Timestamps must increase."""
        frame = av.VideoFrame.from_numpy_buffer(_to_yuv(image, self._size), format="yuv420p")
        frame.colorspace, frame.color_range = _BT601, _LIMITED_RANGE
        frame.time_base = self._video.time_base
        frame.pts = self._last = max(round(timestamp / frame.time_base), self._last + 1)
        frame.duration = self._usual_duration
        with self._writing():
            self._container.mux(self._stream.encode(frame))
            self._copy_sound()

    def close(self) -> None:
        """Finish the file and give it its name."""
        self.__exit__(None, None, None)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, DetectError):
            self._abandon()
        else:
            self._finish()
        self._draft.leave(error)

    def _copy_sound(self) -> None:
        if self._sound:
            self._sound.copy_until((self._last + self._usual_duration) * self._video.time_base)

    def _finish(self) -> None:
        if self._sound:
            self._sound.close()
        with self._writing(), self._container:
            self._container.mux(self._stream.encode())

    def _abandon(self) -> None:
        """Close the file, of which nothing is kept. FFmpeg can crash where it goes on after a write has failed."""
        if self._sound:
            self._sound.close()
        with contextlib.suppress(DetectError), self._writing():
            self._container.close()

    @contextlib.contextmanager
    def _writing(self):
        """Do what `Draft.writing` does, for errors of FFmpeg too."""
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            self._draft.close()
            raise unwritable(self.path, error) from None


def _add_stream(container, video: VideoFormat, width: int, height: int):
    stream = container.add_stream("libx264", rate=video.rate)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.options = {"preset": PRESET, "crf": str(QUALITY)}
    stream.codec_context.time_base = stream.time_base = video.time_base
    stream.codec_context.colorspace, stream.codec_context.color_range = _BT601, _LIMITED_RANGE
    if video.pixel_aspect:
        stream.codec_context.sample_aspect_ratio = video.pixel_aspect
    return stream


def _to_yuv(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the planes of an image, one above the other, uint8 [3 H / 2, W], with even sides."""
    height, width = image.shape[:2]
    if (width, height) != size:  # network streams may change their size
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    if size[0] % 2 or size[1] % 2:
        image = cv2.copyMakeBorder(image, 0, size[1] % 2, 0, size[0] % 2, cv2.BORDER_REPLICATE)
    return cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)

"""Annotated copies of images and videos."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np

from detect.errors import BadInput
from detect.inference.image_files import write_image
from detect.inference.result import Result
from detect.inference.sources.frames import Source, VideoFormat
from detect.inference.writers.output_folder import OutputFolder
from detect.inference.writers.video_encoder import VideoWriter

_LOSSLESS = frozenset((".png", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"))


def copy_name(source: Source, number: int = 1) -> str:
    """Return the name of the annotated copy of a source: `.mp4` for videos, `.png` for lossless images, else `.jpg`.

    `number`: which copy of the source it is; `NAME-2.mp4` is the second.
    """
    if source.kind != "image":
        return f"{source.name}{f'-{number}' if number > 1 else ''}.mp4"
    suffix = os.path.splitext(source.shown)[1].lower()
    return f"{source.name}{'.png' if suffix in _LOSSLESS else '.jpg'}"


class CopyWriter:
    """Draws each result and writes it into `folder`, the frames of a video as a video.

    BadInput where a copy would replace a file that is not one of an earlier run.
    """

    def __init__(
        self,
        folder: OutputFolder,
        sources: Sequence[Source],
        note: Callable[[str], None],
        draw: Callable[[Result], np.ndarray] = Result.plot,
    ):
        """
        Args:
            folder: where to write.
            sources: all that will be written.
            note: called with a sentence where sound is left out.
            draw: returns the annotated image of a result, uint8 RGB [H, W, 3].
        """
        self.outputs: list[Path] = []
        self._folder = folder
        self._note = note
        self._draw = draw
        self._format: VideoFormat | None = None  # of the video that is being written
        self._start = Fraction(0)  # its first timestamp
        self._video: VideoWriter | None = None
        for source in sources:
            _refuse_to_replace(source, folder)

    def __enter__(self) -> "CopyWriter":
        return self

    def write(self, result: Result) -> None:
        video, timestamp = result.frame.video, result.frame.timestamp
        if self._format is not video:
            self._finish_video()
        if video is None or timestamp is None:
            path = self._path(result.frame.source)
            if result.frame.halvings:
                share = f"1/{2**result.frame.halvings}"
                self._note(f"{result.image_path}: the annotated copy has {share} of the width and height of the image.")
            write_image(path, self._draw(result))
            self.outputs.append(path)
            return
        if self._video is None:
            self._format, self._start = video, timestamp
            video = replace(video, start=video.start + timestamp)
            self._video = VideoWriter(self._path(result.frame.source), video, result.width, result.height, self._note)
        self._video.write(self._draw(result), timestamp - self._start)

    def _path(self, source: Source) -> Path:
        """Return the path of the next copy: of a stream, that of a new file for each connection."""
        names = (copy_name(source, number) for number in count(1))
        is_live = source.kind == "camera"
        name = next(name for name in names if not (is_live and (self._folder.folder / name).exists()))
        return self._folder.path(name, "copies", source.name)

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self._finish_video()
        elif self._video is not None:
            self._video.__exit__(kind, error, trace)

    def _finish_video(self) -> None:
        if self._video is not None:
            self._video.close()
            self.outputs.append(self._video.path)
            self._format = self._video = None


def _refuse_to_replace(source: Source, folder: OutputFolder) -> None:
    path = folder.folder / copy_name(source)
    if path.exists() and os.path.isfile(source.address) and path.samefile(source.address):
        raise BadInput(f"The annotated copy {path} would replace its own source. Give another output folder.")
    folder.require_free(copy_name(source))

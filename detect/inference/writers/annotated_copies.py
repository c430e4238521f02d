"""Annotated copies of images and videos."""

import os
from pathlib import Path

from detect.inference.result import Result
from detect.inference.sources.frames import Source
from detect.inference.writers.video_encoder import VideoWriter

_LOSSLESS = frozenset((".png", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"))


def annotated_path(source: Source, folder: Path) -> Path:
    """Return the path of the annotated copy of a source: `.mp4` for videos, `.png` for lossless images, else `.jpg`."""
    if source.kind != "image":
        return folder / f"{source.name}.mp4"
    suffix = os.path.splitext(source.shown)[1].lower()
    return folder / f"{source.name}{'.png' if suffix in _LOSSLESS else '.jpg'}"


class CopyWriter:
    """Draws each result and writes it under `folder`, the frames of a video as a video."""

    def __init__(self, folder: Path):
        self.outputs: list[Path] = []
        self._folder = folder
        self._video: VideoWriter | None = None

    def __enter__(self) -> "CopyWriter":
        return self

    def write(self, result: Result) -> None:
        path = annotated_path(result.frame.source, self._folder)
        if self._video is not None and self._video.path != path:
            self._finish_video()
        video, timestamp = result.frame.video, result.frame.timestamp
        if video is None or timestamp is None:
            result.save(path)
            self.outputs.append(path)
            return
        if self._video is None:
            self._video = VideoWriter(path, video, result.width, result.height)
        self._video.write(result.plot(), timestamp)

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self._finish_video()
        elif self._video is not None:
            self._video.__exit__(kind, error, trace)

    def _finish_video(self) -> None:
        if self._video is not None:
            self._video.close()
            self.outputs.append(self._video.path)
            self._video = None

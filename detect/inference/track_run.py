"""Tracking in videos, with all outputs that are asked for: what `detect track` runs."""

import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np

from detect.errors import BadInput, counted, listed
from detect.inference.options import DetectionOptions, DrawingOptions, ReadingOptions, ViewOptions, grouped
from detect.inference.prediction_run import Progress, Summary, Tally, sources_of
from detect.inference.predictor import Model
from detect.inference.result import Result
from detect.inference.sources.finding import read_frames
from detect.inference.sources.frames import Source
from detect.inference.track_drawing import TrackDrawing
from detect.inference.track_options import CountingOptions, TrackingOptions
from detect.inference.track_stream import ids_of
from detect.inference.writers.annotated_copies import CopyWriter
from detect.inference.writers.output_folder import OutputFolder
from detect.inference.writers.track_files import TrackWriter
from detect.tracking.counting import Counts
from detect.tracking.regions import Region


def track_to_folder(
    model: Model,
    sources: Any,
    out: str | Path,
    *,
    pictures: bool = True,
    progress: Callable[[Progress], None] | None = None,
    tell: Callable[[str], None] = warnings.warn,
    **options: Any,
) -> Summary:
    """Track the objects of videos and write what was found while the results arrive.

    Args:
        model: the model.
        sources: videos, a camera or a stream, as for `Model.track`.
        out: folder for the files of `TrackWriter` and, with `pictures`, for annotated copies of the videos. It is left
            out where it lies in a folder among the sources.
        pictures: write annotated copies.
        progress: called after each frame, with the objects that have an identity.
        tell: called at once with what happens to a live stream.
        options: those of `Model.track`, `CountingOptions` and `DrawingOptions`, such as `line=["0%,50%,100%,50%"]`.

    Returns:
        What was done. Its counts are those of identities, not of detections.

    Raises:
        BadInput: as from `Model.track`; a source is an image; a line or a zone cannot be used; or an output would
            replace a file that no earlier run has made.
        RunFailure: an output cannot be written.
        KeyboardInterrupt: passed on, unless Ctrl-C ended a camera. What was finished stays; files that are not finished
            are kept with `.partial` in their names.
    """
    groups = TrackingOptions, DetectionOptions, ViewOptions, ReadingOptions, CountingOptions, DrawingOptions
    tracking, detection, views, reading, counting, drawing = grouped(options, *groups)
    regions = counting.regions()
    skipped: list[str] = []
    notes: list[str] = []
    folder = OutputFolder(Path(out))
    found = sources_of(sources, folder, reading, notes.append)
    _require_videos(found)
    live = found[0].kind == "camera"
    tally, interrupted, stopped = Tally(found), False, threading.Event()
    frames = read_frames(found, skipped.append, reading, tell, stopped)
    results = model.tracks_of(frames, tracking, detection, views, "live" if live else "ahead", stopped)
    with ExitStack() as stack:
        stack.enter_context(folder)
        files = stack.enter_context(TrackWriter(folder, found, counting=bool(regions)))
        videos = _Videos(regions, drawing, files)
        copies = [stack.enter_context(CopyWriter(folder, found, notes.append, videos.draw))] if pictures else []
        stack.enter_context(closing(results))
        try:
            for result in results:
                tally.add(result, videos.add(result))
                for writer in copies:
                    writer.write(result)
                if progress:
                    progress(Progress(tally.frames, tally.total, result, tally.rate))
        except KeyboardInterrupt:
            if not live:
                raise
            interrupted = True
        videos.finish()
    notes += folder.notes()
    written = [path for writer in copies for path in writer.outputs] + files.outputs
    outputs = tuple(path for path in written if path.exists())
    return tally.summary(outputs, tuple(skipped), tuple(notes), interrupted)


def _require_videos(sources: Sequence[Source]) -> None:
    images = [source.shown for source in sources if source.kind == "image"]
    if images:
        raise BadInput(
            f"`detect track` takes videos, a camera or a stream, got {counted(len(images), 'image', 'images')} "
            f"({listed(images, 1)}). Leave them out, or make a video of them. `Model.track` in Python takes images."
        )


class _Videos:
    """Counts and draws one video after the other, and writes what is known about it."""

    def __init__(self, regions: Sequence[Region], drawing: DrawingOptions, files: TrackWriter):
        self._regions = regions
        self._options = drawing
        self._files = files
        self._last: Result | None = None
        self._counts = Counts((), 0, 0)
        self._drawing = TrackDrawing(self._counts, drawing)
        self._identities = 0  # so far in this video: they are numbered from 1

    def add(self, result: Result) -> list[str]:
        """Add a frame, and return the class names of the objects that are new in it."""
        if self._last is None or self._last.frame.source is not result.frame.source:
            self.finish()
            self._begin(result)
        self._last = result
        ids = ids_of(result)
        crossings = self._counts.update(result.boxes, result.labels, ids, result.timestamp or 0.0)
        self._files.write(result, crossings)
        is_new = ids > self._identities
        self._identities += int(is_new.sum())
        return [name for name, new in zip(result.names, is_new, strict=True) if new]

    def draw(self, result: Result) -> np.ndarray:
        """Return the annotated image of the frame that was added last, uint8 RGB [H, W, 3]."""
        return self._drawing.draw(result)

    def finish(self) -> None:
        """Write the counts of the video that has ended."""
        if self._last is not None and self._regions:
            self._files.write_counts(self._counts, self._last.classes)

    def _begin(self, first: Result) -> None:
        self._counts = Counts(self._regions, first.width, first.height)
        self._drawing = TrackDrawing(self._counts, self._options)
        self._identities = 0

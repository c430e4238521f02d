"""Prediction on any sources, with all outputs that are asked for: what `detect predict` runs."""

import functools
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detect.data.dataset import Dataset
from detect.files import replaces
from detect.inference.dataset_ids import open_split
from detect.inference.options import (
    DetectionOptions,
    DrawingOptions,
    OutputOptions,
    ReadingOptions,
    ViewOptions,
    grouped,
)
from detect.inference.predictor import Model
from detect.inference.result import Result
from detect.inference.sources.finding import find_sources, read_frames
from detect.inference.sources.frames import Source
from detect.inference.window import Window
from detect.inference.writers.annotated_copies import CopyWriter
from detect.inference.writers.coco_results import CocoWriter, ResultIds, own_ids
from detect.inference.writers.crop_files import CropWriter
from detect.inference.writers.csv_table import CsvWriter
from detect.inference.writers.fiftyone_dataset import FiftyOneWriter
from detect.inference.writers.frame_files import FrameWriter
from detect.inference.writers.image_references import ImageReferences
from detect.inference.writers.label_studio_tasks import LabelStudioWriter
from detect.inference.writers.output_folder import OutputFolder
from detect.inference.writers.yolo_labels import YoloWriter


@dataclass(frozen=True)
class Progress:
    """Progress of a run after a frame."""

    done: int  # frames
    total: int | None  # frames; None if unknown
    result: Result
    rate: float  # frames per second


@dataclass(frozen=True)
class Summary:
    """Counts and outputs of a run."""

    images: int
    videos: int  # cameras included
    frames: int  # images included
    detections: int
    counts: dict[str, int]  # detections by class name, for classes with any
    seconds: float
    rate: float  # frames per second including reading and writing, without the first frame and its compilation
    outputs: tuple[Path, ...]  # files, and folders where there is a file per frame
    skipped: tuple[str, ...]  # a sentence for each source that could not be read, or not to its end
    notes: tuple[str, ...]  # sentences about what else was left out
    interrupted: bool  # whether Ctrl-C ended a camera, or a key its window; the outputs are complete


def predict_to_folder(
    model: Model,
    sources: Any,
    out: str | Path,
    *,
    data: str | Path | Dataset | None = None,
    split: str = "val",
    progress: Callable[[Progress], None] | None = None,
    tell: Callable[[str], None] = warnings.warn,
    **options: Any,
) -> Summary:
    """Predict on `sources` and write the outputs that are asked for while the results arrive.

    Args:
        model: the model.
        sources: as for `Model.predict`; None with `data` for all images of the split.
        out: folder for what `OutputOptions` name. It is left out where it lies in a folder among the sources.
        data: dataset, as for `open_dataset`, whose ids of images and categories `save_json` uses; the sources must be
            images of it.
        split: part of the dataset.
        progress: called after each frame.
        tell: called at once with what happens to a live stream.
        options: `save_csv="objects.csv"` and others of `DetectionOptions`, `ViewOptions`, `ReadingOptions`,
            `DrawingOptions` and `OutputOptions`.

    Raises:
        BadInput: as from `Model.predict`; or an output would replace a file that no earlier run has made.
        RunFailure: an output cannot be written.
        KeyboardInterrupt: passed on, unless Ctrl-C ended a camera. Finished files stay; a table, a results file and a
            video that are not finished are kept with `.partial` in their names.
    """
    groups = DetectionOptions, ViewOptions, ReadingOptions, DrawingOptions, OutputOptions
    detection, views, reading, drawing, outputs = grouped(options, *groups)
    skipped: list[str] = []
    notes: list[str] = []
    annotated = None if data is None else open_split(data, split)
    given = annotated.paths if annotated and sources is None else sources
    folder = OutputFolder(Path(out))
    found = sources_of(given, folder, reading, notes.append)
    live = found[0].kind == "camera"
    ids = annotated.ids(found, model.classes, notes.append) if annotated else own_ids(found, model.card.category_ids)
    tally, interrupted = Tally(found), False
    replaced = [path for path in (outputs.save_json, outputs.save_csv) if path is not None and replaces(path)]
    stopped = threading.Event()
    frames = read_frames(found, skipped.append, reading, tell, stopped, by_parts=model.views(views).are_tiles)
    results = model.results_of(frames, detection, views, "live" if live else "ahead", stopped)
    draw = functools.lru_cache(maxsize=1)(functools.partial(Result.plot, **asdict(drawing)))  # for window and copy
    with ExitStack() as stack:
        stack.enter_context(folder)
        window = stack.enter_context(Window(draw)) if outputs.show else None
        job = _Job(folder, found, model.card.model, model.classes, ids, draw, notes.append)
        writers = [stack.enter_context(writer) for writer in _writers(job, outputs)]
        stack.enter_context(closing(results))
        try:
            for result in results:
                for writer in writers:
                    writer.write(result)
                tally.add(result)
                if progress:
                    progress(Progress(tally.frames, tally.total, result, tally.rate))
                if window and not window.show(result):
                    interrupted = True
                    break
        except KeyboardInterrupt:
            if not live:
                raise
            interrupted = True
    notes += folder.notes()
    notes += [f"{path} of an earlier run was replaced." for path in replaced]
    written = tuple(path for writer in writers for path in writer.outputs if path.exists())
    return tally.summary(written, tuple(skipped), tuple(notes), interrupted)


def sources_of(given: Any, folder: OutputFolder, reading: ReadingOptions, note: Callable[[str], None]) -> list[Source]:
    """Return the sources. A live one has a name that is not yet taken, because no recording may be replaced."""
    found = find_sources(given, leave_out=folder.folder, note=note, live=reading.reconnect)
    if found[0].kind == "camera":
        return [replace(found[0], name=folder.new_name(found[0].name))]
    return found


class _Job(NamedTuple):
    """The facts about a run that its writers need."""

    folder: OutputFolder
    sources: Sequence[Source]
    model: str
    classes: tuple[str, ...]
    ids: ResultIds
    draw: Callable[[Result], np.ndarray]
    note: Callable[[str], None]


def _writers(job: _Job, outputs: OutputOptions) -> Iterator[Any]:
    """Yield the writers that are asked for: context managers with `write(result)` and `outputs`, opened when taken."""
    if outputs.pictures:
        yield CopyWriter(job.folder, job.sources, job.note, job.draw)
    frames = FrameWriter(job.folder) if outputs.save_frames else None
    if frames is not None:
        yield frames
    if outputs.save_json is not None:
        yield CocoWriter(outputs.save_json, job.ids)
    if outputs.save_csv is not None:
        yield CsvWriter(outputs.save_csv)
    if outputs.save_label_studio is not None:
        images = ImageReferences(job.sources, frames, "tasks of Label Studio")
        yield LabelStudioWriter(outputs.save_label_studio, images, job.classes, job.model, job.note)
    if outputs.save_fiftyone is not None:
        yield FiftyOneWriter(outputs.save_fiftyone, ImageReferences(job.sources, frames, "datasets of FiftyOne"))
    if outputs.save_yolo:
        yield YoloWriter(job.folder, job.sources, job.classes)
    if outputs.save_crops:
        yield CropWriter(job.folder, job.classes)


class Tally:
    """Counts of frames and objects, and the time that they take."""

    def __init__(self, sources: Sequence[Source]):
        self.frames = 0
        self.total = len(sources) if all(source.kind == "image" for source in sources) else None
        self._single = len(sources) == 1
        self._images = 0
        self._videos: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._start = time.perf_counter()
        self._first: tuple[float, int] | None = None  # time and number of frames when measuring the rate began

    def add(self, result: Result, names: Sequence[str] | None = None) -> None:
        """Count a frame and its objects, or those whose class names are given."""
        self.frames += 1
        self._counts.update(result.names if names is None else names)
        video = result.frame.video
        if video is None:
            self._images += 1
        else:
            self._videos.add(result.frame.source.name)
            if self._single:
                self.total = video.frames
        if self._first is None:
            self._first = time.perf_counter(), self.frames

    @property
    def rate(self) -> float:
        """Frames per second since the first frame, which takes long because the model is compiled."""
        now = time.perf_counter()
        if self._first is None or self.frames == self._first[1]:
            return self.frames / max(now - self._start, 1e-9)
        return (self.frames - self._first[1]) / max(now - self._first[0], 1e-9)

    def summary(
        self, outputs: tuple[Path, ...], skipped: tuple[str, ...], notes: tuple[str, ...], interrupted: bool
    ) -> Summary:
        return Summary(
            images=self._images,
            videos=len(self._videos),
            frames=self.frames,
            detections=self._counts.total(),
            counts=dict(self._counts.most_common()),
            seconds=time.perf_counter() - self._start,
            rate=self.rate,
            outputs=outputs,
            skipped=skipped,
            notes=notes,
            interrupted=interrupted,
        )

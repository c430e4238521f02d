"""Labelling images with a model, to be corrected by people: `detect label`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.curation.converting import NOT_READ, Written, convert, require_target
from detect.data.dataset import Dataset
from detect.data.problems import Problems
from detect.data.records import Records
from detect.data.texts import Texts
from detect.errors import BadInput
from detect.inference.options import DetectionOptions, ViewOptions, grouped
from detect.inference.predictor import Model
from detect.inference.result import Result
from detect.inference.sources.finding import find_sources, read_frames


def label(
    model: Model,
    images: Any,
    to: str,
    folder: str | Path,
    *,
    copies: bool = False,
    note: Callable[[str], None] = print,
    progress: Callable[[int, int], None] = lambda done, total: None,
    **options: Any,
) -> Written:
    """Write images as a dataset, a split "train", with the detections of a model as its boxes.

    Images without objects are part of it. Nothing is written beside the images, so labels that they may have stay.

    Args:
        model: the model.
        images: files, folders or globs, as for `Model.predict`.
        to: format of the dataset: coco, csv, tfrecord, voc or yolo.
        folder: where to write it, new or empty.
        copies: copy the images. Otherwise they are second names of the same files (hard links) where that is possible.
        note: called with a sentence about what is left out.
        progress: called after each image with the number of those that are done, and of all.
        options: those of `DetectionOptions` and `ViewOptions`.

    Raises:
        BadInput: the format is unknown, the folder is not empty, or there is no image, or something else among them.
        RunFailure: the folder cannot be written. Nothing is left of it.
    """
    detection, views = grouped(options, DetectionOptions, ViewOptions)
    require_target(to, folder)
    sources = find_sources(images, leave_out=folder, note=note)
    for source in sources:
        if not source.is_image_file:
            raise BadInput(
                f"{source.shown}: expected image files. Of a video, `detect predict --save-frames --save-yolo` writes "
                "frames and labels."
            )
    found = model.results_of(read_frames(sources, note), detection, views)
    records = _records(_counted(found, len(sources), progress))
    dataset = Dataset(
        source=Path(sources[0].address).parent,
        format="detections",
        classes=model.classes,
        category_ids=model.card.category_ids,
        splits={"train": records},
        problems={"train": Problems(len(records), len(records.boxes))},
        notes=(),
    )
    written = convert(dataset, to, folder, copies)
    # Of what formats have no place for, detections have ids of classes alone, which are those of the model.
    return replace(written, losses=(), notes=tuple(note for note in written.notes if note != NOT_READ))


def _counted(
    results: Iterator[Result], total: int, progress: Callable[[int, int], None]
) -> Iterator[tuple[str, tuple[int, int], np.ndarray, np.ndarray]]:
    """Yield of each result what a dataset needs: path, width and height, boxes that have an area, and their labels."""
    for done, result in enumerate(results, start=1):
        has_area = (result.boxes[:, 2:] > result.boxes[:, :2]).all(axis=1)
        size = result.width, result.height
        yield str(Path(result.image_path).absolute()), size, result.boxes[has_area], result.labels[has_area]
        progress(done, total)


def _records(found: Iterator[tuple[str, tuple[int, int], np.ndarray, np.ndarray]]) -> Records:
    paths: Sequence[str]
    paths, sizes, boxes, labels = zip(*found, strict=True)
    corners = np.concatenate(boxes).astype(np.float32).reshape(-1, 4)
    return Records(
        folder="",
        paths=Texts(paths),
        image_ids=np.arange(1, len(paths) + 1),
        sizes=np.array(sizes, np.int32),
        box_ends=np.cumsum([len(part) for part in boxes], dtype=np.int64),
        boxes=corners,
        labels=np.concatenate(labels).astype(np.int32),
        ignore=np.zeros(len(corners), bool),
        areas=np.prod(corners[:, 2:].astype(np.float64) - corners[:, :2], axis=1),
    )

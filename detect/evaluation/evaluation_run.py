"""Running a detector on annotated images and scoring its detections: `detect.evaluate`."""

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from detect.data.dataset import Dataset, notes_of, scored_split, with_validation
from detect.data.pipeline import evaluation_batches
from detect.data.pixels.resizing import Placing, letterbox, to_source
from detect.data.pixels.tiff_parts import TiffParts
from detect.data.problems import Problems
from detect.data.readers import description
from detect.data.records import Records
from detect.data.samples.checked_images import UnreadableImages, add_unreadable, read_or_open
from detect.errors import BadInput
from detect.evaluation.coco_scores import Scores, score
from detect.evaluation.detections import Found, joined
from detect.evaluation.intervals import ADVICE
from detect.evaluation.truth import truth_from_records
from detect.inference.limits import check_limits
from detect.inference.loading import load
from detect.inference.options import ViewOptions, grouped
from detect.inference.predictor import Model
from detect.inference.result_stream import stream_results
from detect.inference.sources.frames import Frame, Source
from detect.inference.views import Views
from detect.structures import Detections

DetectFunction = Callable[[tf.Tensor, np.ndarray], Detections]  # from images and extents, see `Model.detect`
Progress = Callable[[int, int], None]


def evaluate(
    model: str | Path | Model,
    data: str | Path | Dataset,
    split: str = "val",
    *,
    confidence: float | None = None,
    iou: float | None = None,
    batch_size: int = 8,
    reference: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Scores:
    """Compute the COCO scores of a trained model on a split of a dataset, as `detect evaluate` does.

    Args:
        model: a loaded model, or anything that `detect.load` takes.
        data: anything that `open_dataset` takes. Its classes are matched with the model's by name.
        split: `train`, `val`, `test`, or any other name that the dataset has for a split; of a single annotation file,
            all images are scored.
        confidence: score threshold of detections; by default the model's for scoring, which is low.
        iou: overlap above which two boxes of a class are one object; by default the model's.
        batch_size: images per batch; the scores do not depend on it.
        reference: compute the scores with pycocotools: the same numbers, slower.
        progress: called with the number of images that are done and the number of all images.
        options: those of `ViewOptions`, such as `tile=640`; the scores are those of whole images in any case.

    Raises:
        BadInput: the model or the data cannot be used, they have no class in common, or an option cannot be used.
    """
    check_limits(confidence, iou, batch_size)
    (view_options,) = grouped(options, ViewOptions)
    whole = description.open_dataset(data)
    dataset, records = scored_split(whole, split)
    model = model if isinstance(model, Model) else load(model)
    views = model.views(view_options)
    labels, notes = match_classes(model.classes, dataset.classes)
    confidence = model.backend.confidence if confidence is None else confidence

    def detect(images: tf.Tensor, extents: np.ndarray) -> Detections:
        found = model.detect(images, confidence, iou, extents)
        return found._replace(labels=labels[found.labels])

    unreadable = UnreadableImages(len(records))
    found = joined(find(detect, records, views, dataset.category_ids, batch_size, progress, unreadable))
    truth = truth_from_records(unreadable.readable(records), dataset.classes, dataset.category_ids)
    scores = score(truth, found, "detections", reference)
    learnt = _learnt(model, whole, records)
    lost = Problems()
    add_unreadable(lost, records, unreadable.indices().tolist())
    return dataclasses.replace(
        scores, notes=(*notes_of(dataset, split), *learnt, *lost.summary(), *notes, *scores.notes)
    )


def score_batches(
    detect_function: DetectFunction,
    records: Records,
    placing: int | Placing,
    classes: Sequence[str],
    category_ids: Sequence[int | str],
    batch_size: int,
    progress: Progress | None = None,
    unreadable: UnreadableImages | None = None,
    advice: str = ADVICE,
) -> Scores:
    """Compute the COCO scores of a detector that is in memory on `records`.

    The truth comes from the records, so a box that was left out of a batch still counts. Images that cannot be read are
    left out with their boxes.

    Args:
        detect_function: maps RGB images [B, H, W, 3] and extents [B, 2], the rows and columns that the source image
            takes on each, to detections in pixels of these images, at a low confidence.
        records: the images and their boxes.
        placing: where a source image lies on the batch's image; or the side of the square that it is fitted into,
            pixels.
        classes: the name of each label.
        category_ids: the COCO id of each label.
        batch_size: B; the last batch of each height and width may be smaller.
        progress: called with the number of images that are done and the number of all images.
        unreadable: images that are known to be unreadable; those that are found out are added.
        advice: as of `score`.
    """
    unreadable = unreadable or UnreadableImages(len(records))
    found = joined(find(detect_function, records, placing, category_ids, batch_size, progress, unreadable))
    return score(truth_from_records(unreadable.readable(records), classes, category_ids), found, advice=advice)


def find(
    detect_function: DetectFunction,
    records: Records,
    placing: int | Placing | Views,
    category_ids: Sequence[int | str],
    batch_size: int,
    progress: Progress | None = None,
    unreadable: UnreadableImages | None = None,
    shard: tuple[int, int] = (0, 1),
) -> Iterator[Found]:
    """Run a detector on `records` and yield the detections of each image, in pixels of the source image.

    Images come in any order, because those of one height and width share batches. Arguments as of `score_batches`, and
    `shard` of `evaluation_batches`; `placing` may also be the views in which each image is shown to the detector.
    """
    if isinstance(placing, Views):
        if not placing.are_whole:
            yield from _find_in_views(
                detect_function, records, placing, category_ids, batch_size, progress, unreadable, shard
            )
            return
        placing = placing.placing
    placing = letterbox(placing) if isinstance(placing, int) else placing
    done = 0
    for batch in evaluation_batches(records, placing, batch_size, unreadable=unreadable, shard=shard):
        indices = np.asarray(batch.indices)
        shown = np.flatnonzero(indices >= 0)
        if not len(shown):
            continue
        images = batch.images if len(shown) == len(indices) else tf.gather(batch.images, shown)
        indices = indices[shown]
        placements = [placing(height, width) for width, height in records.sizes[indices].tolist()]
        extents = np.array([placement.extent for placement in placements], np.float32)
        boxes, scores, labels = map(np.asarray, detect_function(images, extents))
        for row, (index, placement) in enumerate(zip(indices, placements, strict=True)):
            kept = labels[row] >= 0
            width, height = records.sizes[index].tolist()
            corners = to_source(boxes[row][kept], placement, width, height)
            categories = np.asarray(category_ids)[labels[row][kept]]
            yield _found(records.image_ids[index].item(), corners, scores[row][kept], categories)
        done += len(indices)
        if progress:
            progress(done, len(records))


def _find_in_views(
    detect_function, records, views, category_ids, batch_size, progress, unreadable, shard
) -> Iterator[Found]:
    """Do as `find` where the detector is shown several views of an image; batches are made of views."""
    unreadable = unreadable or UnreadableImages(len(records))
    own = range(shard[0], len(records), shard[1])
    frames = _frames(records, own, unreadable)
    results = stream_results(frames, detect_function, (), lambda frame: views.of(frame.height, frame.width), batch_size)
    for done, result in enumerate(results, 1):
        categories = np.asarray(category_ids)[result.labels]
        yield _found(records.image_ids[result.index].item(), result.boxes, result.scores, categories)
        if progress:
            progress(done, len(own))


def _frames(records: Records, indices: Iterable[int], unreadable: UnreadableImages) -> Generator[Frame, None, None]:
    """Yield the images of records as frames with their indices; those that cannot be read are noted."""
    for index in indices:
        if index in unreadable:
            continue
        record = records[index]
        try:
            image = read_or_open(record)
        except BadInput:
            unreadable.add(index)
            continue
        source = Source(str(record.image_path), "image", str(index), str(record.image_path))
        pixels, parts = (None, image) if isinstance(image, TiffParts) else (image, None)
        yield Frame(source, pixels, record.width, record.height, index, parts=parts)


def match_classes(ours: Sequence[str], theirs: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Match the classes of a model with those of a dataset by name.

    Args:
        ours: class names of the model.
        theirs: class names of the dataset.

    Returns:
        The dataset's label for each label of the model, int32 [K + 1], -1 where the dataset has no such class; the last
        entry, -1, is for the label -1 of padding. And a sentence for every difference.

    Raises:
        BadInput: they have no name in common.
    """
    positions = {name: position for position, name in enumerate(theirs)}
    labels = np.array([*(positions.get(name, -1) for name in ours), -1], np.int32)
    if (labels < 0).all():
        raise BadInput(
            f"The model and the data have no class in common: the model detects {_list(ours)}; the data has "
            f"{_list(theirs)}. Classes are matched by name: rename those of the data, or train on it."
        )
    extra, missing = [name for name in ours if name not in positions], [name for name in theirs if name not in ours]
    notes = []
    if extra:
        notes.append(f"Left out of the scores, because only the model has these classes: {_list(extra)}.")
    if missing:
        notes.append(f"Counted as missed, because only the data has these classes: {_list(missing)}.")
    return labels, notes


def _learnt(model: Model, dataset: Dataset, records: Records) -> list[str]:
    """Return a note where the model may have been trained on the scored images, because a dataset was divided."""
    if model.card.fold:
        own = "its scores on that fold are in evaluation.json of its run"
        return [f"The model was trained on all folds of {model.card.data} but {model.card.fold}: {own}."]
    if set(dataset.splits) != {"train"} or "val" in dataset.refused:
        return []
    if len(records) != len(dataset.splits["train"]) or len(records) < 2:
        return []
    divided = with_validation(dataset)
    if divided.digest() != model.card.data_digest:
        return []
    learnt = len(divided.splits["train"])
    others = "its scores on the others are in evaluation.json of its run"
    return [f"The model was trained on {learnt} of these {len(records)} images: {others}."]


def _found(image_id: int | str, corners: np.ndarray, scores: np.ndarray, categories: np.ndarray) -> Found:
    """Return the detections of one image; `corners` [n, 4] are x1, y1, x2, y2."""
    corners = corners.astype(np.float64)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)  # x, y, width, height
    return Found(np.full(len(boxes), image_id), categories, boxes, scores.astype(np.float64))


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")

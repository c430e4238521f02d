"""Running a detector over annotated images and scoring what it finds: `detect.evaluate`."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from detect.data.dataset import Dataset, scored_split
from detect.data.dataset import split as records_of
from detect.data.pipeline import evaluation_batches
from detect.data.pixels.resizing import Placing, letterbox, to_source
from detect.data.readers import description
from detect.data.records import Records
from detect.errors import BadInput
from detect.evaluation.coco_scores import Scores, score
from detect.evaluation.detections import Found, joined, read_detections
from detect.evaluation.truth import truth_from_file, truth_from_records
from detect.inference.loading import load
from detect.inference.predictor import Model
from detect.structures import Detections

DetectFunction = Callable[[tf.Tensor, np.ndarray], Detections]  # from images and extents, see `Model.detect`
Progress = Callable[[int, int], None]


def evaluate(
    model: str | Path | Model,
    data: str | Path,
    split: str = "val",
    *,
    confidence: float | None = None,
    iou: float | None = None,
    batch_size: int = 8,
    reference: bool = False,
    progress: Progress | None = None,
) -> Scores:
    """The COCO scores of a trained model on a split of a dataset; the words are those of `detect evaluate`.

    Args:
        model: what `detect.load` takes, or gives.
        data: anything that `open_dataset` reads. Its classes are matched with the model's by name.
        split: `train`, `val`, `test`, or whatever the dataset calls its parts.
        confidence: least score of a detection; by default the model's setting for scoring, which is low.
        iou: overlap from which two boxes of a class are one object; by default the model's setting.
        batch_size: images at once; the scores do not depend on it.
        reference: let pycocotools compute the scores: the same numbers, slower.
        progress: called with the number of images done and of all images.

    Raises:
        BadInput: the model or the data cannot be used, or have no class in common.
    """
    dataset, records = scored_split(description.open_dataset(data), split)
    model = model if isinstance(model, Model) else load(model)
    labels, notes = match_classes(model.classes, dataset.classes)
    confidence = model.backend.confidence if confidence is None else confidence

    def detect(images: tf.Tensor, extents: np.ndarray) -> Detections:
        found = model.detect(images, confidence, iou, extents)
        return found._replace(labels=labels[found.labels])

    found = find(detect, records, model.placement, dataset.category_ids, batch_size, progress)
    scores = score(
        truth_from_records(records, dataset.classes, dataset.category_ids), joined(found), "detections", reference
    )
    return dataclasses.replace(scores, notes=(*_notes(dataset, split), *notes, *scores.notes))


def evaluate_predictions(
    predictions: str | Path, data: str | Path, split: str = "val", reference: bool = False
) -> Scores:
    """The COCO scores of a results file, from any program. `data` may be a COCO file whose pictures are not there.

    With `reference`, pycocotools computes them: the same numbers, slower.

    Raises:
        BadInput: a file cannot be read, or an entry cannot be scored; the message names it.
    """
    found = read_detections(predictions)
    if Path(data).suffix.lower() == ".json":
        return score(truth_from_file(data), found, str(predictions), reference)
    dataset = description.open_dataset(data)
    truth = truth_from_records(records_of(dataset, split), dataset.classes, dataset.category_ids)
    scores = score(truth, found, str(predictions), reference)
    return dataclasses.replace(scores, notes=_notes(dataset, split))


def score_batches(
    detect_function: DetectFunction,
    records: Records,
    placing: int | Placing,
    classes: Sequence[str],
    category_ids: Sequence[int],
    batch_size: int,
    progress: Progress | None = None,
) -> Scores:
    """Scores a detector that is in memory against `records`.

    Args:
        detect_function: RGB images [B, H, W, 3], and rows and columns [B, 2] that the picture on each of them takes ->
            Detections in pixels of these images, at a low confidence.
        placing: where a picture lies on these images; or the side of a square that every one is fitted into, pixels.
        classes: the name of each label.
        category_ids: the COCO id of each label.
        batch_size: B; the last batch of a height and width may have fewer.
        progress: called with the number of images done and of all images.

    The truth comes from the records, so a box that the batch had no room for still counts.
    """
    found = find(detect_function, records, placing, category_ids, batch_size, progress)
    return score(truth_from_records(records, classes, category_ids), joined(found))


def find(
    detect_function: DetectFunction,
    records: Records,
    placing: int | Placing,
    category_ids: Sequence[int],
    batch_size: int,
    progress: Progress | None = None,
) -> Iterator[Found]:
    """What the detector finds in `records`, image by image, in pixels of the source images.

    Images come in any order: those that are of one height and width together.
    """
    placing = letterbox(placing) if isinstance(placing, int) else placing
    done = 0
    for batch in evaluation_batches(records, placing, batch_size):
        indices = np.asarray(batch.indices)
        indices = indices[indices >= 0]
        placements = [placing(height, width) for width, height in records.sizes[indices].tolist()]
        extents = np.array([placement.extent for placement in placements], np.float32)
        boxes, scores, labels = map(np.asarray, detect_function(batch.images[: len(indices)], extents))
        for row, (index, placement) in enumerate(zip(indices, placements, strict=True)):
            kept = labels[row] >= 0
            width, height = records.sizes[index].tolist()
            corners = to_source(boxes[row][kept], placement, width, height)
            categories = np.asarray(category_ids)[labels[row][kept]]
            yield _found(int(records.image_ids[index]), corners, scores[row][kept], categories)
        done += len(indices)
        if progress:
            progress(done, len(records))


def match_classes(ours: Sequence[str], theirs: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """How labels of a model become labels of a dataset, by the names of the classes.

    Returns:
        int32 [K + 1]: the dataset's label of each of the model's, -1 where the dataset has no such class; the last
        entry, -1, is for the label -1 of padding. And a sentence for every difference.

    Raises:
        BadInput: no name is in both.
    """
    positions = {name: position for position, name in enumerate(theirs)}
    labels = np.array([*(positions.get(name, -1) for name in ours), -1], np.int32)
    if (labels < 0).all():
        raise BadInput(
            f"The model and the data have no class in common: the model finds {_list(ours)}; the data has "
            f"{_list(theirs)}. Classes are matched by name: rename those of the data, or train on it."
        )
    extra, missing = [name for name in ours if name not in positions], [name for name in theirs if name not in ours]
    notes = []
    if extra:
        notes.append(f"Left out of the score, because the data does not have them: the model's {_list(extra)}.")
    if missing:
        notes.append(f"Counted as never found, because the model does not know them: {_list(missing)}.")
    return labels, notes


def _found(image_id: int, corners: np.ndarray, scores: np.ndarray, categories: np.ndarray) -> Found:
    """The detections of one image, whose boxes [n, 4] are given by their corners."""
    corners = corners.astype(np.float64)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)  # x, y, width, height
    return Found(np.full(len(boxes), image_id), categories, boxes, scores.astype(np.float64))


def _notes(dataset: Dataset, split: str) -> tuple[str, ...]:
    problems = dataset.problems.get(split)
    return (*dataset.notes, *(problems.summary() if problems else ()))


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")

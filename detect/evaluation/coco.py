"""COCO scores, computed by pycocotools: average precision and recall over ten overlaps, object sizes and classes.

Source: the detection evaluation of COCO, https://cocodataset.org/#detection-eval. AP is the mean, over the classes
and the overlaps (IoU) 0.50, 0.55 ... 0.95, of the precision averaged at 101 recalls. At most 100 detections of an
image count.
"""

import contextlib
import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detect.errors import BadInput, did_you_mean
from detect.evaluation.confusion import Confusion, confusion
from detect.evaluation.truth import Truth

# The twelve numbers in the order of `COCOeval.stats`.
METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


@dataclass(frozen=True)
class Curves:
    """Precision against recall at IoU 0.5, one row for each class that has boxes to find."""

    recalls: np.ndarray  # float64 [101], 0 to 1
    precisions: dict[str, np.ndarray]  # class name -> float64 [101]
    confidences: dict[str, np.ndarray]  # class name -> float64 [101], the score at which each recall is reached


@dataclass(frozen=True)
class Scores:
    """How good detections are, each number in 0..1; NaN where there is nothing to measure (no small boxes, say)."""

    AP: float
    AP50: float
    AP75: float
    APs: float  # small: area under 32 x 32 pixels
    APm: float
    APl: float  # large: area over 96 x 96 pixels
    AR1: float  # recall with one detection an image
    AR10: float
    AR100: float
    ARs: float
    ARm: float
    ARl: float
    per_class: dict[str, dict[str, float]]  # name -> AP, AP50, AP75, AR100, images, boxes
    curves: Curves = field(repr=False, compare=False)
    confusion: Confusion = field(repr=False, compare=False)
    notes: tuple[str, ...] = ()  # what was left out of the score, and why

    def to_json(self) -> str:
        """Every number at full precision, `null` where there is nothing to measure."""
        numbers: dict[str, Any] = {name: _nullable(getattr(self, name)) for name in METRICS}
        numbers["per_class"] = {
            name: {key: _nullable(value) for key, value in row.items()} for name, row in self.per_class.items()
        }
        return json.dumps(numbers, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Writes `to_json` to `path`; a reader sees the old file or the new one, never a half."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".part")
        temporary.write_text(self.to_json(), "utf-8")
        os.replace(temporary, path)


def score(truth: Truth, detections: Sequence[dict[str, Any]], where: str = "detections") -> Scores:
    """The scores of COCO results `{image_id, category_id, bbox: [x, y, width, height], score}` against `truth`.

    No detections at all score zero. `where` names the results in errors.

    Raises:
        BadInput: an entry is malformed, or is of an image or a category that the truth does not have.
    """
    check_detections(truth, detections, where)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports its progress with print
        evaluation = COCOeval(
            _index(truth, _copies(truth.annotations)), _index(truth, _results(detections)), iouType="bbox"
        )
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return Scores(
        **{name: _absent_is_nan(value) for name, value in zip(METRICS, evaluation.stats, strict=True)},
        per_class=_per_class(truth, evaluation),
        curves=_curves(truth, evaluation),
        confusion=confusion(truth, detections),
        notes=truth.notes,
    )


def read_detections(path: str | Path) -> list[dict[str, Any]]:
    """The entries of a COCO results file, unchecked; `score` checks them against the truth."""
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"Cannot read the predictions {path}: {error.strerror}.") from None
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from None
    if not isinstance(content, list):
        raise BadInput(
            f"{path}: expected a COCO results file, a list of {{image_id, category_id, bbox, score}}, "
            f"got {_kind(content)}."
        )
    return content


def check_detections(truth: Truth, detections: Sequence[dict[str, Any]], where: str) -> None:
    """Raises BadInput for the first entry that cannot be scored."""
    images = set(truth.image_ids)
    for row, entry in enumerate(detections):
        problem = _problem(entry, images, truth.categories)
        if problem:
            raise BadInput(f"{where}: entry {row} {problem}")


def _problem(entry: Any, images: set[int], categories: dict[int, str]) -> str | None:
    """What makes `entry` impossible to score, as the end of a sentence."""
    if not isinstance(entry, dict):
        return f"is {_kind(entry)}; expected an object with image_id, category_id, bbox and score."
    missing = [key for key in ("image_id", "category_id", "bbox", "score") if key not in entry]
    if missing:
        return f"lacks {', '.join(missing)}; it has {', '.join(entry) or 'nothing'}."
    if not _is_number(entry["score"]):
        return f"(image {entry['image_id']}) has score {entry['score']!r}; expected a number."
    box = entry["bbox"]
    if not isinstance(box, list | tuple) or len(box) != 4 or not all(map(_is_number, box)) or min(box[2:]) < 0:
        return f"(image {entry['image_id']}) has bbox {box!r}; expected [x, y, width, height], finite, sizes >= 0."
    return _unknown(entry["image_id"], images, "image_id") or _unknown(entry["category_id"], categories, "category_id")


def _unknown(value: Any, known: Any, key: str) -> str | None:
    if isinstance(value, int | str) and value in known:
        return None
    if len(known) <= 20:
        return f"has {key} {value!r}, which the annotations do not have. {did_you_mean(str(value), map(str, known))}"
    return (
        f"has {key} {value!r}, which is not one of the {len(known)} in the annotations "
        f"({', '.join(map(str, sorted(known)[:3]))}, ...). Are these predictions of another dataset or split?"
    )


def _index(truth: Truth, annotations: list[dict[str, Any]]) -> COCO:
    """pycocotools' object around `annotations`, made without a file and without its `loadRes`, which fails on []."""
    index = COCO()
    index.dataset = {
        "images": [{"id": image_id} for image_id in truth.image_ids],
        "categories": [{"id": key, "name": name} for key, name in truth.categories.items()],
        "annotations": annotations,
    }
    index.createIndex()
    return index


def _copies(annotations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """COCOeval adds fields to what it is given."""
    return [dict(entry) for entry in annotations]


def _results(detections: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Copies with the fields that COCOeval wants of a detection."""
    return [
        {**entry, "id": row + 1, "area": entry["bbox"][2] * entry["bbox"][3], "iscrowd": 0}
        for row, entry in enumerate(detections)
    ]


def _per_class(truth: Truth, evaluation: COCOeval) -> dict[str, dict[str, float]]:
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # [10 overlaps, 101 recalls, K], all sizes, 100 detections
    recall = evaluation.eval["recall"][:, :, 0, -1]  # [10, K]
    rows = {}
    for column, category in enumerate(evaluation.params.catIds):
        boxes = [box["image_id"] for box in truth.annotations if box["category_id"] == category and not box["iscrowd"]]
        rows[truth.categories[category]] = {
            "AP": _mean(precision[:, :, column]),
            "AP50": _mean(precision[0, :, column]),
            "AP75": _mean(precision[5, :, column]),
            "AR100": _mean(recall[:, column]),
            "images": len(set(boxes)),
            "boxes": len(boxes),
        }
    return rows


def _curves(truth: Truth, evaluation: COCOeval) -> Curves:
    precision = evaluation.eval["precision"][0, :, :, 0, -1]  # [101, K] at IoU 0.5
    confidence = evaluation.eval["scores"][0, :, :, 0, -1]
    names = [truth.categories[category] for category in evaluation.params.catIds]
    measured = [column for column in range(len(names)) if precision[0, column] > -1]
    return Curves(
        recalls=evaluation.params.recThrs,
        precisions={names[column]: precision[:, column] for column in measured},
        confidences={names[column]: confidence[:, column] for column in measured},
    )


def _mean(values: np.ndarray) -> float:
    """The mean of the measured values; pycocotools writes -1 where a class has no boxes."""
    measured = values[values > -1]
    return float(measured.mean()) if measured.size else math.nan


def _absent_is_nan(value: float) -> float:
    return float(value) if value > -1 else math.nan


def _nullable(value: float) -> float | None:
    return None if math.isnan(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _kind(value: Any) -> str:
    """What JSON calls a value of this type."""
    names = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)

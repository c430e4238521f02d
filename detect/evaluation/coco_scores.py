"""COCO scores: average precision and recall over ten overlaps, object sizes and classes.

Source: the detection evaluation of COCO, https://cocodataset.org/#detection-eval. AP is the mean, over classes and the
overlaps (IoU) 0.50, 0.55 ... 0.95, of the precision averaged at 101 recalls. At most 100 detections per image and class
count.

hotcoco computes them. Its numbers equal those of pycocotools to the last bit, in a fraction of the time. `reference`
selects pycocotools itself.
"""

import contextlib
import functools
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import hotcoco
import numpy as np
import pycocotools.coco
import pycocotools.cocoeval

from detect.evaluation.confusion import Confusion, confusion
from detect.evaluation.detections import Found, places_in
from detect.evaluation.intervals import ADVICE, FEW_IMAGES, Intervals, describe, intervals
from detect.evaluation.matching_by_image import EVERY_AREA, Matched, matched_by_class
from detect.evaluation.only_looked_for import only_looked_for
from detect.evaluation.truth import Truth
from detect.files import write_text

# The twelve numbers in the order of `COCOeval.stats`.
METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


@dataclass(frozen=True)
class Curves:
    """Precision against recall at IoU 0.5, for each class that has boxes in the ground truth."""

    recalls: np.ndarray  # float64 [101], 0 to 1
    precisions: dict[str, np.ndarray]  # class name -> float64 [101]
    confidences: dict[str, np.ndarray]  # class name -> float64 [101], the score at which each recall is reached


class Compared(NamedTuple):
    """The boxes and the detections that count for the scores."""

    truth: Truth
    found: Found


@dataclass(frozen=True)
class Scores:
    """COCO scores, each in 0..1; NaN where there is nothing to measure, for example no small boxes."""

    AP: float
    AP50: float
    AP75: float
    APs: float  # small: area under 32 x 32 pixels
    APm: float
    APl: float  # large: area over 96 x 96 pixels
    AR1: float  # recall with one detection per image
    AR10: float
    AR100: float
    ARs: float
    ARm: float
    ARl: float
    per_class: dict[str, dict[str, float]]  # name -> AP, AP50, AP75, AR100, images, boxes
    curves: Curves = field(repr=False, compare=False)
    confusion: Confusion = field(repr=False, compare=False)
    compared: Compared = field(repr=False, compare=False)
    notes: tuple[str, ...] = ()  # sentences on what was left out of the scores, and why
    find_intervals: Callable[[], Intervals | None] | None = field(default=None, repr=False, compare=False)
    advice: str = ""  # what to do where the intervals are too wide

    @functools.cached_property
    def intervals(self) -> Intervals | None:
        """Intervals of the scores where the images are few, or where they were asked for; computed when first read."""
        return self.find_intervals() if self.find_intervals else None

    @property
    def certainty(self) -> str:
        """A sentence on the interval of AP, where there is one, and the advice."""
        return describe(self.intervals, self.AP, self.advice) if self.intervals else ""

    def to_numbers(self) -> dict[str, Any]:
        """Return all numbers as JSON has them, with None where there is nothing to measure."""
        numbers: dict[str, Any] = {name: _nullable(getattr(self, name)) for name in METRICS}
        numbers["per_class"] = {
            name: {key: _nullable(value) for key, value in row.items()} for name, row in self.per_class.items()
        }
        if self.intervals:
            numbers["intervals"] = self.intervals.to_numbers()
        return numbers

    def to_json(self) -> str:
        """Return all numbers as JSON at full precision, with `null` where there is nothing to measure."""
        return json.dumps(self.to_numbers(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write `to_json()` to `path`. Raises `RunFailure` if that is not possible."""
        write_text(path, self.to_json())


def score(
    truth: Truth,
    found: Found,
    where: str = "detections",
    reference: bool = False,
    with_intervals: bool = False,
    advice: str = ADVICE,
) -> Scores:
    """Compute the COCO scores of detections. Without any detection they are zero.

    A class is scored over the images in which it was looked for: elsewhere its detections are neither right nor wrong.

    Args:
        truth: the annotated boxes.
        found: the detections.
        where: names the detections in errors.
        reference: compute with pycocotools: the same numbers, slower.
        with_intervals: also find intervals of the scores, as is done in any case where the images are few.
        advice: a sentence on what to do where these are too wide; empty for none.

    Raises:
        BadInput: a detection belongs to an image or a category that the truth does not have.
    """
    truth, found, rows = _counted(truth, found, where)
    evaluation = _with_pycocotools(truth, rows) if reference else _with_hotcoco(truth, rows)
    with contextlib.redirect_stdout(io.StringIO()):  # both print their progress
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    measured: dict[str, Any] = evaluation.eval  # type: ignore[assignment]
    values = {name: _absent_is_nan(value) for name, value in zip(METRICS, evaluation.stats, strict=True)}
    images = len(truth.image_ids)
    is_wanted = with_intervals or images < FEW_IMAGES
    return Scores(
        **values,
        per_class=_per_class(truth, measured["precision"], measured["recall"]),
        curves=_curves(truth, measured["precision"], measured["scores"]),
        confusion=confusion(truth, found),
        notes=truth.notes,
        compared=Compared(truth, found),
        find_intervals=(lambda: intervals(_matched(truth, rows), images)) if is_wanted else None,
        advice=advice,
    )


def match(truth: Truth, found: Found, area: Sequence[float] = EVERY_AREA) -> list[Matched]:
    """Compare detections with the objects of their images.

    Args:
        truth: as of `score`.
        found: as of `score`.
        area: of the objects that count, from and to, square pixels.
    """
    truth, _, rows = _counted(truth, found, "detections")
    return _matched(truth, rows, area)


def evaluation_of(truth: Truth, found: Found) -> hotcoco.COCOeval:
    """Return what hotcoco knows of detections, for more than scores; for arguments and errors see `score`."""
    truth, _, rows = _counted(truth, found, "detections")
    evaluation = _with_hotcoco(truth, rows)
    evaluation.evaluate()
    return evaluation


def evaluation_with_areas(compared: Compared, of_truth: np.ndarray, of_found: np.ndarray) -> hotcoco.COCOeval:
    """Return hotcoco with other areas, to score boxes in ranges of any value as COCO does in ranges of areas.

    Args:
        compared: M boxes and n detections.
        of_truth: value of each box, [M].
        of_found: value of each detection, [n].
    """
    truth, _, rows = _counted(*compared, "detections")
    evaluation = _with_hotcoco(replace(truth, areas=of_truth), rows)
    detections = evaluation.coco_dt
    detections.update_anns(ids=np.arange(1, len(rows) + 1), area=of_found)
    return hotcoco.COCOeval(evaluation.coco_gt, detections, "bbox")


def _counted(truth: Truth, found: Found, where: str) -> tuple[Truth, Found, np.ndarray]:
    """Return the boxes and the detections that count, and the detections as `_result_rows` has them."""
    places = places_in(truth, found, where)
    if truth.looked_for:
        truth, found, places = only_looked_for(truth, truth.looked_for, found, places)
    return truth, found, _result_rows(found, *places)


def _matched(truth: Truth, rows: np.ndarray, area: Sequence[float] = EVERY_AREA) -> list[Matched]:
    return matched_by_class(_with_hotcoco(truth, rows), truth, area)


def _with_hotcoco(truth: Truth, rows: np.ndarray) -> hotcoco.COCOeval:
    """Prepare hotcoco. Ids are positions in the truth + 1: hotcoco needs integers, to pycocotools 0 means "none"."""
    true = hotcoco.COCO.from_arrays(
        _entries(len(truth.image_ids)),
        _entries(len(truth.category_ids)),
        image_ids=truth.images + 1,
        category_ids=truth.categories + 1,
        boxes=truth.boxes,
        area=truth.areas,
        iscrowd=truth.crowd,
    )
    return hotcoco.COCOeval(true, true.load_res(rows), "bbox")


def _with_pycocotools(truth: Truth, rows: np.ndarray) -> pycocotools.cocoeval.COCOeval:
    """Prepare pycocotools with the same ids, without `loadRes`, which fails where there are no detections."""
    columns = zip(truth.images.tolist(), truth.categories.tolist(), truth.boxes.tolist(), truth.areas.tolist(),
                  truth.crowd.tolist(), strict=True)  # fmt: skip
    true = [
        {
            "id": row + 1,
            "image_id": image + 1,
            "category_id": kind + 1,
            "bbox": box,
            "area": area,
            "iscrowd": int(crowd),
        }
        for row, (image, kind, box, area, crowd) in enumerate(columns)
    ]
    results = [
        {"id": row + 1, "image_id": int(image), "category_id": int(kind), "bbox": [x, y, width, height],
         "score": confidence, "area": width * height, "iscrowd": 0}
        for row, (image, x, y, width, height, confidence, kind) in enumerate(rows.tolist())
    ]  # fmt: skip
    return pycocotools.cocoeval.COCOeval(_index(truth, true), _index(truth, results), "bbox")


def _index(truth: Truth, annotations: list[dict[str, Any]]) -> pycocotools.coco.COCO:
    index = pycocotools.coco.COCO()
    images, categories = _entries(len(truth.image_ids)), _entries(len(truth.category_ids))
    index.dataset = {"images": images, "categories": categories, "annotations": annotations}
    with contextlib.redirect_stdout(io.StringIO()):
        index.createIndex()
    return index


def _entries(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "name": str(number)} for number in range(1, count + 1)]


def _result_rows(found: Found, images: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Return detections as both libraries take them, float64 [n, 7]: image, x, y, width, height, score, category.

    Args:
        found: n detections.
        images: positions of their images in the truth, [n].
        categories: positions of their categories, [n].
    """
    return np.column_stack([images + 1, found.boxes, found.scores, categories + 1])


def _per_class(truth: Truth, precision: np.ndarray, recall: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the scores of each class by name. `precision` is [10 overlaps, 101 recalls, K, sizes, most detections]."""
    precision, recall = precision[:, :, :, 0, -1], recall[:, :, 0, -1]  # all sizes, 100 detections
    rows = {}
    for column, name in enumerate(truth.names):
        images = truth.images[(truth.categories == column) & ~truth.crowd]
        rows[name] = {
            "AP": _mean(precision[:, :, column]),
            "AP50": _mean(precision[0, :, column]),
            "AP75": _mean(precision[5, :, column]),
            "AR100": _mean(recall[:, column]),
            "images": len(np.unique(images)),
            "boxes": len(images),
        }
    return rows


def _curves(truth: Truth, precision: np.ndarray, confidence: np.ndarray) -> Curves:
    precision, confidence = precision[0, :, :, 0, -1], confidence[0, :, :, 0, -1]  # [101, K] at IoU 0.5
    measured = [column for column in range(len(truth.names)) if precision[0, column] > -1]
    return Curves(
        recalls=np.linspace(0, 1, len(precision)),
        precisions={truth.names[column]: precision[:, column] for column in measured},
        confidences={truth.names[column]: confidence[:, column] for column in measured},
    )


def _mean(values: np.ndarray) -> float:
    """Return the mean of the measured values; -1 marks a class without boxes."""
    measured = values[values > -1]
    return float(measured.mean()) if measured.size else math.nan


def _absent_is_nan(value: float) -> float:
    return float(value) if value > -1 else math.nan


def _nullable(value: float) -> float | None:
    return None if math.isnan(value) else value

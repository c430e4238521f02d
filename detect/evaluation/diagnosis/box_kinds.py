"""The kind of each detection, and the objects that are missed: the errors of TIDE, box by box.

The kinds are those of `error_kinds`, which has their numbers and what they cost.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from detect.evaluation.coco_scores import Compared
from detect.evaluation.detections import Found
from detect.evaluation.overlapping import overlapping
from detect.evaluation.truth import Truth, positions_of

RIGHT_FROM, NEAR_FROM = 0.5, 0.1  # IoU


class Kind(IntEnum):
    """The kind of a detection: right, or one of the errors of TIDE."""

    IGNORED = -1  # on a crowd, or one of more than 100 in its image
    RIGHT = 0
    CLASS = 1
    BOX = 2
    CLASS_AND_BOX = 3
    DUPLICATE = 4
    BACKGROUND = 5


class BoxKinds(NamedTuple):
    """Kinds of n detections, and what became of M true boxes."""

    kinds: np.ndarray  # int64 [n], values of `Kind`
    found_by: np.ndarray  # int64 [M], the detection of each true box; -1 where it is missed, and for crowds


def box_kinds(compared: Compared, judged: dict[str, Any]) -> BoxKinds:
    """Return what each detection is at IoU 0.5.

    Args:
        compared: the boxes and the detections.
        judged: hotcoco's `image_diagnostics` of these at this IoU.
    """
    truth, found = compared
    kinds = np.full(len(found), int(Kind.IGNORED))
    status = judged["dt_status"]
    rows = np.fromiter(status, np.int64, len(status)) - 1  # ids are numbers from 1 on, in order
    kinds[rows] = np.where([value == "tp" for value in status.values()], Kind.RIGHT, Kind.BACKGROUND)
    wrong = np.flatnonzero(kinds == Kind.BACKGROUND)
    kinds[wrong] = _kinds_of_wrong(truth, found, wrong)
    matches = judged["gt_match"]
    found_by = np.full(len(truth), -1)
    found_by[np.fromiter(matches, np.int64, len(matches)) - 1] = np.fromiter(matches.values(), np.int64) - 1
    return BoxKinds(kinds, found_by)


def _kinds_of_wrong(truth: Truth, found: Found, rows: np.ndarray) -> np.ndarray:
    """Return the kinds of the wrong detections in `rows`, [r]; where several are possible, the first below."""
    same, other = _largest_overlaps(truth, found, rows)
    return np.select(
        [
            (same >= NEAR_FROM) & (same < RIGHT_FROM),
            other >= RIGHT_FROM,
            same >= RIGHT_FROM,
            np.maximum(same, other) < NEAR_FROM,
        ],
        [Kind.BOX, Kind.CLASS, Kind.DUPLICATE, Kind.BACKGROUND],
        Kind.CLASS_AND_BOX,
    )


def _largest_overlaps(truth: Truth, found: Found, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest IoU of the detections in `rows` with an object of their class, and of another one, [r] each.

    Overlaps below `NEAR_FROM` are 0.
    """
    images = positions_of(found.image_ids[rows], truth.image_ids)
    order, objects = np.argsort(images, kind="stable"), np.flatnonzero(~truth.crowd)
    pairs = overlapping(truth.boxes[objects], truth.images[objects], found.boxes[rows[order]], images[order], NEAR_FROM)
    own, positions, iou = objects[pairs[0]], order[pairs[1]], pairs[2]
    classes = positions_of(found.category_ids[rows], truth.category_ids)
    is_same = classes[positions] == truth.categories[own]
    largest = np.zeros([2, len(rows)])
    np.maximum.at(largest, (np.where(is_same, 0, 1), positions), iou)
    return largest[0], largest[1]

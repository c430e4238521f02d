"""Which class is taken for which: the confusion matrix of detections at one confidence and one overlap."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detect.evaluation.truth import Truth


@dataclass(frozen=True)
class Confusion:
    """`counts[i, j]` objects of class i were found as class j; the last row and column stand for "nothing".

    So the last column counts objects that were missed, and the last row detections where there is no object.
    """

    names: tuple[str, ...]  # K classes
    counts: np.ndarray  # int64 [K + 1, K + 1]
    confidence: float  # detections below it were left out
    overlap: float  # least IoU of a pair


def confusion(
    truth: Truth, detections: Sequence[dict[str, Any]], confidence: float = 0.25, overlap: float = 0.5
) -> Confusion:
    """Pairs every object with at most one detection of its image and counts the pairs by class.

    Pairs of one class are made first, so that a second detection of another class does not hide a right one; among
    pairs of one kind the largest overlap wins. A detection that lies mostly on a crowd is not counted.
    """
    columns = {category: column for column, category in enumerate(truth.categories)}
    objects = _by_image(truth.annotations)
    found = _by_image(entry for entry in detections if entry["score"] >= confidence)
    counts = np.zeros((len(columns) + 1, len(columns) + 1), np.int64)
    for image in objects.keys() | found.keys():
        for pair in _pairs(objects[image], found[image], overlap):
            counts[tuple(-1 if entry is None else columns[entry["category_id"]] for entry in pair)] += 1
    return Confusion(tuple(truth.categories.values()), counts, confidence, overlap)


def _by_image(entries) -> defaultdict[Any, list[dict[str, Any]]]:
    groups = defaultdict(list)
    for entry in entries:
        groups[entry["image_id"]].append(entry)
    return groups


def _pairs(objects: list[dict], found: list[dict], overlap: float) -> list[tuple[dict | None, dict | None]]:
    """(object, detection) for the objects and detections of one image, None where one has no partner."""
    crowds = [entry for entry in objects if entry["iscrowd"]]
    objects = [entry for entry in objects if not entry["iscrowd"]]
    matched = _match(objects, found, overlap)
    on_crowd = _shared_area(found, crowds).max(axis=1, initial=0) > 0.5 * _areas(found)
    pairs: list[tuple[dict | None, dict | None]] = [(objects[i], found[j]) for i, j in matched.items()]
    pairs += [(entry, None) for i, entry in enumerate(objects) if i not in matched]
    used = set(matched.values())
    return pairs + [(None, entry) for j, entry in enumerate(found) if j not in used and not on_crowd[j]]


def _match(objects: list[dict], found: list[dict], overlap: float) -> dict[int, int]:
    """Detection of each matched object, by position."""
    shared = _shared_area(objects, found)
    iou = shared / np.maximum(_areas(objects)[:, None] + _areas(found)[None] - shared, 1e-9)
    candidates = [(int(i), int(j)) for i, j in zip(*np.nonzero(iou >= overlap), strict=True)]

    def right_class_then_overlap(pair: tuple[int, int]) -> tuple[bool, float]:
        return objects[pair[0]]["category_id"] == found[pair[1]]["category_id"], iou[pair]

    matched: dict[int, int] = {}
    for i, j in sorted(candidates, key=right_class_then_overlap, reverse=True):
        if i not in matched and j not in matched.values():
            matched[i] = j
    return matched


def _shared_area(first: list[dict], second: list[dict]) -> np.ndarray:
    """Intersection of every box of `first` with every box of `second`: float64 [m, n], square pixels."""
    a, b = _corners(first)[:, None], _corners(second)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.maximum(sides, 0).prod(axis=-1)


def _corners(entries: list[dict]) -> np.ndarray:
    boxes = np.array([entry["bbox"] for entry in entries], np.float64).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _areas(entries: list[dict]) -> np.ndarray:
    corners = _corners(entries)
    return (corners[:, 2:] - corners[:, :2]).prod(axis=1)

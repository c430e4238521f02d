"""Detections that are compared with the objects of their images once, for scores of any choice of these images."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import hotcoco
import numpy as np

from detect.evaluation.json_files import collection_paused
from detect.evaluation.truth import Truth

IMAGES_AT_A_TIME = 500  # whose matches are in memory as Python objects
EVERY_AREA = [0.0, 1e10]  # square pixels, as COCO defines it
RECALLS = np.linspace(0, 1, 101)


class Matched(NamedTuple):
    """The n detections of a class, the best score first, at T overlaps, and its objects in I images."""

    images: np.ndarray  # int64 [n], position of the image in the truth
    scores: np.ndarray  # float64 [n], descending
    right: np.ndarray  # bool [T, n]
    ignored: np.ndarray  # bool [T, n], neither right nor wrong
    objects: np.ndarray  # int64 [I], number in each image


@collection_paused()
def matched_by_class(evaluation: hotcoco.COCOeval, truth: Truth, area: Sequence[float] = EVERY_AREA) -> list[Matched]:
    """Return the matches of each category, as COCO makes them with 100 detections per image.

    Args:
        evaluation: of the detections, with ids that are positions in the truth + 1; its parameters are changed.
        truth: the annotated boxes.
        area: of the objects that count, from and to, square pixels.
    """
    parameters, total = evaluation.params, len(truth.image_ids)
    parameters.area_rng, parameters.area_rng_lbl, parameters.max_dets = [list(area)], ["all"], [100]
    parts: list[list[_Part]] = [[] for _ in truth.names]
    for start in range(0, total, IMAGES_AT_A_TIME):
        parameters.img_ids = list(range(start + 1, min(start + IMAGES_AT_A_TIME, total) + 1))
        evaluation.evaluate()
        for own, entries in zip(parts, _by_category(evaluation.eval_imgs, len(truth.names)), strict=True):
            own.append(_columns(entries, len(parameters.iou_thrs)))
    return [_sorted(own, len(truth.image_ids)) for own in parts]


def average_precisions(matched: Matched, weights: np.ndarray) -> np.ndarray:
    """Return the AP of a class at each overlap, as if each image was there several times: float64 [R, T].

    NaN where the images have no object. In such a dataset, detections of copies of an image are side by side, unless
    the image has two of the same score, and precision is the highest from there on only after the last right one of
    them. So the result is its AP, although copies are not listed.

    Args:
        matched: the detections.
        weights: how often each image is there, [R, I], in each of R choices.
    """
    objects = (weights @ matched.objects)[:, None]
    of_detections = weights[:, matched.images]
    counted = np.cumsum(of_detections, axis=1)
    precisions = []
    for right, ignored in zip(matched.right, matched.ignored, strict=True):
        rows = np.flatnonzero(right)
        among = counted[:, rows]
        if ignored.any():
            among = among - np.cumsum(of_detections * ignored, axis=1)[:, rows]
        precisions.append(_area(np.cumsum(of_detections[:, rows], axis=1), among, objects))
    return np.where(objects > 0, np.stack(precisions, axis=1), np.nan)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Return the mean of float values [N, ...] over N without those that are NaN, [...]; NaN where all are."""
    with np.errstate(invalid="ignore"):  # 0 / 0
        return np.nansum(values, axis=0) / np.isfinite(values).sum(axis=0)


def _area(hits: np.ndarray, counted: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Return the mean precision at 101 recalls, [R].

    Args:
        hits: detections that are right up to each of them, [R, p].
        counted: detections up to there, right or wrong, [R, p].
        objects: number of objects, [R, 1].
    """
    precision = hits / np.maximum(counted, 1)
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]  # from there on
    reached = np.searchsorted(RECALLS, hits / np.maximum(objects, 1), side="right")  # recalls
    return (highest * np.diff(reached, axis=1, prepend=0)).sum(axis=1) / len(RECALLS)


class _Part(NamedTuple):
    """Detections and objects of a class in some images: the columns of `Matched`, and the images of the objects."""

    images: np.ndarray
    scores: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    objects: np.ndarray  # int64 [m], position of the image of each object


def _by_category(entries: Sequence[dict[str, Any] | None], count: int) -> list[list[dict[str, Any]]]:
    """Return the entries of each of `count` categories."""
    parts: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for entry in entries:
        if entry is not None:
            parts[entry["category_id"] - 1].append(entry)
    return parts


def _columns(entries: Sequence[dict[str, Any]], overlaps: int) -> _Part:
    """Return the detections and the objects in the entries of a category, one for each image."""
    images = np.array([entry["image_id"] - 1 for entry in entries], np.int64)
    found = [len(entry["dtScores"]) for entry in entries]
    objects = [sum(entry["gtInDenominator"]) for entry in entries]
    ignored = _flat([entry["dtIgnore"] for entry in entries], overlaps)
    return _Part(
        images=np.repeat(images, found),
        scores=np.fromiter(chain.from_iterable(entry["dtScores"] for entry in entries), np.float64),
        right=_flat([entry["dtMatched"] for entry in entries], overlaps) & ~ignored,
        ignored=ignored,
        objects=np.repeat(images, objects),
    )


def _flat(values: Sequence[Sequence[Sequence[bool]]], overlaps: int) -> np.ndarray:
    """Return what each entry has for each of its detections at each overlap, bool [T, n]."""
    rows = [np.fromiter(chain.from_iterable(value[row] for value in values), bool) for row in range(overlaps)]
    return np.stack(rows)


def _sorted(parts: Sequence[_Part], images: int) -> Matched:
    """Return the detections of all images in the order of COCO: by score, of equal ones by image."""
    columns = _Part(*(np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)))
    order = np.argsort(-columns.scores, kind="stable")
    return Matched(
        columns.images[order],
        columns.scores[order],
        columns.right[:, order],
        columns.ignored[:, order],
        np.bincount(columns.objects, minlength=images),
    )

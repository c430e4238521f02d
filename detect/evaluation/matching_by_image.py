"""Detections that are compared with the objects of their images once, for scores of any choice of these images."""

from typing import Any, NamedTuple

import hotcoco
import numpy as np

from detect.evaluation.truth import Truth

IMAGES_AT_A_TIME = 500  # whose matches are in memory as Python objects
EVERY_AREA = [0.0, 1e10]  # square pixels, as COCO defines it
RECALLS = np.linspace(0, 1, 101)


class Matched(NamedTuple):
    """The n detections of a class, the best score first, at T overlaps, and its objects in I images."""

    images: np.ndarray  # int64 [n], position of the image in the truth
    right: np.ndarray  # bool [T, n]
    ignored: np.ndarray  # bool [T, n], neither right nor wrong
    objects: np.ndarray  # int64 [I], number in each image


def matched_by_class(evaluation: hotcoco.COCOeval, truth: Truth) -> list[Matched]:
    """Return the matches of each category, as COCO makes them for objects of all sizes and 100 detections per image.

    Args:
        evaluation: of the detections, with ids that are positions in the truth + 1; its parameters are changed.
        truth: the annotated boxes.
    """
    parameters, total = evaluation.params, len(truth.image_ids)
    parameters.area_rng, parameters.area_rng_lbl, parameters.max_dets = [EVERY_AREA], ["all"], [100]
    parts: list[list[dict[str, Any]]] = [[] for _ in truth.names]
    for start in range(0, total, IMAGES_AT_A_TIME):
        parameters.img_ids = list(range(start + 1, min(start + IMAGES_AT_A_TIME, total) + 1))
        evaluation.evaluate()
        for entry in evaluation.eval_imgs:
            if entry and entry["dtScores"]:
                parts[entry["category_id"] - 1].append(_columns(entry))
    return [_sorted(own, _objects(truth, category), len(parameters.iou_thrs)) for category, own in enumerate(parts)]


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


def _columns(entry: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the detections of an image as columns: arrays [n], and [T, n] for those with a value for each overlap."""
    scores, ignored = np.array(entry["dtScores"]), np.array(entry["dtIgnore"], bool)
    right = np.array(entry["dtMatched"], bool) & ~ignored
    return {"images": np.full(len(scores), entry["image_id"] - 1), "scores": scores, "right": right, "ignored": ignored}


def _objects(truth: Truth, category: int) -> np.ndarray:
    return np.bincount(truth.images[(truth.categories == category) & ~truth.crowd], minlength=len(truth.image_ids))


def _sorted(parts: list[dict[str, np.ndarray]], objects: np.ndarray, overlaps: int) -> Matched:
    """Return the detections of all images in the order of COCO: by score, of equal ones by image."""
    if not parts:
        nothing = np.zeros([overlaps, 0], bool)
        return Matched(np.zeros(0, np.int64), nothing, nothing, objects)
    images, scores, right, ignored = (
        np.concatenate([part[name] for part in parts], axis=-1) for name in ("images", "scores", "right", "ignored")
    )
    order = np.argsort(-scores, kind="stable")
    return Matched(images[order], right[:, order], ignored[:, order], objects)

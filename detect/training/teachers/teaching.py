"""Annotations by a teacher: which detections of a trained model become boxes to learn from. This needs no TensorFlow.

Two scores of each class divide the detections. Above the first one they become annotations, as in self-training with a
high threshold (Sohn et al. 2020, STAC, arXiv 2005.04757). Between the two they are doubtful, and become ignored
regions, which are neither positive nor negative (compare the reliable and the uncertain pseudo-labels of Xu et al.
2023, Efficient Teacher, arXiv 2302.07577). Below the second one they are background. Both are taken from the precision
and recall of the teacher on annotated images, since its scores mean something else for each class.

A class that the teacher detects too badly to annotate it stays one that was not looked for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from detect.artefacts.client_suppression import overlaps_of
from detect.data.looked_for import LookedFor
from detect.data.records import Records
from detect.evaluation.coco_scores import Curves

SAME = 0.5  # IoU above which two boxes of a class are one object
UNMEASURED = (0.6, 0.1)  # scores of a class that was not measured: the thresholds of Efficient Teacher


class Limits(NamedTuple):
    """The scores of a class that divide its detections."""

    annotated: float  # from here on they are annotations; infinity: none is
    doubtful: float  # from here on they are ignored regions


@dataclass(frozen=True)
class Boxes:
    """Detections of n objects in some images."""

    images: np.ndarray  # int64 [n], positions of the images
    boxes: np.ndarray  # float32 [n, 4]
    labels: np.ndarray  # int32 [n]
    scores: np.ndarray  # float32 [n]

    def select(self, rows: np.ndarray) -> "Boxes":
        """Return the detections at `rows`, positions or bool [n]."""
        return Boxes(self.images[rows], self.boxes[rows], self.labels[rows], self.scores[rows])


def joined_boxes(parts: Iterable[Boxes]) -> Boxes:
    """Return the detections of all parts, in order."""
    nothing = Boxes(np.zeros(0, np.int64), np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, np.float32))
    columns = zip(*((part.images, part.boxes, part.labels, part.scores) for part in (nothing, *parts)), strict=True)
    return Boxes(*map(np.concatenate, columns))


def limits_of(curves: Curves, name: str, precision: float, recall: float) -> Limits:
    """Return the limits of a class, from its precision and recall at IoU 0.5.

    Args:
        curves: of the teacher on annotated images.
        name: of the class.
        precision: the least one of annotations: they are the detections down to the lowest score that has it.
        recall: the share of the objects that the teacher finds at any score, 0..1, that have the scores of doubtful
            detections or higher ones.
    """
    if name not in curves.precisions:
        return Limits(*UNMEASURED)
    precisions, scores = curves.precisions[name], curves.confidences[name]
    reached = np.flatnonzero(precisions > 0)
    if not len(reached):
        return Limits(np.inf, UNMEASURED[1])
    precise = np.flatnonzero(precisions >= precision)
    annotated = float(scores[precise[-1]]) if len(precise) else np.inf
    return Limits(annotated, min(annotated, float(scores[int(recall * reached[-1])])))


def chosen(found: Boxes, records: Records, limits: Sequence[Limits]) -> Boxes:
    """Return the detections in one image that are annotations or doubtful.

    Those of classes that were looked for in the image are not, nor those that repeat a box of their class: one that is
    stated, or a better annotation.

    Args:
        found: in one image, best first.
        records: the images with the boxes that are stated.
        limits: of each label.
    """
    if not len(found.images) or records.looked_for is None:
        return joined_boxes([])
    image = int(found.images[0])
    boxes, labels, ignore = records.truth(image)
    least = np.array([limit.doubtful for limit in limits])
    found = found.select(~records.looked_for.has(found.images, found.labels) & (found.scores >= least[found.labels]))
    sure, objects, kinds = is_annotation(found, limits), boxes[~ignore], labels[~ignore]
    kept = []
    for row, (box, label) in enumerate(zip(found.boxes, found.labels, strict=True)):
        if (overlaps_of(box, objects[kinds == label]) > SAME).any():
            continue
        kept.append(row)
        if sure[row]:
            objects, kinds = np.append(objects, [box], axis=0), np.append(kinds, label)
    return found.select(np.array(kept, np.int64))


def is_annotation(found: Boxes, limits: Sequence[Limits]) -> np.ndarray:
    """Return which detections become annotations, bool [n]."""
    return found.scores >= np.array([limit.annotated for limit in limits])[found.labels]


def taught(records: Records, found: Boxes, limits: Sequence[Limits]) -> Records:
    """Return the images with the annotations and the ignored regions of a teacher.

    Args:
        records: the images with the boxes that are stated.
        found: what `chosen` returned for all images.
        limits: of each label.
    """
    if records.looked_for is None:
        return records
    is_able = np.isfinite([limit.annotated for limit in limits])
    looked_for = LookedFor(records.looked_for.sets | is_able, records.looked_for.rows).unless_complete()
    doubtful = ~is_annotation(found, limits)
    return replace(records.with_boxes(found.images, found.boxes, found.labels, doubtful), looked_for=looked_for)

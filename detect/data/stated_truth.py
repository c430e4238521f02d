"""Boxes as annotation files state them, to the last digit: what detections are scored against.

Training needs boxes within their images, each of them once and with an area. Scores are those of pycocotools only if
they are computed from what the file states, because pycocotools changes nothing: it counts boxes that are stated twice,
that leave their image, and that have no area.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True)
class StatedTruth:
    """S boxes of R images, in the order of the file."""

    box_ends: np.ndarray  # int64 [R], where the boxes of each image end
    boxes: np.ndarray  # float64 [S, 4]: x, y, width, height in pixels of the upright image
    labels: np.ndarray  # int32 [S]
    ignore: np.ndarray  # bool [S], crowd or difficult
    areas: np.ndarray  # float64 [S], square pixels: the annotated (mask) area where the file gives one, else the box's

    @property
    def images(self) -> np.ndarray:
        """The image of each box, int64 [S]."""
        return np.repeat(np.arange(len(self.box_ends)), np.diff(self.box_ends, prepend=0))

    def select(self, rows: np.ndarray) -> "StatedTruth":
        """Return the boxes of the images in `rows`, int64 [r], in that order."""
        box_ends, boxes = boxes_of_images(self.box_ends, rows)
        return replace(self._chosen(boxes), box_ends=box_ends)

    def relabelled(self, new: np.ndarray) -> "StatedTruth":
        """Return the boxes with the labels `new`, int [K], in place of their own; those that become -1 are left out."""
        labels = new[self.labels].astype(np.int32)
        kept = labels >= 0
        ends = np.append(0, np.cumsum(kept))[self.box_ends]
        return replace(replace(self, labels=labels)._chosen(kept), box_ends=ends)

    def unless_same(self, other: "StatedTruth") -> "StatedTruth | None":
        """Return this truth, None where `other` is the same. Columns that are equal are shared, to save memory."""
        same = {
            field.name: getattr(other, field.name)
            for field in fields(self)
            if np.array_equal(getattr(self, field.name), getattr(other, field.name))
        }
        return replace(self, **same) if len(same) < len(fields(self)) else None

    def _chosen(self, boxes: np.ndarray) -> "StatedTruth":
        return replace(
            self,
            boxes=self.boxes[boxes],
            labels=self.labels[boxes],
            ignore=self.ignore[boxes],
            areas=self.areas[boxes],
        )


def from_corners(
    box_ends: np.ndarray, corners: np.ndarray, labels: np.ndarray, ignore: np.ndarray, areas: np.ndarray
) -> StatedTruth:
    """Return the truth of `corners` x1, y1, x2, y2, float [S, 4]; the other columns are those of `StatedTruth`."""
    return StatedTruth(box_ends, sizes_of(corners.astype(np.float64)), labels, ignore, areas)


def sizes_of(corners: np.ndarray) -> np.ndarray:
    """Return x, y, width, height of `corners` x1, y1, x2, y2, [n, 4] each."""
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def joined_truths(parts: Sequence[StatedTruth]) -> StatedTruth:
    """Return the boxes of the images of all parts, in order."""
    starts = np.cumsum([0, *(len(part.boxes) for part in parts[:-1])])
    return StatedTruth(
        box_ends=np.concatenate([part.box_ends + start for part, start in zip(parts, starts, strict=True)]),
        boxes=np.concatenate([part.boxes for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        ignore=np.concatenate([part.ignore for part in parts]),
        areas=np.concatenate([part.areas for part in parts]),
    )


def boxes_of_images(box_ends: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the boxes of some images, and where those of each image end.

    Args:
        box_ends: where the boxes of each of R images end, int64 [R].
        rows: the images, int64 [r].

    Returns:
        The new ends, int64 [r], and the positions of the boxes, int64 [n].
    """
    counts = np.diff(box_ends, prepend=0)[rows]
    ends = np.cumsum(counts)
    return ends, np.arange(counts.sum()) + np.repeat(box_ends[rows] - ends, counts)

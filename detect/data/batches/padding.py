"""Pad the boxes of a sample to N rows, and choose among them where there are more."""

import threading
from collections.abc import Sequence

import numpy as np

from detect.data.pixels.warping import Truth
from detect.data.records import Records
from detect.data.samples.augmentation import Augmentation
from detect.data.samples.mixing import MOSAIC_IMAGES
from detect.errors import counted
from detect.structures import Example

MOST_BOXES = 500  # largest N that is chosen for the user: matching holds anchors x N values per image


class Overflow:
    """Counts the boxes that did not fit into N rows."""

    def __init__(self, max_boxes: int):
        self.max_boxes = max_boxes
        self.samples = 0  # that had too many
        self.boxes = 0  # left out of them
        self._lock = threading.Lock()

    def add(self, boxes: int) -> None:
        """Count one sample with this many boxes too many."""
        with self._lock:
            self.samples += 1
            self.boxes += boxes

    def summary(self) -> str:
        """Return a sentence for the user; empty where all boxes fitted."""
        if not self.samples:
            return ""
        return (
            f"{counted(self.boxes, 'box was', 'boxes were')} left out, chosen at random: "
            f"{counted(self.samples, 'sample', 'samples')} had more than max_boxes, which is {self.max_boxes}. "
            "Increase max_boxes to keep all."
        )


def pad(example: Example, max_boxes: int, seed: Sequence[int]) -> tuple[Truth, int]:
    """Return boxes float32 [N, 4], labels int32 [N] and ignore bool [N] of an example, and how many boxes are left out.

    Padding has the boxes 0, the label -1 and ignore False. Of too many boxes, ignored regions are left out first, then
    a random choice: leaving out the smallest would teach the model that small objects are background.

    Args:
        example: of any number of boxes.
        max_boxes: N.
        seed: of the random choice, which depends on it and on the example only.
    """
    rows = np.arange(len(example.boxes))
    if len(rows) > max_boxes:
        shuffled = np.random.default_rng(seed).permutation(rows)
        objects_first = shuffled[np.argsort(example.ignore[shuffled], kind="stable")]
        rows = np.sort(objects_first[:max_boxes])
    boxes, labels = np.zeros((max_boxes, 4), np.float32), np.full(max_boxes, -1, np.int32)
    ignore = np.zeros(max_boxes, bool)
    count = len(rows)
    boxes[:count], labels[:count], ignore[:count] = example.boxes[rows], example.labels[rows], example.ignore[rows]
    return (boxes, labels, ignore), len(example.boxes) - count


def enough_boxes(records: Records, settings: Augmentation) -> int:
    """Return a number of rows that nearly every sample of this data fits into, a multiple of 8 up to `MOST_BOXES`.

    A mosaic shows its layout of twice the side, scaled by s, through a window of 1/(2s) of its sides. Its boxes are
    estimated from random groups of four records, with a tenth added for those that the border cuts.
    """
    counts = np.diff(records.box_ends, prepend=0)
    need = float(counts.max(initial=1))
    if settings.mosaic or settings.mixup:
        rng = np.random.default_rng(0)
        drawn = counts[rng.integers(len(counts), size=(10_000, MOSAIC_IMAGES + 1))]
        shown = np.minimum(1, 0.5 / rng.uniform(*settings.scale, len(drawn))) ** 2
        mixed = np.maximum(drawn[:, 0], 1.1 * shown * drawn[:, 1:].sum(axis=1) if settings.mosaic else 0)
        need = max(need, float(np.quantile(mixed + drawn[:, 0] * (settings.mixup > 0), 0.999)))
    return min(MOST_BOXES, 8 * int(np.ceil(need / 8)))

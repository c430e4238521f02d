"""How much AP each image costs.

The AP of a class is the mean precision at its N objects: of an object that is found, the precision down to its
detection; of a missed one, 0. So 1 - AP is a sum of shares: 1/N for each missed object, and for each wrong detection
1/N * 1/k for each right one below it, where k is the number of detections down to that one. A share belongs to the
image of the object or the detection. COCO's AP is a little higher: it takes the highest precision from each recall on,
at 101 recalls.
"""

from collections.abc import Sequence

import numpy as np

from detect.evaluation.matching_by_image import Matched


def lost_by_image(matched: Sequence[Matched], images: int) -> np.ndarray:
    """Return the AP, mean over classes and overlaps, that each image costs, float64 [I]: in all, 1 - AP.

    Args:
        matched: of each class; those without objects are left out, as they are in AP.
        images: I, their number.
    """
    kept = [each for each in matched if each.objects.any()]
    lost = np.zeros(images)
    for each in kept:
        for right, ignored in zip(each.right, each.ignored, strict=True):
            lost += _lost(each, right, ignored) / len(each.right)
    return lost / max(len(kept), 1)


def _lost(matched: Matched, right: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Return what each image costs of the AP of a class at one overlap, [I]."""
    counted = np.cumsum(~ignored)
    shares = right / np.maximum(counted, 1)
    below = np.cumsum(shares[::-1])[::-1]  # of the right ones from each detection on
    wrong = ~right & ~ignored
    costs = np.bincount(matched.images[wrong], below[wrong], minlength=len(matched.objects))
    found = np.bincount(matched.images[right], minlength=len(matched.objects))
    return (costs + matched.objects - found) / matched.objects.sum()

"""The comparison of the detections of two models."""

import numpy as np


def check_same(ours, theirs):
    """The same detections of an image; of equal scores, either may be the first."""
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
    ours, theirs = ((each.labels[order], each.boxes[order]) for each in (ours, theirs) for order in [in_order(each)])
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-3)


def in_order(found):
    return np.lexsort((*found.boxes.T.round(2), found.labels))

"""Comparisons of models: verdicts by hand, and intervals that are those of the paired draws."""

import math

import numpy as np
import pytest

from detect.errors import BadInput
from detect.evaluation.coco_scores import Scores, score
from detect.evaluation.comparing import DEVIATIONS, Change, Contender, compare, verdict
from detect.evaluation.detections import from_entries
from detect.evaluation.intervals import Interval
from detect.evaluation.replicates import replicates
from detect.evaluation.truth import truth_from_entries

IMAGES = 60
BOX = [10, 10, 20, 20]


def scored(found: range, images: int = IMAGES) -> Scores:
    """Return the scores of a detector that finds the object in some of the images, and nothing wrong."""
    ids = tuple(range(images))
    truth = truth_from_entries(
        ids, {1: "cat", 2: "dog"}, [{"image_id": row, "category_id": 1, "bbox": BOX} for row in ids]
    )
    entries = [{"image_id": row, "category_id": 1, "bbox": BOX, "score": 0.9 - row / 1000} for row in found]
    return score(truth, from_entries(entries))


def change(ap: float, half: float) -> Change:
    return Change(0.5, ap, Interval(ap - half, ap + half))


@pytest.mark.parametrize(("ap", "half", "of_seeds", "expected"), [
    (0.02, 0.01, 0.0, "better"),
    (-0.02, 0.01, 0.0, "worse"),
    # Half as wide an interval needs four times the images: 300 more.
    (0.01, 0.02, 0.0, "cannot tell from these images, about 300 more would"),
    (0.01, 0.02, 0.01, "cannot tell from these runs: more seeds would"),
    (0.0, 0.02, 0.0, "cannot tell from these images: there is next to no difference"),
    (1e-5, 0.02, 0.0, "cannot tell from these images: there is next to no difference"),
    (math.nan, math.nan, 0.0, "cannot tell: there are no objects"),
])  # fmt: skip
def test_verdicts(ap, half, of_seeds, expected):
    assert verdict(change(ap, half), of_seeds, 100) == expected


def test_a_model_is_not_told_apart_from_itself():
    (difference,) = compare([Contender("a", [scored(range(40))]), Contender("b", [scored(range(40))])])
    assert difference.whole.change == 0
    assert difference.whole.interval == (0.0, 0.0)
    assert not difference.gained.any()


def test_what_both_miss_does_not_blur_the_difference():
    """Of 60 objects one finds 20 and the other one 40: AP is that share of the recalls 0, 0.01 ... 1."""
    first, second = scored(range(20)), scored(range(40))
    (difference,) = compare([Contender("a", [first]), Contender("b", [second])])
    assert difference.whole.change == pytest.approx(second.AP - first.AP)
    assert difference.verdict == "better"
    draws = replicates(*second.compared)[1:, 0] - replicates(*first.compared)[1:, 0]
    half = DEVIATIONS * draws.std(ddof=1)
    assert difference.whole.interval == pytest.approx((difference.whole.change - half, difference.whole.change + half))
    np.testing.assert_allclose(difference.gained, [0.0] * 20 + [1 / 60] * 20 + [0.0] * 20)
    assert math.isnan(difference.per_class["dog"].AP)
    assert difference.per_class["cat"] == difference.whole


def test_seeds_are_pooled_and_their_variance_counts():
    one = Contender("a", [scored(range(30))])
    (single,) = compare([one, Contender("b", [scored(range(33))])])
    (pooled,) = compare([one, Contender("b", [scored(range(27)), scored(range(39))])])
    aps = [scored(range(27)).AP, scored(range(39)).AP]
    np.testing.assert_allclose(pooled.whole.AP, np.mean(aps))
    width = pooled.whole.interval.high - pooled.whole.interval.low
    of_seeds = np.std(aps, ddof=1) / math.sqrt(2)
    assert width > 2 * DEVIATIONS * of_seeds
    assert width > single.whole.interval.high - single.whole.interval.low


def test_other_images_are_refused():
    with pytest.raises(BadInput, match="a and b were scored on other images"):
        compare([Contender("a", [scored(range(9))]), Contender("b", [scored(range(9), IMAGES + 1)])])

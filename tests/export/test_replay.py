"""Ties and faults told apart, on candidates that a few rows show."""

import numpy as np
import pytest

from detect.artefacts.client_suppression import best_detections
from detect.export.replay import OVERLAP, PIXELS, SCORE, Replayed, replay
from detect.models.suppression import Suppression
from detect.structures import Candidates, Detections

GREEDY = Suppression(max_detections=50)
SOFT = Suppression(max_detections=50, soft_sigma=0.5, clips_first=False)
LIMITS = {"edges": (100.0, 80.0), "confidence": 0.1, "iou": 0.5}
NOTHING = Replayed(0, 0, 0.0, 0.0)

# Of one class; the second overlaps the first by 0.6, and the third by 0.6, which overlaps the first by 1 / 3.
FIRST, SECOND, THIRD = (0.0, 0.0, 40.0, 10.0), (10.0, 0.0, 50.0, 10.0), (20.0, 0.0, 60.0, 10.0)
CHAIN = Candidates(np.float32([FIRST, SECOND, THIRD]), np.float32([[0.9], [0.9], [0.3]]))


def rows(*found: tuple[tuple[float, ...], float, int]) -> Detections:
    boxes, scores, labels = zip(*found, strict=True) if found else ((), (), ())
    return Detections(np.float32(boxes).reshape(-1, 4), np.float32(scores), np.int32(labels))


def of_chain(*found, expected=((FIRST, 0.9, 0), (THIRD, 0.3, 0)), **limits) -> Replayed:
    return replay(rows(*found), rows(*expected), CHAIN, GREEDY, **{**LIMITS, **limits})


def test_the_same():
    assert of_chain((FIRST, 0.9, 0), (THIRD, 0.3, 0)) == NOTHING


def test_equals_may_change_places_and_others_with_them():
    """The second suppresses both others: two detections of the other run are not there, and none of them is lost."""
    assert of_chain((SECOND, 0.9, 0)) == NOTHING


def test_a_worse_one_must_not_be_preferred():
    better = CHAIN._replace(scores=CHAIN.scores + np.float32([[3 * SCORE], [0], [0]]))
    expected = rows((FIRST, 0.9 + 3 * SCORE, 0), (THIRD, 0.3, 0))
    assert replay(rows((SECOND, 0.9, 0)), expected, better, GREEDY, **LIMITS)[:2] == (0, 1)  # the third is suppressed


@pytest.mark.parametrize(
    ("found", "invented", "lost"),
    [
        ([(FIRST, 0.9, 1), (THIRD, 0.3, 1)], 2, 2),  # another class
        ([((0.0, 0.0, 41.0, 10.0), 0.9, 0), (THIRD, 0.3, 0)], 1, 1),  # a box that is scaled
        ([(FIRST, 0.9, 0), ((20.0, 1.0, 60.0, 11.0), 0.3, 0)], 1, 1),  # a box that is moved
        ([(FIRST, 0.9, 0), (THIRD, 0.31, 0)], 1, 1),  # another score
        ([(FIRST, 0.9, 0), (SECOND, 0.9, 0), (THIRD, 0.3, 0)], 1, 0),  # no suppression
        ([(FIRST, 0.9, 0), (FIRST, 0.9, 0), (THIRD, 0.3, 0)], 1, 0),  # one that is found twice
        ([(FIRST, 0.9, 0)], 0, 1),
        ([], 0, 2),
    ],
)
def test_faults(found, invented, lost):
    assert of_chain(*found)[:2] == (invented, lost)


def test_a_threshold_that_is_missing():
    assert of_chain((FIRST, 0.9, 0), (THIRD, 0.3, 0), expected=[(FIRST, 0.9, 0)], confidence=0.4)[:2] == (1, 0)


def test_rounding_is_measured_and_no_fault():
    moved = tuple(edge + PIXELS / 2 for edge in FIRST)
    outcome = of_chain((moved, 0.9 - SCORE / 2, 0), (THIRD, 0.3, 0))
    assert outcome[:2] == (0, 0)
    assert outcome[2:] == pytest.approx((PIXELS / 2, SCORE / 2), rel=0.01)


def test_an_overlap_that_is_equal_to_the_threshold_may_be_either():
    overlap = {"iou": 0.6 + OVERLAP / 2}
    assert of_chain((FIRST, 0.9, 0), (SECOND, 0.9, 0), (THIRD, 0.3, 0), **overlap) == NOTHING
    assert of_chain((FIRST, 0.9, 0), (THIRD, 0.3, 0), **overlap) == NOTHING


def test_below_the_end_of_a_list_nothing_is_lost():
    assert of_chain((FIRST, 0.9, 0), end=0.9) == NOTHING


def test_scores_that_were_lowered_follow_the_order():
    """Of two equals, the one that is taken first keeps its score, in soft suppression."""
    pair = Candidates(CHAIN.boxes[:2], CHAIN.scores[:2])
    lowered = 0.9 * np.exp(-(0.6**2) / 0.5)
    one, other = rows((FIRST, 0.9, 0), (SECOND, lowered, 0)), rows((SECOND, 0.9, 0), (FIRST, lowered, 0))
    outcome = replay(other, one, pair, SOFT, **LIMITS)
    assert outcome[:2] == (0, 0)
    assert outcome.score_difference < 2 * OVERLAP
    kept = rows((SECOND, 0.9, 0), (FIRST, 0.9, 0))
    assert replay(kept, one, pair, SOFT, **LIMITS)[:2] == (1, 1)


@pytest.mark.parametrize("classes", [(), (3,)])
@pytest.mark.parametrize("rules", [GREEDY, SOFT, GREEDY.model_copy(update={"clips_first": False})])
def test_what_suppression_finds_in_any_order_of_equals_is_right(rules, classes):
    """50 boxes, 3 classes and 6 different scores: the candidates in reverse order give other detections."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(-10, 70, (50, *classes, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(20, 40, corners.shape)], axis=-1).astype(np.float32)
    scores = rng.integers(0, 7, (50, 3)).astype(np.float32) / 7

    def found(*candidates: np.ndarray) -> Detections:
        batch = Candidates(*(part[None] for part in candidates))
        result = best_detections(batch, np.float32([[80, 100]]), rules, 0.1, 0.5)
        return Detections(*(part[0][result.labels[0] >= 0] for part in result))

    one, other = found(boxes, scores), found(boxes[::-1], scores[::-1])
    limits = {**LIMITS, "end": one.scores[-1] if len(one.scores) == 50 else 0.0}
    for result in (one, other):
        outcome = replay(result, one, Candidates(boxes, scores), rules, **limits)
        assert outcome[:2] == (0, 0)
        assert outcome.box_difference < 1e-4
    shifted = one._replace(labels=(one.labels + 1) % 3)
    assert replay(shifted, one, Candidates(boxes, scores), rules, **limits).invented > len(one.scores) / 2

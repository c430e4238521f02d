import numpy as np
import pytest
from records_of import records_of

from detect.data.doctor.near_boxes import near_pairs
from detect.data.records import Record


@pytest.mark.parametrize("least_iou", [0.3, 0.9])
def test_pairs_are_those_of_comparing_all(least_iou):
    random = np.random.default_rng(0)
    corners = random.uniform(0, 30, (200, 2))
    boxes = np.concatenate([corners, corners + random.uniform(10, 40, (200, 2))], axis=1).astype(np.float32)
    boxes[100:] = boxes[:100] + random.uniform(-1, 1, (100, 4)).astype(np.float32)
    one, other = boxes[:130], boxes[130:]
    blank = np.zeros(200)
    records = records_of(Record("", 1, 100, 100, part, *[blank[: len(part)]] * 3) for part in (one, other))
    expected = {
        (first, second)
        for first in range(200)
        for second in range(first)
        if (first < 130) == (second < 130) and iou(boxes[first], boxes[second]) >= least_iou
    }
    firsts, seconds = near_pairs(records, least_iou)
    found = {(max(pair), min(pair)) for pair in zip(firsts.tolist(), seconds.tolist(), strict=True)}
    assert found == expected
    assert len(found) == len(firsts)
    assert len(expected) > 10


def iou(one: np.ndarray, other: np.ndarray) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)

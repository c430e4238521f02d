import numpy as np
import pytest
from records_of import records_of

from detect.data.doctor.overlap_checks import near_pairs
from detect.data.records import Record

LARGE = (0, 100, 100, 100, 100)


def test_a_box_twice(dataset_of, found):
    nearly = (0, 103, 100, 97, 98)  # inside, with 97 % x 98 % of the area
    by_code = found(dataset_of(train=[[LARGE, nearly], [LARGE]]))
    (finding,) = by_code["boxes-twice"]
    assert finding.count == 1
    assert finding.examples[0].boxes == ((100, 100, 200, 200), (103, 100, 200, 198))
    assert "boxes-twice" not in found(dataset_of(train=[[LARGE, (0, 111, 100, 89, 100)]]))  # IoU 0.89


def test_a_box_with_two_classes(dataset_of, found):
    (finding,) = found(dataset_of(train=[[LARGE, (1, 100, 100, 100, 99)]]))["boxes-with-two-classes"]
    assert "a and b at x 100, y 100" in finding.examples[0].where


def test_ignored_boxes_may_be_there_twice(dataset_of, found):
    dataset = dataset_of(train=[[LARGE, (1, 100, 100, 100, 99)]])
    dataset.splits["train"].ignore[1] = True
    assert "boxes-with-two-classes" not in found(dataset)


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


def test_the_same_boxes_everywhere(dataset_of, grid, found):
    same = [grid(3)] * 4
    assert "same-boxes-everywhere" not in found(dataset_of(train=[*same, grid(3, 1), grid(4), [], [], [], [], []]))
    (finding,) = found(dataset_of(train=[*same, grid(4), grid(3)[::-1]]))["same-boxes-everywhere"]
    assert finding.count == 5
    assert finding.examples[4].image.endswith("5.png")

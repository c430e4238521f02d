import numpy as np
from records_of import records_of

from detect.data.batches.padding import MOST_BOXES, Overflow, enough_boxes, pad
from detect.data.records import Record, Records
from detect.data.samples.augmentation import Augmentation
from detect.structures import Example


def example(count: int, ignored: int = 0) -> Example:
    boxes = np.arange(count * 4, dtype=np.float32).reshape(count, 4)
    return Example(np.zeros((1, 1, 3), np.uint8), boxes, np.arange(count, dtype=np.int32), np.arange(count) < ignored)


def records(*counts: int) -> Records:
    images = []
    for number, count in enumerate(counts):
        columns = np.zeros((count, 4), np.float32), np.zeros(count, np.int32), np.zeros(count, bool), np.zeros(count)
        images.append(Record(f"{number}.png", number, 10, 10, *columns))
    return records_of(images)


def test_padding_by_hand():
    (boxes, labels, ignore), left_out = pad(example(2, ignored=1), 3, seed=[0])
    np.testing.assert_array_equal(boxes, [[0, 1, 2, 3], [4, 5, 6, 7], [0, 0, 0, 0]])
    np.testing.assert_array_equal(labels, [0, 1, -1])
    np.testing.assert_array_equal(ignore, [True, False, False])
    assert (boxes.dtype, labels.dtype, ignore.dtype) == (np.float32, np.int32, bool)
    assert left_out == 0


def test_no_boxes():
    (boxes, labels, ignore), _ = pad(example(0), 2, seed=[0])
    assert not boxes.any()
    assert (labels == -1).all()
    assert not ignore.any()


def test_too_many_boxes():
    (_, labels, _), left_out = pad(example(10), 4, seed=[0])
    assert left_out == 6
    assert len(set(labels)) == 4
    np.testing.assert_array_equal(labels, np.sort(labels))


def test_boxes_left_out_are_counted_and_said():
    overflow = Overflow(4)
    assert overflow.summary() == ""
    overflow.add(6)
    overflow.add(1)
    assert (overflow.samples, overflow.boxes) == (2, 7)
    left_out = "7 boxes were left out, chosen at random: 2 samples had more than max_boxes, which is 4."
    assert overflow.summary().startswith(left_out)


def test_every_box_has_its_turn():
    def kept(seed):
        (_, labels, _), _ = pad(example(6), 3, [seed])
        return frozenset(labels.tolist())

    assert frozenset.union(*(kept(seed) for seed in range(30))) == set(range(6))
    assert kept(5) == kept(5)
    assert len({kept(seed) for seed in range(30)}) > 10  # of 20 that there are


def test_ignored_regions_go_first():
    for seed in range(10):
        for rows, ignored in ((4, 1), (3, 0)):
            (_, _, ignore), _ = pad(example(6, ignored=3), rows, [seed])
            assert ignore.sum() == ignored


def test_rows_that_are_enough():
    still = Augmentation(mosaic=0, mixup=0)
    assert enough_boxes(records(0, 3, 9), still) == 16
    assert enough_boxes(records(0, 0), still) == 8
    assert enough_boxes(records(900), still) == MOST_BOXES
    halved = Augmentation(mosaic=1, scale=(0.5, 0.5))  # four whole images, and a tenth more: 4 x 10 x 1.1 = 44
    assert enough_boxes(records(10, 10), halved) == 48
    whole = Augmentation(mosaic=1, scale=(1, 1))  # a quarter of each: 11
    assert enough_boxes(records(10, 10), whole) == 16
    both = Augmentation(mosaic=1, scale=(0.5, 0.5), mixup=1)
    assert enough_boxes(records(10, 10), both) == 56

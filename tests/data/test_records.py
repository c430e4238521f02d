from pathlib import Path

import numpy as np
import pytest
from records_of import records_of

from detect.data.records import Record, Records


@pytest.fixture
def records() -> Records:
    """Four images with 2, 0, 1 and 3 boxes, which are numbered by their labels."""
    images, label = [], 0
    for number, count in enumerate((2, 0, 1, 3)):
        labels = np.arange(label, label + count, dtype=np.int32)
        boxes = np.stack([labels, labels, labels + 5, labels + 7], axis=1).astype(np.float32)
        areas = labels.astype(np.float64) * 2
        record = Record(Path(f"folder/{number}.jpg"), 10 + number, 64, 48, boxes, labels, labels % 2 == 1, areas)
        images.append(record)
        label += count
    return records_of(images)


def test_records_are_what_was_put_in(records):
    assert [record.image_path for record in records] == [Path(f"folder/{number}.jpg") for number in range(4)]
    assert [record.labels.tolist() for record in records] == [[0, 1], [], [2], [3, 4, 5]]
    assert records[3].boxes.tolist() == [[3, 3, 8, 10], [4, 4, 9, 11], [5, 5, 10, 12]]
    assert records[-1].ignore.tolist() == [True, False, True]
    assert records[2].areas.tolist() == [4]
    with pytest.raises(IndexError, match="record 4 of 4"):
        records[4]


@pytest.mark.parametrize("rows", [[3, 0, 0, 1], [1], [], [-1, 2], [0, 1, 2, 3]])
def test_selected_records_are_the_same_records(records, rows):
    chosen = records.select(rows)
    assert len(chosen) == len(rows)
    assert len(chosen.boxes) == sum(len(records[row].boxes) for row in rows)
    for row, record in zip(rows, chosen, strict=True):
        expected = records[row]
        assert (record.image_path, record.image_id) == (expected.image_path, expected.image_id)
        for column in ("boxes", "labels", "ignore", "areas"):
            found = getattr(record, column)
            np.testing.assert_array_equal(found, getattr(expected, column))
            assert found.dtype == getattr(expected, column).dtype


def test_slices(records):
    assert [record.image_id for record in records[1:3]] == [11, 12]
    assert [record.labels.tolist() for record in records[::-2]] == [[3, 4, 5], []]

import tracemalloc

import numpy as np
import pytest

from detect.data.readers.assembly.annotations import NO_AREA, Annotations, flag

BOX = (1.5, 2.0, 30.25, 40.0)


@pytest.fixture
def stated() -> Annotations:
    """Three images, and for each a box whose label is its row."""
    found = Annotations("list.txt", str, str, folder="/images")
    for row, name in enumerate(("a.jpg", "höhe.jpg", "/elsewhere/c.jpg")):
        found.add_image(name, 2**62 + row, (64, 48) if row else (0, 0))
        found.add_box(row, BOX, row, ignore=row == 1, area=9 if row else NO_AREA)
    return found


def test_columns_are_what_was_added(stated):
    assert [stated.path(row) for row in range(3)] == ["/images/a.jpg", "/images/höhe.jpg", "/elsewhere/c.jpg"]
    assert stated.images.ids.tolist() == [2**62, 2**62 + 1, 2**62 + 2]
    assert stated.images.sizes.tolist() == [[0, 0], [64, 48], [64, 48]]
    table = stated.boxes.table
    assert table["box"].tolist() == [list(BOX)] * 3
    for column in ("row", "label", "number"):
        assert table[column].tolist() == [0, 1, 2]
    assert table["ignore"].tolist() == [False, True, False]
    np.testing.assert_array_equal(table["area"], [np.nan, 9, 9])


def test_some_can_be_chosen_and_others_added(stated):
    images = stated.images.select(np.array([2, 0]))
    images.append("d.jpg", 7)
    assert list(images.names) == ["/elsewhere/c.jpg", "a.jpg", "d.jpg"]
    assert images.ids.tolist() == [2**62 + 2, 2**62, 7]
    assert images.sizes.tolist() == [[64, 48], [0, 0], [0, 0]]
    boxes = stated.boxes.select(np.array([True, False, True]))
    boxes.append(5, 6, BOX, 7, False, NO_AREA)
    assert boxes.table["row"].tolist() == [0, 2, 5]
    assert len(boxes) == len(images) == len(stated.boxes) == 3


def test_nothing_stated():
    stated = Annotations("list.txt", str, str)
    assert len(stated.images.ids) == len(stated.boxes.table) == 0
    assert stated.images.sizes.shape == (0, 2)


def test_a_record_is_bytes_and_not_python_objects():
    """An image of 24 bytes, with a name of 10, and a box of 65: and an eighth more, which growing lists hold ready."""
    stated = Annotations("list.txt", str, str)
    tracemalloc.start()
    for row in range(10_000):
        stated.add_image(f"{row:06}.jpg", row)
        stated.add_box(row, BOX, 0)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10_000 * (24 + 10 + 65) * 9 / 8 + 20_000


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", "1.0", " true\n", "True", "YES"])
def test_flags_that_say_yes(value):
    assert flag(value) is True


@pytest.mark.parametrize("value", [False, 0, 0.0, "0", "0.0", "false", "False", " no ", "", None, "null", "None"])
def test_flags_that_say_no_or_nothing(value):
    assert flag(value) is False


@pytest.mark.parametrize("value", ["Unspecified", "truncated", 2, 0.5, -1, float("nan"), [1], {"0": 0}])
def test_flags_that_say_neither(value):
    assert flag(value) is None

import pytest

from detect.data.readers.assembly.categories import Category, map_categories, parse_categories
from detect.errors import BadInput


def category(number: int, name: str, group: str = "none", used: bool = True) -> Category:
    return Category(number, name, group, used)


def test_gaps_and_order_of_ids():
    mapped = map_categories({"a.json": [category(1, "person"), category(7, "train"), category(90, "brush")]})
    assert mapped.classes == ("person", "train", "brush")
    assert mapped.category_ids == (1, 7, 90)
    assert mapped.labels == {"a.json": {1: 0, 7: 1, 90: 2}}
    assert mapped.notes == ("category ids to labels: 1 'person' -> 0, 7 'train' -> 1, 90 'brush' -> 2",)


def test_ids_from_zero():
    assert map_categories({"a": [category(0, "x"), category(1, "y")]}).labels == {"a": {0: 0, 1: 1}}


def test_an_unused_class_stays_one():
    assert map_categories({"a": [category(0, "x", used=False), category(1, "y")]}).classes == ("x", "y")


def test_roboflows_placeholder_is_left_out():
    categories = [category(0, "cells", "none", used=False), category(1, "red", "cells"), category(2, "white", "cells")]
    mapped = map_categories({"a": categories})
    assert mapped.classes == ("red", "white")
    assert mapped.labels == {"a": {1: 0, 2: 1}}
    assert mapped.notes[0].startswith("category 0 'cells' is left out")


def test_a_placeholder_that_any_split_uses_is_a_class():
    unused = [category(0, "cells", "none", used=False), category(1, "red", "cells")]
    used = [category(0, "cells", "none"), category(1, "red", "cells")]
    assert map_categories({"train": unused, "val": used}).classes == ("cells", "red")


def test_two_of_one_name_are_one_class():
    mapped = map_categories({"a": [category(0, "car", used=False), category(3, "car"), category(4, "bus")]})
    assert mapped.classes == ("car", "bus")
    assert mapped.category_ids == (3, 4)  # the first that has boxes
    assert mapped.labels == {"a": {0: 0, 3: 0, 4: 1}}
    assert "categories 0 and 3 are all named 'car': one class, written as 3" in mapped.notes


def test_files_that_number_differently_are_matched_by_name():
    files = {"train": [category(1, "car"), category(2, "bus")], "val": [category(0, "bus"), category(5, "van")]}
    mapped = map_categories(files)
    assert mapped.classes == ("car", "bus", "van")
    assert mapped.category_ids == (1, 2, 5)
    assert mapped.labels == {"train": {1: 0, 2: 1}, "val": {0: 1, 5: 2}}
    assert any("matched by name (train, val)" in note for note in mapped.notes)


def test_given_classes_decide_the_order_and_what_is_known():
    mapped = map_categories({"a": [category(1, "car"), category(2, "bus"), category(3, "van")]}, ["bus", "car"])
    assert mapped.classes == ("bus", "car")
    assert mapped.category_ids == (2, 1)
    assert mapped.labels == {"a": {1: 1, 2: 0}}
    with pytest.raises(BadInput, match=r"no category is named bike. Known: bus, car"):
        map_categories({"a": [category(1, "car"), category(2, "bus")]}, ["bike"])


def test_parsing():
    entries = [{"id": 2, "name": " b "}, {"id": 1, "name": "a", "supercategory": "s"}, {"id": 2, "name": "b"}]
    assert parse_categories(entries, {1}, "x.json") == [Category(1, "a", "s", True), Category(2, "b", "none", False)]


def test_ids_are_numbers_or_texts():
    entries = [
        {"id": "b", "name": "bus"},
        {"id": "10", "name": "car"},
        {"id": 2.0, "name": "van"},
        {"id": 10, "name": "car"},
    ]
    categories = parse_categories(entries, {"b"}, "x.json")
    assert [(one.id, one.name, one.used) for one in categories] == [
        (2, "van", False),
        (10, "car", False),
        ("b", "bus", True),
    ]
    mapped = map_categories({"x.json": categories})
    assert mapped.category_ids == (2, 10, "b")
    assert mapped.labels == {"x.json": {2: 0, 10: 1, "b": 2}}


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (None, "expected a list of 'categories'"),
        ([], "expected a list of 'categories'"),
        (["car"], "category 0 has no number or text as 'id'"),
        ([{"id": True, "name": "car"}], "category 0 has no number or text as 'id'"),
        ([{"id": 7.5, "name": "car"}], "category 0 has no number or text as 'id'"),
        ([{"id": 1, "name": [["car"]]}], "category 0 has no number or text as 'id', or no 'name'"),
        ([{"id": 1, "name": ""}], "category 0 has no number or text as 'id', or no 'name'"),
        ([{"id": 1, "name": "car"}, {"id": 1, "name": "bus"}], "category id 1 is both 'car' and 'bus'"),
    ],
)
def test_malformed_categories_are_refused(entries, reason):
    with pytest.raises(BadInput, match=rf"x\.json: {reason}"):
        parse_categories(entries, frozenset(), "x.json")

"""Names of images that differ in how much of the path they state, and in what tools change about names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.data.image_names import ImageNames

NAMES = ["/data/val/a.jpg", "/data/train/a.jpg", "/data/val/b.jpg", "/data/val/B.jpg", "c.jpg", "x/c.jpg"]
SAME_BUT_FOR_CASE = [2, 3]


@pytest.mark.parametrize(
    ("name", "positions"),
    [
        ("val/a.jpg", [0]),
        ("a.jpg", [0, 1]),
        ("other/a.jpg", []),
        ("jpg", []),
        ("b.jpg", [2]),
        ("VAL/B.jpg", SAME_BUT_FOR_CASE),
        ("val\\b.jpg", SAME_BUT_FOR_CASE),
        ("c.jpg", [4]),
        ("/home/x/c.jpg", [5]),
        ("/home/y/c.jpg", [4]),
        ("", []),
    ],
)
def test_the_ends_of_paths_are_compared(name, positions):
    assert ImageNames(NAMES).find(name) == positions


def test_what_tools_change_about_names():
    names = ImageNames(["a b.JPG", "Z\u00fcrich.jpg", "100%.jpg"])
    assert names.find("a%20b.jpg") == [0]
    assert names.find("Zu\u0308rich.jpg") == [1]
    assert names.find("100%.jpg") == [2]


def test_without_images():
    assert ImageNames([]).find("a.jpg") == []


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), unique=True), st.text())
def test_a_name_finds_itself_and_never_fails(names, other):
    known = ImageNames(names)
    known.find(other)
    for position, name in enumerate(names):
        found = known.find(name)
        assert position in found or not name.strip("/\\.")

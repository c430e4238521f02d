"""Images that belong together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.data.curation.grouping import by_names, united, videos
from detect.errors import BadInput

NAMES = ["cam/a_0001.jpg", "cam/a_0002.jpg", "cam/b-7.jpg", "other/a_0003.jpg", "photo.jpg", "cam/b-12.png"]


@pytest.mark.parametrize(
    ("rule", "groups"),
    [
        ("video", [0, 0, 2, 3, 4, 2]),
        ("folder", [0, 0, 0, 3, 4, 0]),
        (r"/([ab])[-_]", [0, 0, 2, 0, 4, 2]),
        (r"/.", [0, 0, 2, 0, 4, 2]),
        (r"jpg|png", [0, 0, 0, 0, 0, 5]),
    ],
)
def test_names_are_grouped_by_a_rule(rule, groups):
    assert by_names(NAMES, rule).tolist() == groups


def test_a_rule_that_cannot_be_read_is_refused():
    with pytest.raises(BadInput, match=r"'\(' is not a regular expression.*video, folder"):
        by_names(NAMES, "(")


def test_frames_of_several_videos_are_noticed():
    assert videos(NAMES) == ["a_0001.jpg", "b-7.jpg"]
    assert videos(["000001.jpg", "000002.jpg"]) == []  # photos of one camera, or frames of one video
    assert videos(["a.jpg", "b.jpg"]) == []
    assert videos([]) == []


def test_groups_of_two_divisions_are_united():
    """0-1 and 2-3 are together in the first; 1-2 in the second; 4 is alone."""
    assert united(np.array([0, 0, 2, 2, 4]), np.array([0, 1, 1, 3, 4])).tolist() == [0, 0, 0, 0, 4]


@given(st.data(), st.integers(1, 12))
def test_united_groups_are_connected_components(data, count):
    def division() -> np.ndarray:
        """Return groups by the position of their first member."""
        numbers = data.draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
        return np.array([numbers.index(number) for number in numbers])

    first, second = division(), division()
    near = (first[:, None] == first) | (second[:, None] == second)
    for _ in range(count):
        near = near @ near
    groups = united(first, second)
    assert ((groups[:, None] == groups) == near).all()

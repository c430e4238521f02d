"""The sizes of images that an export takes."""

from types import SimpleNamespace

import pytest

from detect.export.cards import canvases
from detect.models.card import ModelCard

DETECTOR = SimpleNamespace(size_divisor=32, smallest_side=64)
CARD = ModelCard(model="", config={}, classes=("thing",), category_ids=(1,), image_size=192)


@pytest.mark.parametrize(
    ("dynamic", "expected"),
    [
        (False, ((192, 192), (128, 192))),  # 9:16 is 108 rows, and multiples of 32 are taken
        (True, ((192, 192), (128, 192), (192, 128), (160, 192), (192, 160))),  # 2:3, 128 rows, has the canvas of 9:16
    ],
)
def test_canvases_of_squares_and_videos(dynamic, expected):
    assert canvases(DETECTOR, CARD, dynamic) == expected

"""The grid of tiles, by hand and by what it promises."""

import math

import numpy as np
import pytest

from detect.config import build
from detect.data.pixels.tiles import Tiling, Window, grid
from detect.errors import BadInput


def test_a_row_of_tiles_by_hand():
    windows = Tiling(tile=40, tile_overlap=0.25).windows(40, 101)
    # 30 pixels from one to the next at most: three steps over 61 pixels, evenly
    assert windows == [Window(0, 0, 40, 40), Window(20, 0, 60, 40), Window(40, 0, 80, 40), Window(61, 0, 101, 40)]


def test_rows_come_from_top_to_bottom():
    assert grid(30, 15, 20, 10, 0.5) == [
        Window(0, 0, 10, 20),
        Window(5, 0, 15, 20),
        Window(0, 10, 10, 30),
        Window(5, 10, 15, 30),
    ]


@pytest.mark.parametrize("size", [(500, 640), (640, 640), (1, 1)])
def test_an_image_that_fits_into_a_tile_is_one(size):
    height, width = size
    assert Tiling(tile=640).windows(height, width) == [Window(0, 0, width, height)]


@pytest.mark.parametrize("overlap", [0, 0.2, 0.33, 0.9])
@pytest.mark.parametrize("length", [641, 1152, 1153, 3000])
def test_tiles_cover_the_image_and_overlap_enough_and_no_fewer_would(length, overlap):
    windows = Tiling(tile=640, tile_overlap=overlap).windows(64, length)
    starts = [window.left for window in windows]
    assert starts[0] == 0
    assert starts[-1] == length - 640
    assert {window.width for window in windows} == {640}
    step = max(np.diff(starts))
    assert 640 - step >= 640 * overlap - 1e-6
    assert len(windows) == math.ceil((length - 640) / math.floor(640 - 640 * overlap)) + 1


@pytest.mark.parametrize(("key", "value"), [("tile", 31), ("tile_overlap", 1), ("tile_overlap", -0.1)])
def test_tiles_that_make_no_sense_are_refused(key, value):
    with pytest.raises(BadInput, match=f"{key}: expected a number"):
        build(Tiling, {"tile": 640, key: value}, "tiles")

"""Merging at seams: what is cut becomes whole, and nothing else changes."""

import numpy as np
import pytest

from detect.data.pixels.tiles import Tiling, Window
from detect.inference.seams import Objects, merge

LEFT, RIGHT = Window(0, 0, 100, 100), Window(80, 0, 180, 100)  # they share 20 columns


def objects(*rows):
    """Objects from rows x1, y1, x2, y2, score, label."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Objects(table[:, :4], table[:, 4], table[:, 5].astype(np.int32))


def merged(left, right, width=180):
    found = merge([objects(*left), objects(*right)], [LEFT, RIGHT], 100, width)
    return np.column_stack(found).tolist()


def test_an_object_that_both_views_show_is_one_with_the_mean_of_its_sides():
    assert merged([[84, 10, 94, 20, 0.75, 0]], [[84, 10, 94, 24, 0.25, 0]]) == [[84, 10, 94, 21, 0.5, 0]]


def test_a_part_that_a_view_has_cut_does_not_move_the_sides():
    """The left view shows 16 of 26 columns, and guesses that the object ends where it does itself."""
    assert merged([[84, 10, 100, 20, 0.75, 0]], [[84, 10, 110, 20, 0.25, 0]]) == [[84, 10, 110, 20, 0.5, 0]]


def test_an_object_that_no_view_shows_whole_is_put_together():
    assert merged([[20, 10, 100, 60, 0.5, 0]], [[80, 10, 170, 60, 0.75, 0]]) == [[20, 10, 170, 60, 0.625, 0]]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([84, 10, 94, 20, 0.6, 0], [84, 10, 94, 20, 0.6, 1]),  # of another class
        ([84, 10, 94, 20, 0.6, 0], [91, 10, 99, 20, 0.6, 0]),  # beside it
        ([20, 10, 60, 20, 0.6, 0], [120, 10, 160, 20, 0.6, 0]),  # where each view is alone
        ([20, 10, 95, 20, 0.6, 0], [92, 10, 170, 20, 0.6, 0]),  # that touch at the seam
    ],
)
def test_what_does_not_agree_at_the_seam_stays(left, right):
    assert len(merged([left], [right])) == 2


def test_what_one_view_has_found_is_not_compared_with_itself():
    twins = [[84, 10, 94, 20, 0.5, 0], [84, 10, 94, 20, 0.4, 0]]
    assert len(merged(twins, [])) == 2


def test_a_view_that_shows_an_object_and_has_not_found_it_lowers_its_score():
    """It lies where both views are; beyond the seam, or where a view shows less than nine tenths of it, it does not."""
    assert merged([[84, 10, 94, 20, 0.5, 0]], []) == [[84, 10, 94, 20, 0.25, 0]]
    assert merged([[20, 10, 40, 20, 0.5, 0]], []) == [[20, 10, 40, 20, 0.5, 0]]
    assert merged([[78, 10, 88, 20, 0.5, 0]], []) == [[78, 10, 88, 20, 0.5, 0]]
    assert merged([[79, 10, 89, 20, 0.5, 0]], []) == [[79, 10, 89, 20, 0.25, 0]]


def test_nothing_is_merged_where_nothing_is_found():
    assert merged([], []) == []


def test_the_border_of_the_image_cuts_nothing():
    """Both end at the border of the image, and the mean of their lower sides is taken."""
    found = merged([[84, 90, 94, 100, 0.5, 0]], [[84, 90, 94, 99, 0.5, 0]])
    assert found == [[84, 90, 94, 99.5, 0.5, 0]]


LINES = np.array([0, 9, 16, 60, 100, 108, 330, 470, 481, 640, 700])  # between which objects lie


@pytest.mark.parametrize("overlap", [0.1, 0.2, 0.5])
def test_whatever_tiles_cut_is_whole_again(overlap):
    """Objects of 5 to 220 pixels in each direction, which do not touch, are cut by tiles and come back exactly."""
    low, high = LINES[:-1] + 1, LINES[1:] - 1
    truth = np.concatenate([pairs_of(low), pairs_of(high)], axis=1)
    windows = Tiling(tile=128, tile_overlap=overlap).windows(700, 700)
    found = [seen_in(window, truth) for window in windows]
    assert sum(len(each.scores) for each in found) > 2 * len(truth)
    boxes = merge(found, windows, 700, 700).boxes
    assert sorted(boxes.round(3).tolist()) == sorted(truth.tolist())


def pairs_of(values):
    return np.array([(x, y) for x in values for y in values], np.float32)


def seen_in(window, truth):
    """Return what a perfect detector finds in a window: the visible part of each object."""
    low, high = np.maximum(truth[:, :2], window[:2]), np.minimum(truth[:, 2:], window[2:])
    seen = (high > low).all(axis=1)
    boxes = np.concatenate([low, high], axis=1)[seen]
    return Objects(boxes, np.full(len(boxes), 0.5, np.float32), np.zeros(len(boxes), np.int32))

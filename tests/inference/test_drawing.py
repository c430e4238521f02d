"""What is drawn, where, and in which colour."""

import numpy as np
import pytest

from detect.inference.drawing import Picture, Style, colour, draw, draw_grid
from detect.inference.options import DrawingOptions

CLASSES = ("cat", "dog", "a rather long name")


def grey(height=200, width=300):
    return np.full((height, width, 3), 90, np.uint8)


def changed(before, after):
    """Rows and columns of the pixels that differ."""
    return np.nonzero((before != after).any(axis=2))


def test_the_original_is_left_alone():
    image = grey()
    drawn = draw(image, np.array([[50, 60, 150, 160]], np.float32), np.array([0]), CLASSES)
    assert np.array_equal(image, grey())
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert not np.array_equal(drawn, image)


def test_identities_have_colours_of_their_own():
    """Two of one class: each in the colour of its number, which is written too."""
    boxes, labels = np.array([[50, 60, 100, 160], [150, 60, 250, 160]], np.float32), np.array([1, 1])
    drawn = draw(grey(), boxes, labels, CLASSES, ids=np.array([2, 5]))
    assert (drawn[100, 49:51] == colour(2)).all(axis=1).any()
    assert (drawn[100, 149:151] == colour(5)).all(axis=1).any()
    other = draw(grey(), boxes, labels, CLASSES, ids=np.array([2, 26]))  # the same colour, another number
    assert colour(26) == colour(5)
    rows, columns = changed(drawn, other)
    assert len(rows)
    assert rows.max() < 61
    assert columns.min() > 150


def test_nothing_is_drawn_without_boxes():
    none = np.zeros((0, 4), np.float32)
    assert np.array_equal(draw(grey(), none, np.zeros(0, int), CLASSES, np.zeros(0)), grey())


def test_lines_lie_on_the_edges_of_the_box():
    drawn = draw(grey(), np.array([[50, 60, 150, 160]], np.float32), np.array([1]), CLASSES)
    column = drawn[140]
    for edge in (50, 150):
        assert (column[edge - 1 : edge + 1] == colour(1)).all(axis=1).any()
    assert (column[60:140] == 90).all()
    assert (column[:45] == 90).all()
    assert (column[155:] == 90).all()


def test_an_empty_name_is_not_drawn():
    drawn = draw(grey(), np.array([[50, 60, 150, 160]], np.float32), np.array([0]), ("",))
    rows, columns = changed(grey(), drawn)
    assert rows.min() >= 59
    assert columns.min() >= 49
    assert (drawn[62:158, 52:148] == 90).all()


def test_padding_is_not_drawn():
    boxes = np.array([[50, 60, 150, 160], [0, 0, 0, 0]], np.float32)
    padded = draw(grey(), boxes, np.array([0, -1]), CLASSES, np.array([0.5, 0]))
    assert np.array_equal(padded, draw(grey(), boxes[:1], np.array([0]), CLASSES, np.array([0.5])))


@pytest.mark.parametrize("box", [(-20, -20, 10, 10), (290, 190, 320, 220), (280, -5, 305, 8), (0, 0, 300, 200)])
@pytest.mark.parametrize("label", [0, 2])
def test_names_stay_within_the_image(box, label):
    drawn = draw(grey(), np.array([box], np.float32), np.array([label]), CLASSES, np.array([0.876]))
    shown = (drawn == colour(label)).all(axis=2).sum()
    free = draw(grey(), np.array([[100, 100, 103, 103]], np.float32), np.array([label]), CLASSES, np.array([0.876]))
    assert shown > 0.7 * (free == colour(label)).all(axis=2).sum()


def test_boxes_beyond_the_image_are_outlined_at_its_edge():
    drawn = draw(grey(), np.array([[-50, 60, 350, 260]], np.float32), np.array([0]), CLASSES)
    assert (drawn[150, 0] == colour(0)).all()
    assert (drawn[150, -1] == colour(0)).all()
    assert (drawn[-1, 150] == colour(0)).all()


def test_the_surest_is_on_top():
    boxes = np.array([[100, 100, 200, 200]] * 2, np.float32)
    orders = [0.9, 0.1], [0.1, 0.9]
    first, second = (draw(grey(), boxes, np.array([0, 1]), CLASSES, np.array(scores)) for scores in orders)
    assert (first[190, 99:101] == colour(0)).all(axis=1).any()
    assert (second[190, 99:101] == colour(1)).all(axis=1).any()


def test_ignored_regions_are_grey_and_nameless():
    boxes = np.array([[50, 60, 150, 160]], np.float32)
    drawn = draw(np.full((200, 300, 3), (255, 0, 0), np.uint8), boxes, np.array([0]), CLASSES, ignore=np.array([True]))
    rows, columns = changed(np.full((200, 300, 3), (255, 0, 0), np.uint8), drawn)
    assert rows.min() >= 58
    assert rows.max() <= 161
    assert columns.min() >= 48
    assert columns.max() <= 151
    assert 0.3 < len(rows) / 100**2 < 0.8
    assert not (drawn == colour(0)).all(axis=2).any()


def test_degenerate_and_outside_regions():
    boxes = np.array([[50, 60, 50, 60], [-30, -30, -10, -10], [400, 400, 500, 500]], np.float32)
    draw(grey(), boxes, np.array([0, 0, 0]), CLASSES, ignore=np.array([True, True, True]))
    draw(grey(), boxes, np.array([0, 0, 0]), CLASSES)
    draw(grey(1, 1), boxes, np.array([0, 1, 2]), CLASSES)


def test_colours_are_stable_and_distinct():
    assert colour(0) == (0, 114, 178)
    assert len({colour(label) for label in range(21)}) == 21
    assert colour(21) == colour(0)


def test_names_of_many_scripts_are_drawn():
    box, label = np.array([[20, 60, 280, 160]], np.float32), np.array([0])
    images = [draw(grey(), box, label, [name]) for name in ("自行车", "кот", "γάτα", "été", "??", "???")]
    assert len({image.tobytes() for image in images}) == 6


def test_a_grid_is_as_large_as_its_images():
    none = np.zeros((0, 4), np.float32), np.zeros(0, int)
    wide, tall = Picture(grey(100, 200), *none), Picture(grey(200, 100), *none, title="tall")
    assert draw_grid([wide] * 3, CLASSES, columns=2, cell=128).shape == (2 * (64 + 2) + 2, 2 * (128 + 2) + 2, 3)
    assert draw_grid([wide], CLASSES, columns=4, cell=128).shape == (64 + 4, 128 + 4, 3)
    titled = draw_grid([wide, tall], CLASSES, columns=2, cell=128)
    assert titled.shape == (128 + 128 // 14 + 4, 2 * 130 + 2, 3)
    assert draw_grid([], CLASSES).shape[2] == 3


def test_boxes_in_a_grid_are_scaled_with_their_image():
    image = Picture(grey(400, 400), np.array([[200, 200, 400, 400]], np.float32), np.array([0]))
    grid = draw_grid([image], CLASSES, columns=1, cell=100)[2:, 2:]
    rows, columns = np.nonzero((grid == colour(0)).all(axis=2))
    assert rows.max() >= 98
    assert columns.max() >= 98
    assert (grid[90, :48] == 90).all()
    assert not (grid[90, 48:52] == 90).all()


def test_the_width_of_lines_is_an_option():
    box, options = np.array([[50, 60, 150, 160]], np.float32), DrawingOptions(line_width=7)
    row = draw(grey(), box, np.array([0]), CLASSES, options=options)[140]
    assert np.flatnonzero((row == colour(0)).all(axis=1)).tolist() == [*range(46, 53), *range(147, 154)]


def test_names_and_scores_are_left_out():
    box, label, score = np.array([[50, 60, 150, 160]], np.float32), np.array([0]), np.array([0.876])

    def drawn(classes=CLASSES, scores=score, **options):
        return draw(grey(), box, label, classes, scores, options=DrawingOptions(**options))

    assert np.array_equal(drawn(hide_scores=True), drawn(scores=None))
    assert np.array_equal(drawn(hide_labels=True), drawn(classes=("",) * 3))
    assert np.array_equal(drawn(hide_labels=True, hide_scores=True), drawn(classes=("",) * 3, scores=None))


def test_lines_and_letters_suit_small_boxes_in_large_images():
    """4,200 pixels have letters of 100; boxes of 40 x 90, whose mean side is 60, have letters of 30."""
    image = np.zeros((4200, 4200, 3), np.uint8)
    boxes = [(0, 0, 40, 90), (100, 100, 140, 190), (0, 0, 4000, 4000)]
    assert Style.of(image) == Style(line=17, letters=100)
    assert Style.of(image, boxes=boxes) == Style(line=8, letters=30)
    assert Style.of(image, line=3, boxes=boxes[2:]) == Style(line=3, letters=100)

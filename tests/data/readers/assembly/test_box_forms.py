import numpy as np
import pytest

from detect.data.readers.assembly.box_forms import FEWEST, Form, corners_of, in_other_unit, likely_form, stated_numbers

WIDTH, HEIGHT = 640, 480
NUMBERS = {
    Form.CORNERS: (10, 20, 40, 60),
    Form.SIZE: (10, 20, 30, 40),
    Form.CENTRE: (25, 40, 30, 40),
    Form.SWAPPED: (20, 10, 60, 40),
}


def frames(count: int, unit: tuple[float, float] = (WIDTH, HEIGHT)) -> np.ndarray:
    return np.tile(unit, (count, 1))


def true_boxes(count: int, seed: int = 0, cut: float = 0) -> np.ndarray:
    """Corners of boxes all over the image; their centres are in it, and with `cut` up to that share of them is not."""
    random = np.random.default_rng(seed)
    sizes = random.uniform(0.03, 0.3, (count, 2)) * (WIDTH, HEIGHT)
    most = (WIDTH, HEIGHT) - sizes * (1 - cut)
    starts = random.uniform(-cut * sizes, most)
    return np.concatenate([starts, starts + sizes], axis=1)


def misread(corners: np.ndarray, true: Form, stated: Form) -> np.ndarray:
    """The corners of boxes in the form `true` that were taken for `stated`."""
    return corners_of(stated_numbers(corners, true), stated)


@pytest.mark.parametrize("form", Form)
def test_each_form_states_the_same_box(form):
    corners = np.array([[10.0, 20, 40, 60]])
    assert [column.tolist() for column in stated_numbers(corners, form)] == [[number] for number in NUMBERS[form]]
    assert corners_of([np.array([number], float) for number in NUMBERS[form]], form).tolist() == corners.tolist()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("true", "stated"),
    [
        (Form.CORNERS, Form.SIZE),
        (Form.CORNERS, Form.CENTRE),
        (Form.SIZE, Form.CORNERS),
        (Form.CENTRE, Form.CORNERS),
        (Form.SWAPPED, Form.SIZE),
    ],
)
def test_another_form_is_found_by_the_boxes_that_leave_their_images(true, stated, seed):
    likely = likely_form(misread(true_boxes(60, seed), true, stated), frames(60), stated)
    assert likely is not None
    assert likely.form is true
    assert likely.misfitting >= 0.2
    assert likely.fitting == 1


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("cut", [0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("count", [0, 1, 8, 60])
def test_boxes_that_the_edges_cut_are_in_the_stated_form(form, cut, count):
    for seed in range(10):
        assert likely_form(true_boxes(count, seed, cut), frames(count), form) is None


def test_fractions_are_compared_with_an_image_of_one():
    fractions = true_boxes(60) / (WIDTH, HEIGHT, WIDTH, HEIGHT)
    assert likely_form(fractions, frames(60, (1, 1)), Form.CENTRE) is None
    likely = likely_form(misread(fractions, Form.CORNERS, Form.CENTRE), frames(60, (1, 1)), Form.CENTRE)
    assert likely is not None
    assert likely.form is Form.CORNERS


def of_corners(inside: int, outside: int, neither: int = 0) -> np.ndarray:
    """Boxes as x, y, width, height: some are within the image, others as x1, y1, x2, y2, and others in no form."""
    rows = [(0, 0, 10, 10)] * inside + [(600, 400, 1230, 870)] * outside + [(600, 400, 1300, 900)] * neither
    return np.array(rows, float)


@pytest.mark.parametrize(
    ("inside", "outside", "neither", "found"),
    [
        (16, FEWEST, 0, True),  # a fifth of the boxes
        (17, FEWEST, 0, False),
        (0, FEWEST, 0, True),
        (0, FEWEST - 1, 0, False),
        (0, 19, 1, True),  # 95 % are within the image in the other form
        (0, 18, 1, False),
    ],
)
def test_the_shares_that_decide(inside, outside, neither, found):
    boxes = of_corners(inside, outside, neither)
    likely = likely_form(boxes, frames(len(boxes)), Form.SIZE)
    assert (likely is not None) is found


def test_what_counts_as_far():
    """A tenth of 640 is 64: boxes that end at 704 do not leave their image by more, those that end at 705 do."""
    for end, found in [(704, False), (705, True)]:
        boxes = np.tile((100.0, 100, end, 300), (9, 1))
        assert (likely_form(boxes, frames(9), Form.SIZE) is not None) is found
    for end, found in [(672, False), (673, True)]:  # half of it, 32, where a centre is stated
        boxes = np.tile((100.0, 100, end, 304), (9, 1))  # centre 386, 202 and size 572 x 204: as corners in the image
        assert (likely_form(boxes, frames(9), Form.CENTRE) is not None) is found


def test_numbers_that_are_none_are_no_evidence():
    boxes = np.concatenate([of_corners(0, 9), np.full((20, 4), np.nan), np.full((20, 4), np.inf)])
    assert likely_form(boxes, frames(49), Form.SIZE) == likely_form(boxes[:9], frames(9), Form.SIZE)
    assert likely_form(boxes[9:], frames(40), Form.SIZE) is None


def test_of_many_boxes_some_are_compared():
    boxes = np.tile(of_corners(8, 8), (50_000, 1))
    likely = likely_form(boxes, frames(len(boxes)), Form.SIZE)
    assert likely is not None
    assert 0 < likely.misfitting <= 1


@pytest.mark.parametrize(
    ("form", "fractions", "numbers", "expected"),
    [
        (Form.SIZE, False, (0.2, 0.3, 0.9, 0.5), True),
        (Form.CORNERS, False, (-0.8, -0.7, 0.3, 1.0), True),  # VOC, less 1
        (Form.SIZE, False, (0.3, 0.1, 1, 1), True),
        (Form.SIZE, False, (0, 0, 1, 1), False),
        (Form.SIZE, False, (0.2, 0.3, 1.5, 0.5), False),
        (Form.CENTRE, True, (320, 240, 30, 40), True),
        (Form.CENTRE, True, (1.2, 0.9, 1.1, 1.1), False),
        (Form.CENTRE, True, (0.5, 0.5, 1, 1), False),
        (Form.CENTRE, True, (np.nan, 2, 2, 2), False),
    ],
)
def test_fractions_and_pixels(form, fractions, numbers, expected):
    corners = corners_of([np.array([number], float) for number in numbers], form)
    assert in_other_unit(corners, form, fractions).tolist() == [expected]

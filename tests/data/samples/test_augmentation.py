import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.config import build, override
from detect.data.pixels.colour import ColourShift
from detect.data.pixels.resizing import letterbox, place
from detect.data.pixels.warping import blank
from detect.data.samples.augmentation import Augmentation, closing_augmentation, random_colours, random_view
from detect.errors import BadInput
from detect.structures import Example

BOX = (31.0, 23.0, 83.0, 59.0)


def example(height: int = 96, width: int = 128) -> Example:
    """A white rectangle on black, of class 2 and ignored, and a second box over the whole image."""
    image = np.zeros((height, width, 3), np.uint8)
    image[23:59, 31:83] = 255
    boxes = np.array([BOX, (0, 0, width, height)], np.float32)
    return Example(image, boxes, np.array([2, 5], np.int32), np.array([True, False]))


def seen_box(image: np.ndarray) -> np.ndarray | None:
    """The box around all white pixels; None where there are none."""
    ys, xs = np.nonzero(image[..., 0] > 184)
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) if len(xs) else None


def is_cut(box: np.ndarray, side: int) -> bool:
    return bool(box.min() == 0 or box.max() == side)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rotate=st.sampled_from([0.0, 8.0]),
    shear=st.sampled_from([0.0, 5.0]),
    scale=st.sampled_from([(1.0, 1.0), (0.3, 1.0), (0.5, 2.0)]),
    side=st.sampled_from([64, 96, 160]),
)
def test_a_rectangle_and_its_box_stay_together(seed, rotate, shear, scale, side):
    augmentation = Augmentation(
        rotate_degrees=rotate, shear_degrees=shear, scale=scale, translate=0.2, flip_vertical=0.5
    )
    view = random_view(example(), augmentation, np.random.default_rng(seed), blank(side, side), ColourShift())
    assert view.image.shape == (side, side, 3)
    assert view.boxes.dtype == np.float32
    assert view.labels.dtype == np.int32
    seen = seen_box(view.image)
    found = view.boxes[view.labels == 2]
    if len(found):
        # Of a turned rectangle, the corner that makes its hull so wide may lie outside the view.
        assert (np.abs(found[0] - seen) < 1.7).all() or ((rotate or shear) and is_cut(found[0], side))
        assert (found[0][:2] <= seen[:2] + 1.7).all()
        assert (found[0][2:] >= seen[2:] - 1.7).all()
        assert view.ignore[view.labels == 2].all()
    elif seen is not None:  # hardly anything of it is visible
        whole = 52 * 36 * (side / 128 * scale[1]) ** 2 * 1.5
        sides = seen[2:] - seen[:2]
        assert sides.min() < 4 or sides.prod() < 0.15 * whole


def test_one_seed_one_view():
    first, second, other = (
        random_view(
            example(), Augmentation(rotate_degrees=5), np.random.default_rng(seed), blank(64, 64), ColourShift()
        )
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.boxes, second.boxes)
    assert (first.image != other.image).any()


def test_the_closing_phase_sees_what_evaluation_sees():
    plain = closing_augmentation(Augmentation(flip_horizontal=0, rotate_degrees=9, shear_degrees=9, mixup=1))
    view = random_view(example(), plain, np.random.default_rng(0), blank(80, 80), ColourShift())
    placement = letterbox(80)(*example().image.shape[:2])
    np.testing.assert_array_equal(view.image, place(example().image, placement))
    np.testing.assert_allclose(view.boxes, example().boxes * placement.scales)
    assert plain.mosaic == plain.mixup == 0


def test_a_zoomed_view_covers_what_the_letterbox_covers():
    augmentation = Augmentation(scale=(1.5, 2.0), translate=0)
    for seed in range(20):
        nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool)
        white = Example(np.full((48, 64, 3), 255, np.uint8), *nothing)
        view = random_view(white, augmentation, np.random.default_rng(seed), blank(64, 64), ColourShift())
        assert (view.image[:48] == 255).all()
        assert view.boxes.shape == (0, 4)


def test_flips_happen_as_often_as_asked():
    left = Example(np.zeros((8, 16, 3), np.uint8), np.array([[0, 0, 4, 8]], np.float32), np.zeros(1, int), np.zeros(1))
    plain = closing_augmentation(Augmentation(flip_horizontal=0.25))
    rng = np.random.default_rng(0)
    flipped = sum(random_view(left, plain, rng, blank(16, 16), ColourShift()).boxes[0, 0] == 12 for _ in range(400))
    assert 70 < flipped < 130


def test_colours_change_within_limits():
    settings = Augmentation(hue=3, saturation=0, value=20)
    shifts = [random_colours(settings, np.random.default_rng(seed)) for seed in range(60)]
    assert {shift.hue for shift in shifts} == set(range(-3, 4))
    assert {shift.saturation for shift in shifts} == {0}
    assert len({shift.value for shift in shifts}) > 10
    assert max(abs(shift.value) for shift in shifts) <= 20
    assert 20 < sum(shift.value == 0 for shift in shifts) < 45  # left alone every second time


@pytest.mark.parametrize("scale", [(0.5, 0.5), (2.0, 2.0)])
def test_colours_are_shifted_on_the_image_only(scale):
    """Whichever of the image and its view has more pixels; the grey beside it stays."""
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool)
    grey = Example(np.full((40, 64, 3), 100, np.uint8), *nothing)
    settings = Augmentation(scale=scale, translate=0)
    view = random_view(grey, settings, np.random.default_rng(0), blank(64, 64), ColourShift(value=30))
    assert set(np.unique(view.image)) == {114, 130}
    assert (grey.image == 100).all()


def test_settings_are_checked():
    assert build(Augmentation, {"scale": [0.1, 2]}, "here").scale == (0.1, 2)
    assert override(Augmentation(), ["scale=[0.2, 1]", "mosaic=0"]).mosaic == 0
    with pytest.raises(BadInput, match="scale"):
        build(Augmentation, {"scale": [2, 0.1]}, "here")
    with pytest.raises(BadInput, match="mosaic"):
        build(Augmentation, {"mosaic": 1.5}, "here")
    with pytest.raises(BadInput, match="Did you mean 'mixup'"):
        build(Augmentation, {"mixupp": 1}, "here")

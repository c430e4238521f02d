import numpy as np
import pytest

from detect.data.resizing import fit_scale, letterbox, to_source


@pytest.mark.parametrize(
    ("height", "width", "size", "expected"),
    [(480, 640, (320, 320), 0.5), (640, 480, (320, 320), 0.5), (10, 20, (40, 40), 2), (100, 300, (100, 150), 0.5)],
)
def test_scale_by_hand(height, width, size, expected):
    assert fit_scale(height, width, size) == expected


def test_the_picture_lies_at_the_top_left_and_the_rest_is_grey():
    canvas, scale = letterbox(np.full((20, 40, 3), 9, np.uint8), (32, 32))
    assert scale == 0.8
    assert canvas.shape == (32, 32, 3)
    assert canvas.dtype == np.uint8
    assert (canvas[:16] == 9).all()
    assert (canvas[16:] == 114).all()


def test_a_picture_of_the_right_size_is_unchanged():
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    canvas, scale = letterbox(image, (24, 32))
    assert scale == 1
    np.testing.assert_array_equal(canvas, image)


@pytest.mark.parametrize("shape", [(1, 1), (5, 500), (500, 9), (37, 41), (333, 1000), (1001, 613)])
def test_any_shape_fits(shape):
    canvas, scale = letterbox(np.zeros((*shape, 3), np.uint8), (64, 64))
    assert scale == 64 / max(shape)
    covered = (canvas == 0).all(axis=2)
    assert abs(covered.any(axis=1).sum() - scale * shape[0]) <= 0.5 + 1e-6
    assert abs(covered.any(axis=0).sum() - scale * shape[1]) <= 0.5 + 1e-6


def test_boxes_return_to_the_source_and_are_clipped_to_it():
    boxes = np.array([[[5, 10, 20, 30], [-4, 0, 500, 500]]], np.float32)
    found = to_source(boxes, 0.5, width=100, height=80)
    np.testing.assert_allclose(found, [[[10, 20, 40, 60], [0, 0, 100, 80]]])
    assert found.dtype == np.float32
    assert to_source(np.zeros((0, 4)), 0.5, 100, 80).shape == (0, 4)


def test_a_box_stays_on_its_object():
    image = np.zeros((90, 120, 3), np.uint8)
    image[20:50, 30:90] = 255
    canvas, scale = letterbox(image, (64, 64))
    ys, xs = np.nonzero(canvas[:48, :, 0] > 127)
    seen = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    np.testing.assert_allclose(to_source(np.array(seen), scale, 120, 90), [30, 20, 90, 50], atol=0.5 / scale + 0.01)

"""Areas and overlaps compared with numbers worked by hand and with loops over single boxes."""

import math

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.boxes import area, ciou, clip, diou, giou, intersection_over_area, iou, paired_iou

A = [0.0, 0.0, 4.0, 2.0]  # area 8
B = [2.0, 0.0, 6.0, 4.0]  # area 16; shares 2 x 2 with A: union 20, enclosing box 6 x 4
FAR = [10.0, 0.0, 12.0, 2.0]  # area 4; with A: union 12, enclosing box 12 x 2
EMPTY = [3.0, 1.0, 3.0, 1.0]
PAIRED = {"iou": paired_iou, "giou": giou, "diou": diou, "ciou": ciou}


def random_boxes(rng, *shape, extent=100.0):
    """Draw boxes, some of them empty, inside out, equal or touching."""
    corners = np.sort(rng.integers(0, 11, (*shape, 2, 2)) * extent / 10, axis=-2)
    boxes = corners.reshape(*shape, 4) + rng.choice([0.0, 1.0], (*shape, 1)) * rng.normal(0, 3, (*shape, 4))
    return boxes.astype(np.float32)


def one_iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(width, 0.0) * max(height, 0.0)
    union = one_area(a) + one_area(b) - overlap
    return overlap / union if union > 0 else 0.0


def one_area(a):
    return max(a[2] - a[0], 0.0) * max(a[3] - a[1], 0.0)


def one_enclosing(a, b):
    """Return the sides of the smallest box around both."""
    return max(max(a[2], b[2]) - min(a[0], b[0]), 0.0), max(max(a[3], b[3]) - min(a[1], b[1]), 0.0)


def one_giou(a, b):
    width, height = one_enclosing(a, b)
    union = (one_area(a) + one_area(b)) / (1 + one_iou(a, b))
    return one_iou(a, b) - ((width * height - union) / (width * height) if width * height > 0 else 0.0)


def one_diou(a, b):
    offset = [(a[i] + a[i + 2] - b[i] - b[i + 2]) / 2 for i in (0, 1)]
    diagonal = math.hypot(*one_enclosing(a, b))
    return one_iou(a, b) - (math.hypot(*offset) ** 2 / diagonal**2 if diagonal > 0 else 0.0)


def one_ciou(a, b):
    angles = [math.atan2(max(box[2] - box[0], 0.0), max(box[3] - box[1], 1e-7)) for box in (a, b)]
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    return one_diou(a, b) - (v**2 / (1 - one_iou(a, b) + v) if v > 0 else 0.0)


def test_area_by_hand():
    np.testing.assert_allclose(area([A, B, FAR, EMPTY, [4.0, 0.0, 0.0, 2.0]]), [8, 16, 4, 0, 0])


def test_iou_by_hand():
    np.testing.assert_allclose(iou([A, FAR], [A, B, EMPTY]), [[1, 0.2, 0], [0, 0, 0]])


def test_intersection_over_area_by_hand():
    np.testing.assert_allclose(intersection_over_area([A, B], [B]), [[0.5], [1.0]])


@pytest.mark.parametrize(
    ("name", "near", "far"),
    [
        ("iou", 0.2, 0.0),
        ("giou", 0.2 - 4 / 24, 0.0 - 12 / 24),
        ("diou", 0.2 - 5 / 52, 0.0 - 81 / 148),  # centres (2, 1), (4, 2) and (11, 1)
        # angles atan(2), atan(1), atan(1): v = 4 / pi**2 * 0.3217506**2 = 0.0419562; alpha = v / (1 - iou + v)
        ("ciou", 0.2 - 5 / 52 - 0.0419562**2 / 0.8419562, -81 / 148 - 0.0419562**2 / 1.0419562),
    ],
)
def test_paired_by_hand(name, near, far):
    np.testing.assert_allclose(PAIRED[name]([A, A, A], [A, B, FAR]), [1.0, near, far], atol=1e-6)


def test_pairs_of_thousands_of_random_boxes_equal_a_loop():
    rng = np.random.default_rng(0)
    a, b = random_boxes(rng, 3, 40), random_boxes(rng, 3, 30)
    expected = [[[one_iou(x, y) for y in second] for x in first] for first, second in zip(a, b, strict=True)]
    np.testing.assert_allclose(iou(a, b), expected, atol=1e-5)
    share = iou(a, b) * (area(a)[..., None] + area(b)[:, None]) / (1 + iou(a, b))
    np.testing.assert_allclose(intersection_over_area(a, b) * area(a)[..., None], share, rtol=1e-4, atol=1e-2)


def degenerate_boxes(rng, count):
    """Draw `random_boxes`, every third of them a point, a line, inside out, tiny or huge."""
    boxes = random_boxes(rng, count)
    boxes[::15, 2:] = boxes[::15, :2]  # points
    boxes[3::15, 2] = boxes[3::15, 0]  # lines
    boxes[6::15] = boxes[6::15][:, [2, 1, 0, 3]]  # inside out
    boxes[9::15] *= 1e-2
    boxes[12::15] *= 1e3
    return boxes


LOOPS = {"iou": one_iou, "giou": one_giou, "diou": one_diou, "ciou": one_ciou}


@pytest.mark.parametrize("name", PAIRED)
def test_relatives_of_iou_of_thousands_of_random_boxes_equal_loops(name):
    rng = np.random.default_rng(4)
    a, b = degenerate_boxes(rng, 3000), rng.permutation(degenerate_boxes(rng, 3000))
    a[::7] = b[::7]  # equal ones, degenerate or not
    expected = [LOOPS[name](x, y) for x, y in zip(np.float64(a), np.float64(b), strict=True)]
    np.testing.assert_allclose(PAIRED[name](a, b), expected, atol=2e-5)


def test_paired_equals_the_diagonal_of_pairs():
    a, b = random_boxes(np.random.default_rng(1), 2, 500)
    np.testing.assert_allclose(paired_iou(a, b), tf.linalg.diag_part(iou(a, b)))


@pytest.mark.parametrize("name", ["giou", "diou", "ciou"])
def test_relatives_of_iou_are_bounded_and_symmetric(name):
    a, b = random_boxes(np.random.default_rng(2), 2, 2000)
    kept = (area(a) > 0) & (area(b) > 0)
    a, b = a[kept], b[kept]
    values = PAIRED[name](a, b)
    assert np.all(values <= paired_iou(a, b) + 1e-6)
    assert np.all(values >= (-2.0 if name == "ciou" else -1.0))
    np.testing.assert_allclose(values, PAIRED[name](b, a), atol=1e-5)
    np.testing.assert_allclose(PAIRED[name](a, a), 1.0, atol=1e-5)


@pytest.mark.parametrize("function", PAIRED.values(), ids=PAIRED.keys())
def test_every_finite_box_gives_finite_values_and_gradients(function):
    """All pairs of boxes made of the smallest, the largest and common numbers of float32."""
    numbers = np.array([0, 1, -1e-38, 1e-20, 7e8, 1e19, 3.4e38, -3.4e38], np.float32)
    corners = np.random.default_rng(0).choice(numbers, (5000, 2, 4))
    a, b = tf.constant(corners[:, 0]), tf.constant(corners[:, 1])
    with tf.GradientTape() as tape:
        tape.watch((a, b))
        value = function(a, b)
    assert np.isfinite(value).all()
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(value, (a, b)))


@pytest.mark.parametrize("function", PAIRED.values())
def test_degenerate_boxes_give_finite_values_and_gradients(function):
    boxes = tf.constant([EMPTY, [5.0, 5.0, 1.0, 1.0], [0.0, 0.0, 9.0, 0.0], [0.0, 0.0, 0.0, 0.0], A])
    a, b = tf.repeat(boxes, 5, axis=0), tf.tile(boxes, [5, 1])  # every pair
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        value = function(a, b)
    assert np.all(np.isfinite(value))
    for gradient in tape.gradient(value, [a, b]):
        assert np.all(np.isfinite(gradient))


def test_clip_by_hand():
    boxes = np.tile(np.float32([-3, 2, 50, 99]), [2, 1, 1])  # [2, 1, 4]
    expected = [[[0, 2, 30, 40]], [[0, 2, 50, 60]]]
    np.testing.assert_array_equal(clip(boxes, [[40, 30], [60, 70.0]]), expected)
    np.testing.assert_array_equal(clip(boxes[:, :, None], [[40, 30], [60, 70.0]]), np.array(expected)[:, :, None])


def all_functions(a, b):
    paired = [function(a, b) for function in PAIRED.values()]
    return [iou(a, b), intersection_over_area(a, b), *paired, area(a), clip(a, [[40.0, 30.0]] * 2)]


@pytest.mark.parametrize("xla", [False, True])
def test_in_a_graph_equal_to_eager(xla):
    a, b = random_boxes(np.random.default_rng(3), 2, 2, 50)
    graph = tf.function(all_functions, jit_compile=xla)(tf.constant(a), tf.constant(b))
    for eager, compiled in zip(all_functions(a, b), graph, strict=True):
        np.testing.assert_allclose(eager, compiled, rtol=1e-5, atol=1e-5)


def test_no_boxes():
    none, some = np.zeros((2, 0, 4), np.float32), np.zeros((2, 3, 4), np.float32)
    shapes = [values.shape for values in all_functions(none, none)]
    assert shapes == [(2, 0, 0)] * 2 + [(2, 0)] * 5 + [(2, 0, 4)]
    assert iou(none, some).shape == (2, 0, 3)
    assert intersection_over_area(some, none).shape == (2, 3, 0)

"""RoIAlign against cases worked by hand and a plain loop over points; levels of a pyramid; gradients."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.roi_align import level_of, pyramid_roi_align, roi_align

STRIDES = (4, 8, 16, 32)


def ramp(height, width):
    """Return features [1, height, width, 2]: channel 0 is a cell's x, channel 1 its y, both from 0."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x, y], axis=-1)[None]


def loop_point(features, y, x):
    """Return the bilinear value [C] of features [h, w, C] at one point, as torchvision's C++ code computes it."""
    height, width, _ = features.shape
    if y < -1 or y > height or x < -1 or x > width:
        return np.zeros(features.shape[-1])
    y, x = max(y, 0), max(x, 0)
    top, left = min(int(y), height - 1), min(int(x), width - 1)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    dy, dx = (y - top if bottom > top else 0), (x - left if right > left else 0)
    upper = (1 - dx) * features[top, left] + dx * features[top, right]
    lower = (1 - dx) * features[bottom, left] + dx * features[bottom, right]
    return (1 - dy) * upper + dy * lower


def loop_roi_align(features, box, stride, size, samples, aligned):
    """Return [size, size, C] for one box and features [h, w, C], by the definition."""
    x1, y1, x2, y2 = np.asarray(box, np.float64) / stride - (0.5 if aligned else 0)
    width, height = (x2 - x1, y2 - y1) if aligned else (max(x2 - x1, 1), max(y2 - y1, 1))
    result = np.zeros((*size, features.shape[-1]))
    for i, j in np.ndindex(*size):
        for p, q in np.ndindex(samples, samples):
            y = y1 + height / size[0] * (i + (p + 0.5) / samples)
            x = x1 + width / size[1] * (j + (q + 0.5) / samples)
            result[i, j] += loop_point(features, y, x) / samples**2
    return result


def random_case(rng, images, boxes, height, width, stride, channels=3):
    """Return features, and boxes in all parts of the map and beyond, some empty or with their sides swapped."""
    features = rng.standard_normal((images, height, width, channels)).astype(np.float32)
    corners = rng.uniform(-0.4, 1.4, (images, boxes, 2, 2)) * [width * stride, height * stride]
    ordered = np.where(rng.random((images, boxes, 1, 1)) < 0.9, np.sort(corners, axis=2), corners)
    corners = np.where(rng.random((images, boxes, 1, 1)) < 0.1, ordered[:, :, :1], ordered)
    return features, corners.reshape(images, boxes, 4).astype(np.float32)


def test_values_at_corners_by_hand():
    # Two bins of 4 pixels each way, centres at 10 and 14: cells 2.5 and 3.5 of stride 4.
    pooled = roi_align(ramp(8, 8), [[[8.0, 8.0, 16.0, 16.0]]], stride=4, size=2, aligned=False)
    np.testing.assert_allclose(pooled[0, 0, :, :, 0], [[2.5, 3.5], [2.5, 3.5]])
    np.testing.assert_allclose(pooled[0, 0, :, :, 1], [[2.5, 2.5], [3.5, 3.5]])


def test_values_at_centres_by_hand():
    # The same, half a cell further to the top left.
    pooled = roi_align(ramp(8, 8), [[[8.0, 8.0, 16.0, 16.0]]], stride=4, size=2, aligned=True)
    np.testing.assert_allclose(pooled[0, 0, :, :, 0], [[2, 3], [2, 3]])


def test_small_boxes_are_one_cell_wide_unless_aligned():
    box = [[[8.0, 8.0, 9.0, 12.0]]]  # a quarter of a cell wide, one high
    pooled = roi_align(ramp(8, 8), box, stride=4, size=1, aligned=False)
    np.testing.assert_allclose(pooled[0, 0, 0, 0], [2.5, 2.5])
    pooled = roi_align(ramp(8, 8), box, stride=4, size=1, aligned=True)
    np.testing.assert_allclose(pooled[0, 0, 0, 0], [1.625, 2])


@pytest.mark.parametrize(
    ("x", "expected"),
    [(-1.01, 0), (-1, 1), (-0.5, 1), (0, 1), (0.25, 1.75), (1, 4), (1.5, 4), (2, 4), (2.01, 0)],
)
def test_borders_by_hand(x, expected):
    # A row of cells 1 and 4; one point at the middle of a box of one cell, half a cell after its start.
    features = np.array([[[[1.0], [4.0]]]], np.float32)
    box = np.array([[[x - 0.5, -0.5, x + 0.5, 0.5]]], np.float32)
    np.testing.assert_allclose(roi_align(features, box, stride=1, size=1, samples=1, aligned=False), [[[[[expected]]]]])


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("size", [2, (1, 3)])
@pytest.mark.parametrize(("height", "width", "samples"), [(6, 9, 2), (1, 4, 3), (5, 1, 1)])
def test_thousands_of_random_boxes_equal_a_loop(height, width, samples, size, aligned):
    features, boxes = random_case(np.random.default_rng(0), 3, 100, height, width, stride=8)
    pooled = roi_align(features, boxes, stride=8, size=size, samples=samples, aligned=aligned)
    bins = (size, size) if isinstance(size, int) else size
    for cells, row, values in zip(features, boxes, pooled.numpy(), strict=True):
        expected = [loop_roi_align(cells, box, 8, bins, samples, aligned) for box in row]
        np.testing.assert_allclose(values, expected, atol=2e-5)


def test_levels_by_hand():
    # Sides 1, 111, 112, 223, 224, 448, 10,000; the limits are 112, 224 and 448.
    boxes = [[0, 0, side, side] for side in (1, 111, 112, 223, 224, 447.9, 448, 10000)]
    boxes = np.array([*boxes, [0, 0, 56, 224], [5, 5, 5, 5], [0, 0, 0, 0]], np.float32)
    np.testing.assert_array_equal(level_of(boxes, STRIDES), [0, 0, 1, 1, 2, 2, 3, 3, 1, 0, 0])
    np.testing.assert_array_equal(level_of(boxes, (16, 32)), [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(level_of(boxes[:3], STRIDES, canonical_level=3, canonical_size=100), [0, 1, 1])


def test_levels_of_thousands_of_random_boxes_equal_the_equation():
    sides = np.exp(np.random.default_rng(0).uniform(0, 8, (5000, 2)))
    boxes = np.concatenate([np.zeros_like(sides), sides], axis=-1).astype(np.float32)
    level = np.floor(4 + np.log2(np.sqrt(np.prod(sides, axis=-1)) / 224))
    np.testing.assert_array_equal(level_of(boxes, STRIDES), np.clip(level, 2, 5) - 2)


@functools.cache
def pyramid():
    """Return four random levels of two images of 64 x 96 pixels, and boxes of all levels in and around them."""
    rng = np.random.default_rng(1)
    levels = [rng.standard_normal((2, 64 // s, 96 // s, 3)).astype(np.float32) for s in STRIDES]
    centres, sides = rng.uniform(0, 96, (2, 40, 2)), np.exp(rng.uniform(2, 7, (2, 40, 2)))
    return levels, np.concatenate([centres - sides / 2, centres + sides / 2], axis=-1).astype(np.float32)


@pytest.mark.parametrize("aligned", [False, True])
def test_each_box_of_a_pyramid_is_cut_out_of_its_level(aligned):
    levels, boxes = pyramid()
    pooled = pyramid_roi_align(levels, boxes, strides=STRIDES, size=3, aligned=aligned)
    chosen = level_of(boxes, STRIDES).numpy()
    assert set(chosen.ravel()) == {0, 1, 2, 3}
    for image, box in np.ndindex(*chosen.shape):
        level = chosen[image, box]
        expected = loop_roi_align(levels[level][image], boxes[image, box], STRIDES[level], (3, 3), 2, aligned)
        np.testing.assert_allclose(pooled[image, box], expected, atol=2e-5)


def test_levels_of_one_stride_count_as_one():
    # torchvision's MobileNetV3 has two; its equation never leaves the first.
    levels, boxes = pyramid()
    pooled = pyramid_roi_align([levels[2], levels[2] + 1], boxes, strides=(16, 16))
    np.testing.assert_array_equal(pooled, roi_align(levels[2], boxes, stride=16, aligned=False))


def weighted(levels, boxes, weights):
    """Return a number that depends on every pooled value."""
    return tf.reduce_sum(weights * pyramid_roi_align(levels, boxes, strides=STRIDES, size=3))


def gradients(levels, boxes, weights):
    with tf.GradientTape() as tape:
        tape.watch((levels, boxes))
        total = weighted(levels, boxes, weights)
    return tape.gradient(total, (levels, boxes))


def test_gradients_are_what_each_cell_adds():
    levels, boxes = pyramid()
    weights = np.random.default_rng(2).standard_normal((2, 40, 3, 3, 3)).astype(np.float32)
    by_level, by_boxes = gradients([tf.constant(level) for level in levels], tf.constant(boxes), weights)
    assert by_boxes is None
    # Pooling is linear: a cell's gradient is what the total grows by when 1 is added to that cell.
    zeros = [np.zeros_like(level) for level in levels]
    rng = np.random.default_rng(3)
    for level, gradient in enumerate(by_level):
        assert gradient.shape == levels[level].shape
        for _ in range(12):
            cell = tuple(rng.integers(0, length) for length in gradient.shape)
            changed = [np.copy(zero) for zero in zeros]
            changed[level][cell] = 1
            np.testing.assert_allclose(gradient[cell], weighted(changed, boxes, weights), atol=1e-4)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_a_graph_equal_to_eager(jit_compile):
    levels, boxes = pyramid()
    levels, boxes, weights = [tf.constant(level) for level in levels], tf.constant(boxes), tf.ones([2, 40, 3, 3, 3])
    pool = functools.partial(pyramid_roi_align, strides=STRIDES, size=3)
    compiled = tf.function(pool, jit_compile=jit_compile)
    np.testing.assert_allclose(compiled(levels, boxes), pool(levels, boxes), atol=1e-5)
    by_graph = tf.function(lambda *values: gradients(*values)[0], jit_compile=jit_compile)(levels, boxes, weights)
    for gradient, expected in zip(by_graph, gradients(levels, boxes, weights)[0], strict=True):
        np.testing.assert_allclose(gradient, expected, atol=1e-4)


def test_unknown_sizes_in_a_graph():
    levels, boxes = pyramid()
    signature = [[tf.TensorSpec([None, None, None, 3])] * 4, tf.TensorSpec([None, None, 4])]
    graph = tf.function(functools.partial(pyramid_roi_align, strides=STRIDES, size=3), input_signature=signature)
    np.testing.assert_allclose(
        graph(levels, boxes), pyramid_roi_align(levels, boxes, strides=STRIDES, size=3), atol=1e-5
    )


def test_shapes_are_static_in_a_graph():
    levels, boxes = pyramid()
    pool = functools.partial(pyramid_roi_align, strides=STRIDES, size=(2, 5))
    graph = tf.function(pool).get_concrete_function(levels, tf.constant(boxes))
    assert graph.output_shapes == [2, 40, 2, 5, 3]


def test_no_boxes_and_padding():
    levels, _ = pyramid()
    levels = [tf.constant(level) for level in levels]
    by_level, _ = gradients(levels, tf.zeros([2, 0, 4]), tf.zeros([2, 0, 3, 3, 3]))
    assert all(not np.any(gradient) for gradient in by_level)
    assert np.all(np.isfinite(pyramid_roi_align(levels, tf.zeros([2, 5, 4]), strides=STRIDES)))


def test_bfloat16_levels_are_added_up_in_float32():
    levels, boxes = pyramid()
    levels = [tf.cast(level, tf.bfloat16) for level in levels]
    pooled = pyramid_roi_align(levels, boxes, strides=STRIDES, size=3)
    assert pooled.dtype == tf.bfloat16
    exact = pyramid_roi_align([tf.cast(level, tf.float32) for level in levels], boxes, strides=STRIDES, size=3)
    np.testing.assert_array_equal(pooled, tf.cast(exact, tf.bfloat16))
    by_level, _ = gradients(levels, tf.constant(boxes), tf.ones([2, 40, 3, 3, 3], tf.bfloat16))
    assert {gradient.dtype for gradient in by_level} == {tf.bfloat16}

"""SimOTA compared with cases worked by hand and with a plain loop that follows the authors' steps."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from uncompiled import uncompiled

from detect.ops.anchors import points
from detect.ops.assignment import Assignment, sim_ota
from detect.ops.boxes import iou

STRIDES = (8, 16)
CENTRES, POINT_STRIDES = points(48, 48, STRIDES)  # 36 + 9 points
COUNT = len(CENTRES)


def assign(predicted, boxes, labels, ignore=(False, False), classes=None):
    """Run `sim_ota` on one image, always with two rows, so that it is compiled once."""
    missing = 2 - len(boxes)
    boxes = np.array([*boxes, *[[0] * 4] * missing], np.float32)
    labels = np.array([*labels, *[-1] * missing], np.int32)
    classes = np.zeros((COUNT, 3), np.float32) if classes is None else classes
    case = (predicted, classes, np.zeros(COUNT, np.float32), boxes, labels, np.array(ignore))
    result = run_case(*(values[None] for values in case))
    return Assignment(*(value.numpy()[0] for value in result))


def run_case(predicted, classes, objectness, boxes, labels, ignore):
    return sim_ota(predicted, classes, objectness, CENTRES, POINT_STRIDES, boxes, labels, ignore)


def around(centres, side):
    return np.concatenate([centres - side / 2, centres + side / 2], axis=-1).astype(np.float32)


def loop_assign(predicted, classes, objectness, true_boxes, labels, ignore, radius=1.5):
    """Follow the authors' steps for one image, one point and one real box at a time."""
    real = [n for n in range(len(labels)) if labels[n] >= 0 and not ignore[n]]
    centre = {n: (true_boxes[n, :2] + true_boxes[n, 2:]) / 2 for n in real}
    near = {n: (np.abs(CENTRES - centre[n]) < radius * POINT_STRIDES[:, None]).all(axis=1) for n in real}
    candidates = [a for a in range(COUNT) if any(near[n][a] for n in real)]
    overlaps = iou(true_boxes, predicted).numpy()
    cost = {}
    for n, a in itertools.product(real, candidates):
        cost[n, a] = loop_cost(classes[a], objectness[a], labels[n], overlaps[n, a], near[n][a])
    takers = {a: [] for a in candidates}
    for n in real:
        k = max(int(np.sum(sorted((overlaps[n, a] for a in candidates), reverse=True)[:10], dtype=np.float32)), 1)
        for a in sorted(candidates, key=lambda a: (cost[n, a], a))[:k]:
            takers[a].append(n)
    chosen = {a: min(real, key=lambda n: cost[n, a]) if len(t) > 1 else t[0] for a, t in takers.items() if t}
    return chosen, {a: overlaps[n, a] for a, n in chosen.items()}


def loop_cost(logits, objectness, label, overlap, is_near):
    score = np.sqrt(1 / (1 + np.exp(-np.float64(logits))) / (1 + np.exp(-np.float64(objectness))))
    answer = np.arange(len(logits)) == label
    entropy = -np.where(answer, np.log(score), np.log(1 - score)).sum()
    return np.float32(entropy - 3 * np.log(overlap + 1e-8) + (0 if is_near else 1e6))


def test_one_box_takes_its_nearest_points():
    # Predictions are squares of side 16 at every point of level 8. The box is that of the point at (20, 20), row 2,
    # column 2. Its eight neighbours are candidates: at a distance of 8 in one axis IoU 1/3, in both 64 / 448 = 1/7.
    # The point (24, 24) of level 16 has its own prediction, of side 0. k = int(1 + 4/3 + 4/7) = 2.
    predicted = around(CENTRES, np.where(POINT_STRIDES == 8, 16.0, 0.0)[:, None])
    result = assign(predicted, [[12, 12, 28, 28]], [1])
    # The second is the first of four equals: row 1, column 2.
    np.testing.assert_array_equal(np.flatnonzero(result.foreground), [1 * 6 + 2, 2 * 6 + 2])
    np.testing.assert_allclose(result.ious[[8, 14]], [1 / 3, 1], rtol=1e-6)
    assert result.ious.sum() == pytest.approx(4 / 3)
    assert not result.ignored.any()


def test_the_class_decides_between_equal_boxes():
    predicted = around(CENTRES, np.where(POINT_STRIDES == 8, 16.0, 0.0)[:, None])
    classes = np.zeros((COUNT, 3), np.float32)
    classes[13, 1] = 2  # row 2, column 1 predicts class 1
    assert assign(predicted, [[12, 12, 28, 28]], [1], classes=classes).foreground[[13, 14]].all()
    assert not assign(predicted, [[12, 12, 28, 28]], [2], classes=classes).foreground[13]


def test_a_contested_point_goes_to_the_box_for_which_it_is_cheapest():
    predicted = around(CENTRES, np.where(np.arange(COUNT) == 14, 16.0, 0.0)[:, None])
    result = assign(predicted, [[12, 12, 26, 26], [12, 12, 28, 28]], [0, 0])  # both want point 14; IoU 0.77 and 1
    assert result.indices[14] == 1
    assert result.ious[14] == 1
    np.testing.assert_array_equal(np.flatnonzero(result.foreground), [14])


def test_padding_and_ignored_boxes_take_nothing():
    predicted = around(CENTRES, 16.0)
    result = assign(predicted, [[12, 12, 28, 28], [8, 8, 24, 24]], [-1, 2], ignore=[False, True])
    assert not result.foreground.any()
    assert not result.ious.any()
    inside = ((CENTRES > 8) & (CENTRES < 24)).all(axis=1)  # 12 and 20 in x and y, of level 8
    np.testing.assert_array_equal(result.ignored, inside)
    assert inside.sum() == 4


def test_foreground_is_not_ignored():
    predicted = around(CENTRES, 16.0)
    result = assign(predicted, [[12, 12, 28, 28], [0, 0, 48, 48]], [1, 0], ignore=[False, True])
    assert result.foreground.any()
    np.testing.assert_array_equal(result.ignored, ~result.foreground)


def test_a_box_far_outside_the_image_takes_nothing():
    result = assign(around(CENTRES, 16.0), [[500, 500, 520, 520]], [0])
    assert not result.foreground.any()


def random_case(rng, images, rows):
    predicted = around(CENTRES, rng.uniform(4, 30, (images, COUNT, 1))) + rng.normal(0, 3, (images, COUNT, 4))
    centre, size = rng.uniform(-4, 52, (images, rows, 2)), rng.uniform(4, 40, (images, rows, 2))
    true_boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=-1)
    labels = np.where(rng.random((images, rows)) < 0.2, -1, rng.integers(0, 3, (images, rows)))
    ignore = (labels >= 0) & (rng.random((images, rows)) < 0.2)
    classes, objectness = rng.normal(0, 3, (images, COUNT, 3)), rng.normal(0, 3, (images, COUNT))
    floats = [values.astype(np.float32) for values in (predicted, classes, objectness, true_boxes)]
    return (*floats, labels.astype(np.int32), ignore)


def test_random_images_equal_a_loop():
    case = random_case(np.random.default_rng(0), 20, 8)
    results = zip(*(value.numpy() for value in run_case(*case)), strict=True)
    for result, row in zip(map(Assignment._make, results), zip(*case, strict=True), strict=True):
        chosen, overlaps = loop_assign(*row)
        points = np.flatnonzero(result.foreground)
        assert dict(zip(points, result.indices[points], strict=True)) == chosen
        np.testing.assert_allclose(result.ious[points], [overlaps[point] for point in points], rtol=1e-5)
        assert (result.indices[~result.foreground] == -1).all()
        assert not result.ious[~result.foreground].any()


def test_extreme_logits_are_safe():
    predicted, classes, objectness, *targets = random_case(np.random.default_rng(5), 20, 8)
    result = run_case(predicted, classes * 1e4, objectness * 1e4, *targets)
    usual = run_case(predicted, np.sign(classes) * 50, np.sign(objectness) * 50, *targets)
    assert np.isfinite(result.ious).all()
    assert result.foreground.numpy().sum(axis=1).tolist() == pytest.approx(usual.foreground.numpy().sum(axis=1), abs=3)


def test_in_a_graph_equal_to_eager_and_without_a_gradient():
    case = random_case(np.random.default_rng(6), 20, 8)

    @tf.function
    def step(predicted, *rest):
        with tf.GradientTape() as tape:
            tape.watch(predicted)
            result = run_case(predicted, *rest)
        assert tape.gradient(result.ious, predicted) is None
        return result

    for expected, actual in zip(run_case(*case), step(*case), strict=True):
        np.testing.assert_array_equal(expected, actual)


def test_no_rows():
    result = run_case(*random_case(np.random.default_rng(8), 2, 0))
    assert not result.foreground.numpy().any()
    assert not result.ignored.numpy().any()
    np.testing.assert_array_equal(result.indices, np.full((2, COUNT), -1))


def test_a_no_to_a_class_that_was_not_looked_for_costs_nothing():
    """The model sees class 1 where the box of class 0 is best, and not beside it; the overlaps are the same.

    Point 0 of the best ones costs more as long as class 1 was looked for.
    """
    box = np.float32([16, 16, 32, 32])
    predicted = np.tile(np.float32([0, 0, 1, 1]), (COUNT, 1))
    near = np.flatnonzero((np.abs(CENTRES[:36] - 24) < 8).all(axis=1))
    predicted[near] = [16, 16, 32, 24]  # IoU 1/2 each: one point is taken
    first, *_ = near
    classes = np.full((COUNT, 3), -4.0, np.float32)
    classes[first, :2] = [0.1, 6.0]
    classes[near[1:], 0] = 0.0
    case = predicted, classes, np.zeros(COUNT, np.float32), box[None], np.int32([0]), np.array([False])
    model, truth = [values[None] for values in case[:3]], [values[None] for values in case[3:]]
    with uncompiled():
        every = sim_ota(*model, CENTRES, POINT_STRIDES, *truth)
        looked_for = np.array([[True, False, True]])
        partly = sim_ota(*model, CENTRES, POINT_STRIDES, *truth, looked_for=looked_for)
    assert not every.foreground[0, first]
    assert partly.foreground[0, first]

"""Proposals and their samples: worked by hand, against plain loops on random cases, and compiled by XLA."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.proposals import Regions, propose_regions, sample_regions

SIDE = 64
EXTENTS = np.float32([[SIDE, SIDE]] * 2)


def overlap(a, b) -> float:
    """Return intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(0, width) * max(0, height)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def moved(anchor, deltas) -> list[float]:
    """Return the box that deltas make of an anchor, cut to the image."""
    width, height = anchor[2] - anchor[0], anchor[3] - anchor[1]
    x = (anchor[0] + anchor[2]) / 2 + deltas[0] * width
    y = (anchor[1] + anchor[3]) / 2 + deltas[1] * height
    width, height = width * np.exp(deltas[2]), height * np.exp(deltas[3])
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return [min(max(corner, 0), SIDE) for corner in corners]


def slow_proposals(anchors, objectness, deltas, levels, candidates, keep, confidence) -> list[list[float]]:
    """Return the best regions of each level of one image, without those that overlap a better one of their level."""
    kept, start = [], 0
    for count in levels:
        own = []
        rows = sorted(range(start, start + count), key=lambda row: -objectness[row])
        for row in rows[:candidates]:
            box = moved(anchors[row], deltas[row])
            narrow = min(box[2] - box[0], box[3] - box[1]) < 1e-3
            if narrow or 1 / (1 + np.exp(-objectness[row])) < confidence:
                continue
            if all(overlap(box, better) <= 0.7 for _, better in own):
                own.append((objectness[row], box))
        kept += own
        start += count
    return [box for _, box in sorted(kept, key=lambda pair: -pair[0])[:keep]]


@pytest.mark.parametrize("xla", [False, True])
def test_proposals_are_those_of_plain_loops(xla):
    levels, settings = (40, 15, 2), {"candidates": 20, "keep": 25, "confidence": 0.3}
    propose = tf.function(propose_regions, autograph=False, jit_compile=xla)
    random = np.random.default_rng(0)
    for _ in range(30):
        corner = random.uniform(-10, SIDE, [57, 2])
        anchors = np.concatenate([corner, corner + random.uniform(4, 40, [57, 2])], axis=1).astype(np.float32)
        objectness = random.normal(0, 2, [2, 57]).astype(np.float32)
        deltas = random.normal(0, 0.3, [2, 57, 4]).astype(np.float32)
        found = propose(
            tf.constant(anchors),
            tf.constant(objectness),
            tf.constant(deltas),
            tf.constant(EXTENTS),
            levels=levels,
            **settings,
        )
        assert found.boxes.shape == (2, 25, 4)
        for image in range(2):
            expected = slow_proposals(anchors, objectness[image], deltas[image], levels, **settings)
            assert list(found.valid[image]) == [True] * len(expected) + [False] * (25 - len(expected))
            np.testing.assert_allclose(found.boxes[image, : len(expected)], expected, atol=1e-4)


def test_levels_do_not_compete():
    anchors, deltas = np.float32([[0, 0, 10, 10]] * 3), np.zeros([1, 3, 4], np.float32)
    scores = np.float32([[1, 2, 3]])
    first = (anchors, scores, deltas, EXTENTS[:1])
    assert list(propose_regions(*first, levels=(2, 1), keep=3).valid[0]) == [True, True, False]
    assert list(propose_regions(*first, levels=(3,), keep=3).valid[0]) == [True, False, False]


def test_regions_end_where_their_picture_does():
    anchors, deltas = np.float32([[10, 20, 60, 60]]), np.zeros([2, 1, 4], np.float32)
    regions = propose_regions(anchors, np.float32([[1]] * 2), deltas, np.float32([[30, 40], [50, 64]]), levels=(1,))
    assert regions.boxes[:, 0].numpy().tolist() == [[10, 20, 40, 30], [10, 20, 60, 50]]


def test_no_gradient_flows():
    objectness, deltas = tf.zeros([1, 2]), tf.zeros([1, 2, 4])
    with tf.GradientTape() as tape:
        tape.watch([objectness, deltas])
        anchors = np.float32([[0, 0, 10, 10], [20, 20, 40, 40]])
        regions = propose_regions(anchors, objectness, deltas, EXTENTS[:1], levels=(2,))
        total = tf.reduce_sum(regions.boxes)
    assert all(gradient is None or not np.any(gradient) for gradient in tape.gradient(total, [objectness, deltas]))


TRUE = [[0, 0, 10, 10], [30, 30, 50, 50], [0, 0, 0, 0]]  # the last row is padding
NEAR = [[0, 0, 10, 11 + n / 10] for n in range(6)]  # IoU with the first true box above 0.5
FAR = [[12, n, 20, n + 9] for n in range(20)]


def sample(boxes, size, *, ignore=(False, False, False), valid=None, seed=(0, 0), xla=False) -> Regions:
    """Sample from the proposals `boxes` of one image; up to a quarter may be positive."""
    valid = [True] * len(boxes) if valid is None else valid
    draw = tf.function(sample_regions, autograph=False, jit_compile=xla)
    return draw(
        Regions(tf.constant([boxes], tf.float32, [1, len(boxes), 4]), tf.constant([valid], tf.bool, [1, len(boxes)])),
        tf.constant([TRUE], tf.float32),
        tf.constant([[0, 1, -1]]),
        tf.constant([ignore]),
        size=size,
        seed=tf.constant(seed),
    )


def drawn(regions: Regions) -> list[tuple[float, ...]]:
    return [tuple(box) for box, valid in zip(regions.boxes[0].numpy().tolist(), regions.valid[0], strict=True) if valid]


@pytest.mark.parametrize("xla", [False, True])
def test_a_quarter_may_be_positive(xla):
    regions = sample(NEAR + FAR, 16, xla=xla)
    boxes = drawn(regions)
    assert len(boxes) == len(set(boxes)) == 16
    positive = [box for box in boxes if any(overlap(box, true) >= 0.5 for true in TRUE[:2])]
    assert len(positive) == 4
    assert set(boxes) <= {tuple(map(float, box)) for box in np.float32(NEAR + FAR + TRUE[:2]).tolist()}


def test_true_boxes_are_regions_too():
    assert (30, 30, 50, 50) in drawn(sample(FAR, 16))
    assert drawn(sample([], 16)) == [(0, 0, 10, 10), (30, 30, 50, 50)]


def test_ignored_boxes_are_no_regions_and_nothing_within_them_is_negative():
    boxes = drawn(sample([*FAR, [32, 32, 38, 38]], 64, ignore=(False, True, False)))
    assert sorted(boxes) == sorted([(0, 0, 10, 10), *map(tuple, FAR)])


def test_padding_is_never_drawn():
    regions = sample(FAR, 64, valid=[True] * 5 + [False] * 15)
    assert regions.boxes.shape[1] == 23  # there are no more rows than proposals and true boxes
    assert sorted(drawn(regions)) == sorted([(0, 0, 10, 10), (30, 30, 50, 50), *map(tuple, FAR[:5])])


def test_seeds_decide():
    first, again, other = (drawn(sample(NEAR + FAR, 16, seed=seed)) for seed in ((0, 1), (0, 1), (0, 2)))
    assert first == again
    assert first != other

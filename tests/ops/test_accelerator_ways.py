"""What an accelerator computes in another way has the same result: traced for an accelerator, run on this machine."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from detect.ops import matching, visiting
from detect.ops.assignment import sim_ota
from detect.ops.atss import assign_atss
from detect.ops.centre_sampling import assign_points
from detect.ops.compiling import Runtime
from detect.ops.matching import match_by_iou, match_default_boxes
from detect.ops.nms import non_maximum_suppression
from detect.ops.roi_align import pyramid_roi_align
from detect.ops.visiting import largest_in_rows

SIDE, STRIDES, CLASSES = 128, (8, 16, 32), 5


def random_boxes(random: np.random.Generator, *shape: int) -> np.ndarray:
    corners = np.sort(random.uniform(0, SIDE, (*shape, 2, 2)), axis=-2)
    return corners.reshape(*shape, 4).astype(np.float32)


def cells() -> tuple[np.ndarray, np.ndarray]:
    """Return points [A, 2] and strides [A] of a small pyramid."""
    points = [np.stack(np.meshgrid(*[(np.arange(SIDE // s) + 0.5) * s] * 2), axis=-1).reshape(-1, 2) for s in STRIDES]
    reach = np.repeat(STRIDES, [len(each) for each in points])
    return np.concatenate(points).astype(np.float32), reach.astype(np.float32)


def truth(random: np.random.Generator, images: int, boxes: int) -> dict[str, np.ndarray]:
    labels = random.integers(0, CLASSES, (images, boxes), np.int32)
    labels[np.arange(boxes) >= boxes - np.arange(images)[:, None]] = -1  # none, one, two padded rows
    return {
        "boxes": random_boxes(random, images, boxes),
        "labels": labels,
        "ignore": random.random((images, boxes)) < 0.1,
    }


def anchored(operation: Callable, **options) -> Callable:
    def run(random: np.random.Generator, runtime: Runtime):
        return operation(random_boxes(random, 336), **options, **truth(random, 3, 12), runtime=runtime)

    return run


def by_points(random: np.random.Generator, runtime: Runtime):
    points, strides = cells()
    ranges = np.stack([strides * 0, strides * 8], axis=-1)
    return assign_points(points, strides, ranges, **truth(random, 3, 12), runtime=runtime)


def by_cost(random: np.random.Generator, runtime: Runtime):
    points, strides = cells()
    objects = truth(random, 3, 12)
    return sim_ota(
        random_boxes(random, 3, len(points)),
        random.normal(size=(3, len(points), CLASSES)).astype(np.float32),
        random.normal(size=(3, len(points))).astype(np.float32),
        points,
        strides,
        objects["boxes"],
        objects["labels"],
        objects["ignore"],
        runtime=runtime,
    )


def suppression(random: np.random.Generator, runtime: Runtime):
    boxes, scores = random_boxes(random, 3, 200), random.random((3, 200, CLASSES)).astype(np.float32)
    scores = np.round(scores, 2)  # so that some are equal
    options = {"iou": 0.5, "confidence": 0.3, "max_detections": 50, "candidates": 150}
    return non_maximum_suppression(boxes, scores, **options, runtime=runtime)


def suppression_of_one(random: np.random.Generator, runtime: Runtime):
    boxes, scores = random_boxes(random, 1, 200), random.random((1, 200, CLASSES)).astype(np.float32)
    options = {"iou": 0.5, "confidence": 0.3, "max_detections": 50, "candidates": 60, "levels": (150, 50)}
    return non_maximum_suppression(boxes, np.round(scores, 2), **options, runtime=runtime)


OPERATIONS = {
    "match_by_iou": anchored(match_by_iou),
    "match_default_boxes": anchored(match_default_boxes),
    "assign_atss": anchored(assign_atss, levels=(256, 64, 16)),
    "assign_points": by_points,
    "sim_ota": by_cost,
    "non_maximum_suppression": suppression,
    "non_maximum_suppression of one image": suppression_of_one,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_both_ways_agree(name, monkeypatch):
    """All seeds in one test: one worker compiles an operation for them once."""
    monkeypatch.setattr(visiting, "AT_ONCE", 5)  # more than two turns: in a loop
    for seed in range(3):
        expected, found = (OPERATIONS[name](np.random.default_rng(seed), way) for way in ("local", "accelerator"))
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, err_msg=f"seed {seed}")
        assert any(np.unique(each).size > 2 for each in expected)


@pytest.mark.parametrize("operation", [match_by_iou, match_default_boxes])
@pytest.mark.parametrize("boxes", [0, 1, 12])
def test_matching_without_a_loop(operation, boxes, monkeypatch):
    """In two turns of 6 boxes, each in groups of 4 and 2."""
    monkeypatch.setattr(visiting, "AT_ONCE", 8)
    monkeypatch.setattr(matching, "GROUP", 4)
    random = np.random.default_rng(3)
    anchors, objects = random_boxes(random, 200), truth(random, 2, boxes)
    expected, found = (operation(anchors, **objects, runtime=way) for way in ("local", "accelerator"))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def regions(random: np.random.Generator, kind: str) -> np.ndarray:
    boxes = {
        "all sizes": random_boxes(random, 2, 20),
        "outside": random_boxes(random, 2, 20) + np.float32(random.choice([-1, 1], (2, 20, 1)) * SIDE),
        "of one level": np.tile(np.float32([8, 8, 30, 30]), (2, 20, 1)),
        "none": np.zeros((2, 0, 4), np.float32),
        "empty": np.zeros((2, 5, 4), np.float32),
    }
    return boxes[kind]


@pytest.mark.parametrize("kind", ["all sizes", "outside", "of one level", "none", "empty"])
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_roi_align_and_its_gradient(kind, dtype):
    random = np.random.default_rng(0)
    levels = [tf.cast(random.normal(size=(2, SIDE // s, SIDE // s, 3)), dtype) for s in STRIDES]
    boxes, results = tf.constant(regions(random, kind)), []
    for way in ("local", "accelerator"):
        with tf.GradientTape() as tape:
            tape.watch(levels)
            bins = pyramid_roi_align(
                levels, boxes, strides=STRIDES, size=(2, 3), canonical_level=4, canonical_size=32, runtime=way
            )
            total = tf.reduce_sum(tf.cast(bins, tf.float32) ** 2)
        results.append([bins, *tape.gradient(total, levels)])
    for one, other in zip(*results, strict=True):
        assert one.dtype == other.dtype == dtype
        tolerance = 1e-5 if dtype == tf.float32 else 2**-7
        np.testing.assert_allclose(tf.cast(one, tf.float32), tf.cast(other, tf.float32), rtol=tolerance, atol=tolerance)
    if kind == "all sizes":
        assert all(np.any(level.numpy() != 0) for level in results[0])


def test_the_largest_of_rows_with_equals():
    values = tf.constant([[[3.0, 5, 5, -1, 5], [-2, -2, -9, 0, -2]]])
    largest, positions = largest_in_rows(values, 4, runtime="accelerator")
    np.testing.assert_array_equal(largest, [[[5, 5, 5, 3], [0, -2, -2, -2]]])
    np.testing.assert_array_equal(positions, [[[1, 2, 4, 0], [3, 0, 1, 4]]])

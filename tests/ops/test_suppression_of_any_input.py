"""All ways to suppress against one plain loop, on inputs with NaN, infinities, ties, flipped, tiny and huge boxes."""

import numpy as np
import pytest
import tensorflow as tf

from detect.artefacts.client_suppression import best_detections
from detect.models.suppression import Suppression
from detect.ops.compiling import fused
from detect.ops.nms import combined_suppression, non_maximum_suppression, suppress
from detect.ops.soft_suppression import matrix_nms, soft_nms
from detect.structures import Candidates

IMAGES, BOXES, CLASSES = 10_000, 7, 2
LIMITS = {"iou": 0.5, "confidence": 0.2, "max_detections": 4}
CANDIDATES = 9
STRANGE = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-30, 0, -0.0], np.float32)


@pytest.fixture(scope="module")
def inputs():
    """Boxes [I, A, 4] of one neighbourhood and scores [I, A, K] of few levels, an eighth of all of them strange."""
    rng = np.random.default_rng(0)
    corner, size = rng.uniform(0, 9, (IMAGES, BOXES, 2)), rng.choice([1e-4, 1, 7, 9, 4000], (IMAGES, BOXES, 2))
    boxes = np.concatenate([corner, corner + size], axis=2).astype(np.float32)
    boxes[:, 1] = boxes[:, 0]
    flipped = rng.random((IMAGES, BOXES)) < 0.1
    boxes[flipped] = boxes[flipped][:, [2, 3, 0, 1]]
    scores = (rng.integers(0, 8, (IMAGES, BOXES, CLASSES)) / 8).astype(np.float32)
    for values in (boxes, scores):
        strange = (rng.random(IMAGES) < 0.25).reshape(-1, 1, 1) & (rng.random(values.shape) < 0.1)
        values[strange] = rng.choice(STRANGE, strange.sum())
    return boxes, scores


def loop(boxes, scores):
    """Return the detections of one image as rows [n, 6]: box, score, label. Everything is float32, as in the ways."""
    pairs = sorted(
        (-scores[a, k], a, k)
        for a in range(BOXES)
        for k in range(CLASSES)
        if scores[a, k] > LIMITS["confidence"] and np.isfinite(scores[a, k]) and np.isfinite(boxes[a]).all()
    )
    kept = []
    for negated, a, k in pairs[:CANDIDATES]:
        box = np.clip(boxes[a], -1e9, 1e9)
        box = np.array([*box[:2], *np.maximum(box[:2], box[2:])], np.float32)
        if not any(label == k and loop_iou(box, other) > np.float32(LIMITS["iou"]) for other, _, label in kept):
            kept.append((box, -negated, k))
    return kept[: LIMITS["max_detections"]]


def loop_iou(a, b):
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if width <= 0 or height <= 0:
        return np.float32(0)
    first, second = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    union = first + second - width * height
    return width * height / union if union > 0 else np.float32(0)


@pytest.fixture(scope="module")
def expected(inputs):
    """What the loop finds: boxes [I, D, 4], scores [I, D] and labels [I, D], padded."""
    most = LIMITS["max_detections"]
    found = np.zeros((IMAGES, most, 4), np.float32), np.zeros((IMAGES, most), np.float32), np.full((IMAGES, most), -1)
    for image, (boxes, scores) in enumerate(zip(*inputs, strict=True)):
        for place, row in enumerate(loop(boxes, scores)):
            for part, value in zip(found, row, strict=True):
                part[image, place] = value
    assert 2 < (found[2] >= 0).sum() / IMAGES < 4
    return found


def check(found, expected):
    for actual, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(actual, right)


@pytest.mark.parametrize("runtime", ["local", "portable", "accelerator"])
def test_kernel_and_fixed_point(inputs, expected, runtime):
    check(non_maximum_suppression(*inputs, **LIMITS, candidates=CANDIDATES, runtime=runtime), expected)


def test_whole_under_xla(inputs, expected):
    step = fused(lambda boxes, scores: non_maximum_suppression(boxes, scores, **LIMITS, candidates=CANDIDATES))
    check(step(*inputs), expected)


@pytest.mark.slow
def test_loop_of_a_minimal_runtime(inputs, expected):
    def of_image(image):
        boxes, scores = (part[None] for part in image)
        found = non_maximum_suppression(boxes, scores, **LIMITS, candidates=CANDIDATES, runtime="minimal")
        return tuple(part[0] for part in found)

    types = (tf.float32, tf.float32, tf.int32)
    check(
        tf.function(lambda: tf.map_fn(of_image, tuple(map(tf.constant, inputs)), fn_output_signature=types))(), expected
    )


def test_clients(inputs, expected):
    extents = np.full((IMAGES, 2), 1e9, np.float32)
    rules = Suppression(max_detections=LIMITS["max_detections"], candidates=CANDIDATES, clips_first=False)
    boxes, scores, labels = best_detections(Candidates(*inputs), extents, rules, LIMITS["confidence"], LIMITS["iou"])
    check((boxes, scores, labels), (np.maximum(expected[0], 0), *expected[1:]))


def test_one_operation_for_all_candidates(inputs):
    """It has no limit of candidates, and ranks equal scores otherwise: there are none here."""
    boxes, scores = inputs
    order = np.random.default_rng(1).permutation(scores.size).reshape(scores.shape) / scores.size
    scores = np.where(np.isfinite(scores), order, scores).astype(np.float32)
    found = combined_suppression(boxes, scores, **LIMITS)
    check(found, non_maximum_suppression(boxes, scores, **LIMITS, candidates=BOXES * CLASSES))


def test_proposals_are_the_same_on_all_devices(inputs):
    boxes, scores = inputs[0], inputs[1][:, :, 0]
    ways = [suppress(boxes, scores, iou=0.5, keep=4, runtime=runtime) for runtime in ("local", "accelerator")]
    check(*ways)
    assert np.isfinite(ways[0][0]).all()
    assert np.isfinite(ways[0][1]).all()


@pytest.mark.parametrize("way", [soft_nms, matrix_nms])
def test_what_is_not_finite_costs_the_others_nothing(inputs, way):
    """Where it is left out beforehand, the same boxes have the same scores."""
    boxes, scores = inputs
    bad = ~np.isfinite(boxes).all(axis=2)[..., None] | ~np.isfinite(scores)
    without = np.where(np.isfinite(boxes).all(axis=2)[..., None], boxes, 0), np.where(bad, 0, scores)
    options = {"confidence": 0.2, "max_detections": 4, "candidates": CANDIDATES}
    found = way(boxes, scores, **options)
    check(found, way(*without, **options))
    check(found, fused(lambda boxes, scores: way(boxes, scores, **options))(boxes, scores))


def test_classes_do_not_touch_each_other_however_many_and_large():
    """With 365 classes in an image of 4,000 px, places for each class would be a million pixels away."""
    rng = np.random.default_rng(0)
    corner, size = rng.uniform(0, 3900, (1, 60, 2)), rng.uniform(20, 99, (1, 60, 2))
    boxes = np.concatenate([corner, corner + size], axis=2)
    boxes = np.concatenate([boxes, boxes + rng.normal(0, 0.06 * size.mean(), boxes.shape)], axis=1).astype(np.float32)
    scores = rng.random((1, 120, 365)).astype(np.float32) ** 9
    options = {"iou": 0.7, "confidence": 0.01, "max_detections": 300, "candidates": 1000}
    found = non_maximum_suppression(boxes, scores, **options)
    for runtime in ("minimal", "accelerator"):
        check(non_maximum_suppression(boxes, scores, **options, runtime=runtime), found)


@pytest.mark.parametrize("way", [non_maximum_suppression, soft_nms, matrix_nms, combined_suppression])
def test_no_detections_cannot_be_asked_for(inputs, way):
    options = {"iou": 0.5} if way in (non_maximum_suppression, combined_suppression) else {}
    options |= {} if way is combined_suppression else {"candidates": 5}
    with pytest.raises(ValueError, match="expected room for 1 detection or more, got 0"):
        way(*(part[:1] for part in inputs), confidence=0.2, max_detections=0, **options)

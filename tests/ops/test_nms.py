"""Non-maximum suppression: the kernel and the fixed point against a plain greedy loop."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops import nms
from detect.ops.boxes import iou as pairwise_iou
from detect.ops.candidates import best_pairs
from detect.ops.compiling import fused
from detect.ops.nms import combined_suppression, non_maximum_suppression, suppress

OPTIONS = {"iou": 0.5, "confidence": 0.1, "max_detections": 6, "candidates": 30}
A, NEARLY_A, OTHER = [0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 9.0], [20.0, 0.0, 30.0, 10.0]


@pytest.fixture(params=["portable", "accelerator"])
def runtime(request):
    """Runs a test once with the kernel and once with the fixed point, whatever the machine has."""
    return request.param


def detect(boxes, scores, **options):
    """Suppress in a graph, whose shapes are static."""
    return tf.function(lambda: non_maximum_suppression(boxes, scores, **{**OPTIONS, **options}))()


def loop_candidates(scores, candidates, levels):
    """The best pairs of one image, level by level: rows of (-score, box, class), best first."""
    pairs, start = [], 0
    for length in levels or (len(scores),):
        level = [(-scores[a, k], a, k) for a in range(start, start + length) for k in range(scores.shape[1])]
        pairs += sorted(level)[:candidates]
        start += length
    return sorted(pairs)


def loop_detect(boxes, overlaps, scores, iou, confidence, max_detections, candidates, levels=None, of_class=99):
    """Greedy suppression of one image: rows of (box, score, label). `overlaps` [A, K, A, K] are of all pairs."""
    kept, seen = [], [0] * scores.shape[1]
    for negated, a, k in loop_candidates(scores, candidates, levels):
        seen[k] += 1
        if (
            -negated > confidence
            and seen[k] <= of_class
            and all(overlaps[a, k, b, c] <= iou for _, b, c in kept if c == k)
        ):
            kept.append((negated, a, k))
    return [(boxes[a, k], -negated, k) for negated, a, k in kept[:max_detections]]


def check_equals_loop(boxes, scores, runtime, **options):
    """`boxes` of one class for all, [B, A, 4], or for each class, [B, A, K, 4]."""
    options = {**OPTIONS, **options}
    found = detect(boxes, scores, **options, runtime=runtime)
    by_class = np.broadcast_to(boxes.reshape(*boxes.shape[:2], -1, 4), (*scores.shape, 4))
    flat = by_class.reshape(len(boxes), -1, 4)
    overlaps = pairwise_iou(flat, flat).numpy().reshape(*scores.shape, *scores.shape[1:])
    kept, best, labels = (np.zeros_like(value) for value in found)
    labels -= 1
    for b in range(len(boxes)):
        for d, row in enumerate(loop_detect(by_class[b], overlaps[b], scores[b], **options)):
            kept[b, d], best[b, d], labels[b, d] = row
    for actual, expected in zip(found, (kept, best, labels), strict=True):
        np.testing.assert_array_equal(actual, expected)


def random_case(rng, images, anchors, classes, levels):
    """Boxes in clusters; scores of few levels, so that ties are common."""
    centre = rng.choice([20.0, 50.0, 80.0], (images, anchors, 2)) + rng.normal(0, 4, (images, anchors, 2))
    size = rng.uniform(10, 30, (images, anchors, 2))
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=-1)
    scores = rng.integers(0, levels, (images, anchors, classes)) / levels
    return boxes.astype(np.float32), scores.astype(np.float32)


def test_by_hand(runtime):
    found = detect([[A, NEARLY_A, OTHER]], [[[0.8], [0.9], [0.3]]], runtime=runtime)
    np.testing.assert_array_equal(found.labels, [[0, 0, -1, -1, -1, -1]])
    np.testing.assert_allclose(found.scores, [[0.9, 0.3, 0, 0, 0, 0]])
    np.testing.assert_array_equal(found.boxes[0, :3], [NEARLY_A, OTHER, [0, 0, 0, 0]])


def test_classes_do_not_suppress_each_other(runtime):
    found = detect([[A, NEARLY_A]], [[[0.8, 0.2], [0.3, 0.7]]], runtime=runtime)
    np.testing.assert_array_equal(found.labels, [[0, 1, -1, -1, -1, -1]])
    np.testing.assert_array_equal(found.boxes[0, :2], [A, NEARLY_A])


def test_a_suppressed_box_suppresses_nothing(runtime):
    # A chain: each overlaps the next by 2/3 and the one after by 3/7.
    chain = [[[0.0, 0.0, 10.0, 10.0], [2.0, 0.0, 12.0, 10.0], [4.0, 0.0, 14.0, 10.0]]]
    found = detect(chain, [[[0.9], [0.8], [0.7]]], runtime=runtime)
    np.testing.assert_array_equal(found.boxes[0, :2], [chain[0][0], chain[0][2]])


def test_equal_scores_rank_by_box_then_class(runtime):
    found = detect([[A, OTHER, NEARLY_A]], [[[0.5, 0.5]] * 3], runtime=runtime)
    np.testing.assert_array_equal(found.labels, [[0, 1, 0, 1, -1, -1]])
    np.testing.assert_array_equal(found.boxes[0, :4], [A, A, OTHER, OTHER])


def test_thresholds_are_strict_and_may_be_tensors(runtime):
    half = [0.0, 0.0, 10.0, 5.0]  # overlaps A by exactly 0.5
    options = {"iou": tf.constant(0.5), "confidence": tf.constant(0.25)}
    found = detect([[A, half, OTHER]], [[[0.75], [0.5], [0.25]]], **options, runtime=runtime)
    np.testing.assert_array_equal(found.labels, [[0, 0, -1, -1, -1, -1]])


@pytest.mark.parametrize(("classes", "levels"), [(1, 1000), (3, 1000), (3, 8)])
def test_random_boxes_equal_a_loop(runtime, classes, levels):
    check_equals_loop(*random_case(np.random.default_rng(levels), 20, 60, classes, levels), runtime=runtime)


def test_thousands_of_random_images_equal_a_loop(runtime):
    check_equals_loop(*random_case(np.random.default_rng(3), 1000, 10, 2, 20), candidates=15, runtime=runtime)


def test_candidates_count_for_each_level(runtime):
    # The best two of the first level, both A; of the second the best two of three others.
    boxes = [[A, A, A, OTHER, [40.0, 0.0, 50.0, 10.0], [60.0, 0.0, 70.0, 10.0]]]
    scores = [[[0.9], [0.8], [0.7], [0.6], [0.4], [0.5]]]
    found = detect(boxes, scores, candidates=2, runtime=runtime)
    np.testing.assert_allclose(found.scores, [[0.9, 0, 0, 0, 0, 0]])
    found = detect(boxes, scores, candidates=2, levels=(3, 3), runtime=runtime)
    np.testing.assert_allclose(found.scores, [[0.9, 0.6, 0.5, 0, 0, 0]])


@pytest.mark.parametrize("levels", [(6, 3, 1), (1, 9), (10,), (0, 10)])
def test_levels_of_random_images_equal_a_loop(runtime, levels):
    check_equals_loop(
        *random_case(np.random.default_rng(4), 300, 10, 3, 20), candidates=5, levels=levels, runtime=runtime
    )


def test_candidates_of_a_class_by_hand(runtime):
    # Of the first class the best two enter, both A; of the second the only one.
    scores = [[[0.9, 0.0], [0.8, 0.0], [0.7, 0.2]]]
    found = detect([[A, A, OTHER]], scores, of_class=2, runtime=runtime)
    np.testing.assert_array_equal(found.labels[0, :3], [0, 1, -1])
    found = detect([[A, A, OTHER]], scores, of_class=3, runtime=runtime)
    np.testing.assert_array_equal(found.labels[0, :4], [0, 0, 1, -1])


def test_candidates_of_a_class_of_random_images_equal_a_loop(runtime):
    check_equals_loop(
        *random_case(np.random.default_rng(12), 300, 10, 3, 20), candidates=20, of_class=4, runtime=runtime
    )


def test_a_box_for_each_class(runtime):
    # One anchor whose boxes of two classes differ, and another that only the box of its second class overlaps.
    boxes = [[[A, OTHER], [OTHER, OTHER]]]
    found = detect(boxes, [[[0.9, 0.8], [0.7, 0.6]]], runtime=runtime)
    np.testing.assert_array_equal(found.labels, [[0, 1, 0, -1, -1, -1]])
    np.testing.assert_array_equal(found.boxes[0, :3], [A, OTHER, OTHER])


def test_random_boxes_for_each_class_equal_a_loop(runtime):
    boxes, _ = random_case(np.random.default_rng(5), 300, 30, 1, 20)
    _, scores = random_case(np.random.default_rng(6), 300, 10, 3, 20)
    check_equals_loop(boxes.reshape(300, 10, 3, 4), scores, candidates=20, runtime=runtime)
    check_equals_loop(boxes.reshape(300, 10, 3, 4), scores, candidates=8, levels=(7, 3), runtime=runtime)


@pytest.mark.parametrize("tile", [1, 16])
def test_tiles_of_the_fixed_point_change_nothing(monkeypatch, tile):
    boxes, scores = random_case(np.random.default_rng(7), 50, 40, 2, 50)
    options = [{"candidates": 80, "max_detections": most} for most in (6, 100)]
    whole = [detect(boxes, scores, **choice, runtime="accelerator") for choice in options]
    monkeypatch.setattr(nms, "TILE", tile)
    monkeypatch.setattr(nms, "_keep_by_fixed_point", fused(nms._keep_by_fixed_point.__wrapped__))  # compiled anew
    for expected, choice in zip(whole, options, strict=True):
        np.testing.assert_array_equal(detect(boxes, scores, **choice, runtime="accelerator").boxes, expected.boxes)


def test_fewer_pairs_than_candidates_or_detections(runtime):
    check_equals_loop(*random_case(np.random.default_rng(0), 3, 2, 2, 1000), candidates=500, runtime=runtime)


def test_the_two_ways_agree_on_many_boxes():
    boxes, scores = random_case(np.random.default_rng(1), 4, 1500, 2, 50)
    options = {"iou": 0.6, "confidence": 0.05, "max_detections": 100, "candidates": 1000}
    found = (detect(boxes, scores, **options, runtime=runtime) for runtime in ("portable", "accelerator"))
    for kernel, fixed_point in zip(*found, strict=True):
        np.testing.assert_array_equal(kernel, fixed_point)


def test_nothing_above_the_confidence_and_no_anchors(runtime):
    for anchors in (0, 4):
        found = detect(
            np.ones((2, anchors, 4), np.float32), np.zeros((2, anchors, 3), np.float32), confidence=0.0, runtime=runtime
        )
        np.testing.assert_array_equal(found.labels, np.full((2, 6), -1))
        assert found.boxes.shape == (2, 6, 4)
        assert not found.scores.numpy().any()


def test_eager_equals_graph():
    boxes, scores = random_case(np.random.default_rng(2), 3, 40, 3, 1000)
    for eager, graph in zip(non_maximum_suppression(boxes, scores, **OPTIONS), detect(boxes, scores), strict=True):
        np.testing.assert_array_equal(eager, graph)


def test_xla_equals_eager():
    boxes, scores = random_case(np.random.default_rng(8), 3, 40, 3, 1000)
    options = {**OPTIONS, "levels": (30, 10)}
    compiled = tf.function(lambda: non_maximum_suppression(boxes, scores, **options), jit_compile=True)()
    for eager, xla in zip(non_maximum_suppression(boxes, scores, **options), compiled, strict=True):
        np.testing.assert_array_equal(eager, xla)


def propose(boxes, scores, groups=None, iou=0.5, keep=4, runtime="local"):
    """Suppress in a graph, whose shapes are static."""
    return tf.function(lambda: suppress(boxes, scores, iou=iou, keep=keep, groups=groups, runtime=runtime))()


def test_proposals_by_hand(runtime):
    # Logits; a box of minus infinity would suppress the second.
    boxes, scores, valid = propose([[OTHER, NEARLY_A, A, A]], [[-2.0, -1.0, 3.0, -np.inf]], runtime=runtime)
    np.testing.assert_array_equal(valid, [[True, True, False, False]])
    np.testing.assert_array_equal(boxes, [[A, OTHER, [0] * 4, [0] * 4]])
    np.testing.assert_array_equal(scores, [[3, -2, 0, 0]])
    boxes, scores, valid = propose([[OTHER, NEARLY_A, A, A]], [[-2.0, -1.0, -np.inf, -np.inf]], runtime=runtime)
    np.testing.assert_array_equal(boxes, [[NEARLY_A, OTHER, [0] * 4, [0] * 4]])


def test_groups_of_proposals_do_not_compete(runtime):
    boxes, scores, _ = propose([[A, NEARLY_A, A]], [[1.0, 3.0, 2.0]], [[5, 0, 5]], runtime=runtime)
    np.testing.assert_array_equal(boxes, [[NEARLY_A, A, [0] * 4, [0] * 4]])
    np.testing.assert_array_equal(scores, [[3, 2, 0, 0]])


@pytest.mark.parametrize("keep", [4, 20])
def test_thousands_of_random_proposals_equal_detections_of_their_groups(runtime, keep):
    boxes, scores = random_case(np.random.default_rng(9), 1000, 12, 1, 20)
    groups = np.random.default_rng(10).integers(0, 3, (1000, 12)).astype(np.int32)
    columns = scores * np.eye(3, dtype=np.float32)[groups]  # a class for each group
    expected = detect(boxes, columns, max_detections=keep, candidates=36, confidence=0.0, runtime=runtime)
    scores = np.where(scores > 0, scores, -np.inf)[..., 0].astype(np.float32)
    found, found_scores, valid = propose(boxes, scores, groups, keep=keep, runtime=runtime)
    np.testing.assert_array_equal(found, expected.boxes)
    np.testing.assert_array_equal(found_scores, expected.scores)
    np.testing.assert_array_equal(valid, expected.labels >= 0)


def test_proposals_in_all_modes_and_of_nothing():
    boxes, scores = random_case(np.random.default_rng(11), 3, 30, 1, 1000)
    groups = np.arange(90, dtype=np.int32).reshape(3, 30) % 2
    plain, options = suppress(boxes, scores[..., 0], iou=0.5, keep=40, groups=groups), {"iou": 0.5, "keep": 40}
    for xla in (False, True):
        graph = tf.function(lambda: suppress(boxes, scores[..., 0], groups=groups, **options), jit_compile=xla)()
        for eager, compiled in zip(plain, graph, strict=True):
            np.testing.assert_array_equal(eager, compiled)
        nothing = tf.function(lambda: suppress(boxes[:, :0], scores[:, :0, 0], **options), jit_compile=xla)()
        assert [value.shape for value in nothing] == [(3, 40, 4), (3, 40), (3, 40)]
        assert not nothing[2].numpy().any()


def test_best_pairs_by_hand():
    scores = np.array([[[0.1, 0.9], [0.9, 0.2], [0.3, 0.4]]], np.float32)
    boxes, values, labels = best_pairs(tf.constant([[A, NEARLY_A, OTHER]]), tf.constant(scores), 3, None, 0.0)
    np.testing.assert_array_equal(boxes, [[A, NEARLY_A, OTHER]])
    np.testing.assert_array_equal(labels, [[1, 0, 1]])
    np.testing.assert_allclose(values, [[0.9, 0.9, 0.4]])
    boxes, values, labels = best_pairs(tf.constant([[A, NEARLY_A, OTHER]]), tf.constant(scores), 3, None, 0.5)
    np.testing.assert_array_equal(boxes, [[A, NEARLY_A]])
    np.testing.assert_allclose(values, [[0.9, 0.9]])


def test_all_boxes_in_one_operation():
    boxes, scores = random_case(np.random.default_rng(12), 3, 30, 4, 10**6)
    limits = {name: OPTIONS[name] for name in ("iou", "confidence", "max_detections")}
    graph = tf.function(lambda: combined_suppression(tf.constant(boxes), scores, **limits)).get_concrete_function()
    nodes = [node.op for node in graph.graph.as_graph_def().node]
    assert nodes.count("CombinedNonMaxSuppression") == 1
    assert "TopKV2" not in nodes
    for ours, theirs in zip(detect(boxes, scores, candidates=120), graph(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_all_boxes_in_one_operation_go_on_after_the_last_candidate():
    # Both of the best two boxes are A: of two candidates one box is left.
    boxes, scores = tf.constant([[A, NEARLY_A, OTHER]]), tf.constant([[[0.9], [0.8], [0.7]]])
    limited = detect(boxes, scores, candidates=2, max_detections=2)
    np.testing.assert_array_equal(limited.labels, [[0, -1]])
    found = combined_suppression(boxes, scores, iou=0.5, confidence=0.1, max_detections=2)
    np.testing.assert_array_equal(found.labels, [[0, 0]])
    np.testing.assert_array_equal(found.boxes, [[A, OTHER]])


def graph_for(runtime, boxes, scores):
    return tf.function(
        lambda: non_maximum_suppression(boxes, scores, **OPTIONS, runtime=runtime)
    ).get_concrete_function()


@pytest.mark.parametrize(
    ("runtime", "kernel"), [("portable", "CombinedNonMaxSuppression"), ("minimal", "StatelessWhile")]
)
def test_for_other_runtimes_the_devices_of_this_process_do_not_matter(monkeypatch, runtime, kernel):
    """Of equal scores the same ones stay."""
    monkeypatch.setattr("detect.ops.compiling.on_accelerator", lambda runtime="local": runtime != "portable")
    boxes, scores = random_case(np.random.default_rng(12), 1, 30, 4, 5)
    graph = graph_for(runtime, boxes, scores)
    nodes = graph.graph.as_graph_def()
    assert {"TopKV2", kernel} <= {node.op for node in nodes.node}
    assert "_XlaMustCompile" not in str(nodes)
    monkeypatch.undo()
    for ours, theirs in zip(detect(boxes, scores), graph(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("options", [{}, {"levels": (20, 10)}, {"of_class": 2}])
def test_a_minimal_runtime_gets_the_same_boxes_of_one_image(options):
    for seed in range(3):
        boxes, scores = random_case(np.random.default_rng(seed), 1, 30, 3, 20)
        check_equals_loop(boxes, scores, "minimal", **options)


def test_a_minimal_runtime_takes_one_image():
    with pytest.raises(ValueError, match="expected one image for a minimal runtime, got 3"):
        graph_for("minimal", *random_case(np.random.default_rng(0), 3, 30, 3, 20))


def test_shapes_are_static_where_the_inputs_are():
    graph = tf.function(lambda boxes, scores: non_maximum_suppression(boxes, scores, **OPTIONS))
    outputs = graph.get_concrete_function(tf.TensorSpec([2, 50, 4]), tf.TensorSpec([2, 50, 3])).structured_outputs
    assert [value.shape.as_list() for value in outputs] == [[2, 6, 4], [2, 6], [2, 6]]

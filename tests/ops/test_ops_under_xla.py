"""Every public operation is one computation under XLA; a function that is not is recognised."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from one_computation import check_one_computation

from detect import ops
from detect.ops import (
    activations,
    compiling,
    deformable,
    distribution_losses,
    losses,
    nms,
    proposals,
    roi_align,
    score_losses,
)

BOXES = tf.constant([[[4.0, 6, 40, 50], [30, 20, 44, 34], [0, 0, 0, 0]], [[8, 8, 24, 24], [0, 0, 0, 0], [0, 0, 0, 0]]])
LABELS = tf.constant([[2, 0, -1], [1, -1, -1]])
TRUTH = {"boxes": BOXES, "labels": LABELS, "ignore": tf.zeros([2, 3], tf.bool)}
ANCHORS = tf.constant([[0.0, 0, 32, 32], [32, 0, 64, 32], [0, 32, 32, 64], [32, 32, 64, 64], [0, 0, 64, 64]])
LEVELS = (4, 1)
POINTS, STRIDES = (ANCHORS[:, :2] + ANCHORS[:, 2:]) / 2, tf.constant([32.0, 32, 32, 32, 64])
PREDICTED = tf.tile(ANCHORS[None], [2, 1, 1])  # [B, A, 4]
LOGITS = tf.reshape(tf.linspace(-3.0, 3.0, 30), [2, 5, 3])  # [B, A, K]
SCORES, OF_BOX = tf.sigmoid(LOGITS), LOGITS[..., 0]
INDICES = tf.constant([[0, -1, 1, -1, 2], [-1, -1, 0, 0, -1]])  # int32 [B, A]
POSITIVE = INDICES >= 0
SEED = tf.constant([0, 1])
EXTENTS = tf.constant([[64.0, 64], [48, 64]])
PYRAMID = [tf.ones([2, 8, 8, 4]), tf.ones([2, 4, 4, 4])]
REGIONS = proposals.Regions(PREDICTED, POSITIVE)
RELATIVE = PREDICTED / 64
PAIR = {"a": PREDICTED, "b": PREDICTED}
REGRESSION = {"predicted": PREDICTED, "true": PREDICTED}
CLASSIFICATION = {"logits": LOGITS, "labels": INDICES}
SUPPRESSION = {"boxes": PREDICTED, "scores": SCORES, "confidence": tf.constant(0.1), "max_detections": 3}
SET_MATCHING = {"logits": LOGITS, "boxes": PREDICTED / 64, "labels": LABELS, "true_boxes": BOXES / 64}
CORNERS = tf.reshape(tf.linspace(-3.0, 3.0, 200), [2, 5, 20])  # [B, A, 4 * n]
MATCHING = {"anchors": ANCHORS, **TRUTH}

# The arguments of every compiled operation, by module and name.
CASES: dict[str, dict] = {
    "assignment.sim_ota": {
        "boxes": PREDICTED,
        "class_logits": LOGITS,
        "objectness_logits": OF_BOX,
        "points": POINTS,
        "strides": STRIDES,
        "true_boxes": BOXES,
        "labels": LABELS,
        "ignore": TRUTH["ignore"],
    },
    "atss.assign_atss": {**MATCHING, "levels": LEVELS},
    "boxes.area": {"boxes": BOXES},
    "boxes.clip": {"boxes": BOXES, "extents": EXTENTS},
    "boxes.iou": PAIR,
    "boxes.intersection_over_area": PAIR,
    "boxes.paired_iou": PAIR,
    "boxes.giou": PAIR,
    "boxes.diou": PAIR,
    "boxes.ciou": PAIR,
    "centre_sampling.assign_points": {"points": POINTS, "strides": STRIDES, "ranges": tf.zeros([5, 2]), **TRUTH},
    "centre_sampling.centreness": {"distances": PREDICTED},
    "coding.encode_deltas": {"anchors": ANCHORS, "boxes": PREDICTED},
    "coding.decode_deltas": {"anchors": ANCHORS, "deltas": PREDICTED},
    "coding.encode_distances": {"boxes": PREDICTED, "points": POINTS, "strides": STRIDES},
    "coding.decode_distances": {"distances": PREDICTED, "points": POINTS, "strides": STRIDES},
    "coding.encode_yolox": {"boxes": PREDICTED, "points": POINTS, "strides": STRIDES},
    "coding.decode_yolox": {"raw": PREDICTED, "points": POINTS, "strides": STRIDES},
    "distributions.probabilities_by_side": {"logits": tf.reshape(LOGITS[:, :4], [2, 12]), "count": 3},
    "distributions.expected_distances": {"probabilities": LOGITS[:, :4], "values": np.float32([-1, 0, 1])},
    "distributions.moved_sides": {"boxes": RELATIVE, "distances": RELATIVE, "scale": 4.0},
    "distributions.distances_of": {"boxes": RELATIVE, "references": RELATIVE, "scale": 4.0},
    "hungarian.optimal_assignment": {"costs": LOGITS, "counts": tf.constant([3, 1])},
    "denoising.noisy_queries": {
        "boxes": BOXES / 64,
        "labels": LABELS,
        "real": LABELS >= 0,
        "luck": tf.fill([2, 8, 10], 0.4),
        "most": tf.constant(2),
        "classes": 3,
    },
    "denoising.may_attend": {"group": INDICES[0], "queries": 3},
    "distribution_losses.positions_among": {"distances": PREDICTED, "values": tf.linspace(0.0, 64.0, 5)},
    "distribution_losses.fine_grained_localization": {"logits": CORNERS, "positions": PREDICTED},
    "distribution_losses.distillation": {"logits": CORNERS, "teacher": CORNERS},
    "losses.sigmoid_focal": CLASSIFICATION,
    "losses.quality_focal": {**CLASSIFICATION, "quality": SCORES[..., 0]},
    "losses.varifocal": {**CLASSIFICATION, "quality": SCORES[..., 0]},
    "losses.softmax_cross_entropy": CLASSIFICATION,
    "losses.absence_loss": {"objectness": OF_BOX, "log_not_looked_for": -tf.abs(OF_BOX)},
    "losses.binary_cross_entropy": {"logits": LOGITS, "targets": SCORES},
    "losses.squared_iou_loss": REGRESSION,
    "losses.giou_loss": REGRESSION,
    "losses.diou_loss": REGRESSION,
    "losses.ciou_loss": REGRESSION,
    "losses.l1": REGRESSION,
    "losses.smooth_l1": REGRESSION,
    "losses.huber": REGRESSION,
    "losses.sum_where": {"mask": POSITIVE, "losses": OF_BOX},
    "matching.match_by_iou": MATCHING,
    "matching.match_default_boxes": MATCHING,
    "matching.match_bipartite": MATCHING,
    "matching.gather_rows": {"values": BOXES, "indices": INDICES},
    "nms.non_maximum_suppression": {
        **SUPPRESSION,
        "iou": tf.constant(0.5),
        "candidates": 4,
        "levels": LEVELS,
        "of_class": 2,
    },
    "nms.suppress": {"boxes": PREDICTED, "scores": OF_BOX, "iou": 0.5, "keep": 3, "groups": INDICES + 1},
    "proposals.propose_regions": {
        "anchors": ANCHORS,
        "objectness": OF_BOX,
        "deltas": PREDICTED,
        "extents": EXTENTS,
        "levels": LEVELS,
        "keep": 4,
    },
    "proposals.sample_regions": {"regions": REGIONS, **TRUTH, "size": 4, "seed": SEED},
    "ranking.best_detections": SUPPRESSION,
    "relative_boxes.to_corners": {"boxes": RELATIVE},
    "relative_boxes.from_corners": {"corners": RELATIVE},
    "relative_boxes.to_pixels": {"boxes": RELATIVE, "height": 64, "width": 48},
    "relative_boxes.from_pixels": {"boxes": PREDICTED, "height": 64, "width": 48},
    "relative_boxes.logit": {"probabilities": SCORES},
    "roi_align.level_of": {"boxes": BOXES, "strides": (8, 16)},
    "sampling.sample_balanced": {
        "candidates_positive": POSITIVE,
        "candidates_negative": ~POSITIVE,
        "size": 4,
        "positive_share": 0.5,
        "seed": SEED,
    },
    "sampling.hardest_negatives": {"losses": OF_BOX, "positive": POSITIVE, "negative": ~POSITIVE},
    "score_losses.held_varifocal": {**CLASSIFICATION, "quality": SCORES[..., 0]},
    "score_losses.matchability_aware": {**CLASSIFICATION, "quality": SCORES[..., 0]},
    "score_losses.iou_aware_cross_entropy": {**CLASSIFICATION, "quality": SCORES[..., 0]},
    "set_matching.matching_costs": SET_MATCHING,
    "set_matching.late_matching_costs": SET_MATCHING,
    "set_matching.corners_of": {"boxes": BOXES},
    "set_matching.boxes_of_queries": {"queries": LABELS, "count": 5},
    "set_matching.matching_union": {"indices": tf.stack([INDICES, INDICES])},
    "set_matching.in_ignored_regions": {
        "boxes": PREDICTED,
        "true_boxes": BOXES,
        "real": LABELS >= 0,
        "ignore": TRUTH["ignore"],
    },
    "soft_suppression.soft_nms": {**SUPPRESSION, "candidates": 4},
    "soft_suppression.matrix_nms": {**SUPPRESSION, "candidates": 4},
}


def compiled_operations() -> dict[str, Callable]:
    """Return the operations that a decorator of `compiling` made, which have `__wrapped__`, by module and name."""
    modules = [importlib.import_module(f"{ops.__name__}.{name}") for _, name, _ in pkgutil.iter_modules(ops.__path__)]
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isfunction(value) and hasattr(value, "__wrapped__") and value.__module__ == module.__name__
        if not name.startswith("_") and module is not compiling
    }


def under_xla(function: Callable) -> tf.types.experimental.PolymorphicFunction:
    return tf.function(function, autograph=False, jit_compile=True)


def test_every_compiled_operation_has_a_case():
    assert set(compiled_operations()) == set(CASES)


def test_every_compiled_operation_is_listed_in_the_docstring_of_the_package():
    listed = set(re.findall(r"\w+", ops.__doc__))
    assert not [name for name in CASES if not set(name.split(".")) <= listed]


@pytest.mark.parametrize("name", CASES)
def test_compiled_operations_are_one_computation(name):
    tensors = {argument: value for argument, value in CASES[name].items() if tf.is_tensor(tf.nest.flatten(value)[0])}
    constants = {argument: value for argument, value in CASES[name].items() if argument not in tensors}
    operation = compiled_operations()[name]
    check_one_computation(under_xla(lambda tensors: operation(**tensors, **constants)), tensors)


def with_gradient(function: Callable) -> Callable:
    """Return a function that gives the result and its gradient with respect to the first argument."""

    def value_and_gradient(first, *others):
        with tf.GradientTape() as tape:
            tape.watch(first)
            result = function(first, *others)
        return result, tape.gradient(result, first)

    return value_and_gradient


@pytest.mark.parametrize("activate", [activations.swish, activations.hard_swish, activations.hard_sigmoid])
def test_activations_are_one_computation_there_and_back(activate):
    check_one_computation(under_xla(with_gradient(activate)), LOGITS)


def test_losses_with_gradients_of_their_own_are_one_computation_there_and_back():
    check_one_computation(under_xla(with_gradient(losses.sigmoid_focal)), LOGITS, INDICES)
    of_scores = score_losses.held_varifocal, score_losses.matchability_aware, score_losses.iou_aware_cross_entropy
    for function in (losses.quality_focal, losses.varifocal, *of_scores):
        check_one_computation(under_xla(with_gradient(function)), LOGITS, INDICES, OF_BOX)
    for function in (distribution_losses.distillation, distribution_losses.fine_grained_localization):
        positions = CORNERS if function is distribution_losses.distillation else PREDICTED
        check_one_computation(under_xla(with_gradient(function)), CORNERS, positions)


def test_pooling_of_regions_is_one_computation_there_and_back():
    def pool(levels, boxes):
        return roi_align.pyramid_roi_align(levels, boxes, strides=(8, 16), size=2)

    check_one_computation(under_xla(with_gradient(pool)), PYRAMID, BOXES)
    check_one_computation(
        under_xla(lambda *case: roi_align.roi_align(*case, stride=8, aligned=True)), PYRAMID[0], BOXES
    )


@pytest.mark.parametrize("method", ["bilinear", "discrete"])
def test_deformable_sampling_is_one_computation_there_and_back(method):
    def sample(memory, locations, weights):
        return deformable.deformable_sampling(memory, [(2, 2), (1, 1)], locations, weights, (2, 1), method)

    case = tf.ones([2, 5, 4]), tf.zeros([2, 3, 2, 3, 2]), tf.ones([2, 3, 2, 3])
    check_one_computation(under_xla(with_gradient(sample)), *case)


def test_suppression_of_many_boxes_is_one_computation():
    boxes, scores = tf.zeros([2, nms.TILE + 1, 4]), tf.zeros([2, nms.TILE + 1])
    check_one_computation(under_xla(lambda *case: nms.suppress(*case, iou=0.5, keep=9)), boxes, scores)


def square_by_numpy(values):
    return tf.numpy_function(np.square, [values], tf.float32)


def square_by_python(values):
    return tf.py_function(lambda number: number**2, [values], tf.float32)


def printed(values):
    tf.print(values)
    return values


@pytest.mark.parametrize("function", [square_by_numpy, square_by_python, printed])
def test_what_runs_on_the_host_is_found_out(function):
    with pytest.raises(AssertionError, match="left to Python"):
        check_one_computation(under_xla(function), tf.constant([1.0, 2.0]))


def places_of_positive(values):
    return tf.where(values > 0)


def sum_of_positive(values):
    """The result has a known shape, the values before the sum have not."""
    return tf.reduce_sum(tf.boolean_mask(values, values > 0))


@pytest.mark.parametrize("function", [places_of_positive, sum_of_positive])
def test_dynamic_shapes_are_found_out(function):
    with pytest.raises(AssertionError, match="of unknown size"):
        check_one_computation(under_xla(function), tf.constant([1.0, -2.0]))


def test_what_xla_does_not_know_is_found_out():
    with pytest.raises(ValueError, match="AsString"):
        check_one_computation(under_xla(lambda values: tf.strings.as_string(values)), tf.constant([1.0, 2.0]))

"""The choice of queries: first boxes by hand, and that the best tokens are chosen."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.query_selection import FAR, QuerySelection, first_boxes

SIZES = [(4, 6), (2, 3)]
MEMORY = np.random.RandomState(0).normal(size=[2, 30, 8]).astype(np.float32)


def test_first_boxes_by_hand():
    logits, seen = first_boxes(SIZES)
    boxes = tf.sigmoid(logits).numpy()
    np.testing.assert_allclose(boxes[0], [0.5 / 6, 0.5 / 4, 0.05, 0.05], rtol=1e-5)
    np.testing.assert_allclose(boxes[7], [1.5 / 6, 1.5 / 4, 0.05, 0.05], rtol=1e-5)
    np.testing.assert_allclose(boxes[24 + 5], [2.5 / 3, 1.5 / 2, 0.1, 0.1], rtol=1e-5)
    assert np.all(seen)


def test_tokens_at_the_edge_of_a_large_level_see_nothing():
    """With 64 rows, the centre of the first is at 1 / 128, nearer than 0.01 to the edge."""
    logits, seen = first_boxes([(64, 2)])
    np.testing.assert_array_equal(np.flatnonzero(~seen), [0, 1, 126, 127])
    np.testing.assert_array_equal(logits[0], [FAR] * 4)


@pytest.mark.parametrize(("queries", "expected"), [(7, 7), (300, 30)])
def test_the_tokens_with_the_best_scores_are_chosen(queries, expected):
    selection = QuerySelection(8, 3, queries)
    chosen = selection(MEMORY, sizes=SIZES)
    assert chosen.queries.shape == (2, expected, 8)
    every = selection.class_logits(selection.normalization(selection.projection(MEMORY)))
    for image in range(2):
        best = tf.reduce_max(every[image], axis=-1).numpy()
        order = np.argsort(-best)[:expected]
        np.testing.assert_allclose(chosen.class_logits[image], every.numpy()[image, order], rtol=1e-5)
        np.testing.assert_allclose(chosen.boxes[image], tf.sigmoid(first_boxes(SIZES)[0][order]), rtol=1e-5)


def test_tokens_may_be_chosen_as_they_are():
    selection = QuerySelection(8, 3, 7, projected=False)
    chosen = selection(MEMORY, sizes=SIZES)
    assert not [weight.path for weight in selection.weights if "normalization" in weight.path]
    scores = selection.class_logits(MEMORY).numpy().max(axis=-1)
    for image, queries in enumerate(chosen.queries):
        np.testing.assert_allclose(queries, MEMORY[image, np.argsort(-scores[image])[:7]])

"""D-FINE's decoder: what an untrained one says, how its layers build on each other, and what DEIMv2 has of it."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.refinement_decoder import RefinementDecoder
from detect.ops.distributions import expected_distances, moved_sides, probabilities_by_side

SIZES = [(4, 6), (2, 3)]
RANDOM = np.random.RandomState(0)
MEMORY = RANDOM.normal(size=[2, 30, 8]).astype(np.float32)
QUERIES = RANDOM.normal(size=[2, 5, 8]).astype(np.float32)
BOXES = RANDOM.uniform(0.2, 0.6, size=[2, 5, 4]).astype(np.float32)
INPUTS = {"queries": QUERIES, "boxes": BOXES, "memory": MEMORY, "sizes": SIZES}


@pytest.fixture(scope="module")
def decoder() -> RefinementDecoder:
    decoder = RefinementDecoder(8, 3, layers=2, heads=2, hidden=16, points=(2, 1), values=7, reach=0.5, scale=4.0)
    decoder(**INPUTS)  # makes its weights
    return decoder


def test_an_untrained_decoder_returns_the_boxes_that_it_is_given(decoder):
    """Distributions are even then, and the quality of a box adds nothing to its classes."""
    found = decoder(**INPUTS)
    np.testing.assert_allclose(found.references, BOXES, atol=1e-6)
    np.testing.assert_allclose(found.boxes, 3 * [BOXES], atol=1e-6)
    np.testing.assert_array_equal(found.corners, np.zeros([2, 2, 5, 28]))
    np.testing.assert_array_equal(found.class_logits[1], found.class_logits[0])


def test_a_layer_adds_to_the_logits_of_the_one_before(decoder):
    try:
        decoder.corners[0].layers[-1].bias.assign(np.arange(28))
        decoder.corners[1].layers[-1].bias.assign(np.arange(28)[::-1] / 2)
        found = decoder(**INPUTS)
    finally:
        for corners in decoder.corners:
            corners.layers[-1].bias.assign(np.zeros(28))
    first, second = found.corners
    np.testing.assert_allclose(first[0, 0], np.arange(28))
    np.testing.assert_allclose(second[0, 0], np.arange(28) + np.arange(28)[::-1] / 2)
    distances = expected_distances(probabilities_by_side(second, 7), decoder.values)
    np.testing.assert_allclose(found.boxes[2], moved_sides(found.references, distances, 4.0), atol=1e-6)


def test_no_gradient_flows_from_a_box_to_the_first_one(decoder):
    queries, boxes = tf.constant(QUERIES), tf.constant(BOXES)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(decoder(queries, boxes, MEMORY, sizes=SIZES).boxes[2])
    assert all(slope is None for slope in tape.gradient(loss, decoder.first_box.trainable_variables))


def test_the_quality_of_a_box_is_added_to_all_of_its_classes(decoder):
    try:
        decoder.quality[1].layers[-1].bias.assign([2])
        found = decoder(**INPUTS).class_logits[2]
    finally:
        decoder.quality[1].layers[-1].bias.assign([0])
    np.testing.assert_allclose(found, decoder(**INPUTS).class_logits[2] + 2, rtol=1e-5)


def test_a_revised_decoder_codes_the_first_boxes_only():
    decoder = RefinementDecoder(
        8, 3, 2, 2, hidden=16, points=(2, 1), values=7, reach=0.5, scale=4.0, gated=False, shared=True, revised=True
    )
    decoder(**INPUTS)
    decoder.first_box.layers[-1].bias.assign([1, 1, 1, 1])  # the second layer has other boxes than the first
    seen = []
    for layer in decoder.layers:
        layer.attention.call = lambda tokens, positions, attention_mask: seen.append(positions) or tokens
    found = decoder(**INPUTS)
    assert np.abs(found.boxes[1] - BOXES).max() > 0.1
    np.testing.assert_array_equal(seen[0], seen[1])


def test_layers_may_share_what_finds_their_distributions():
    """The second layer adds the same as the first one, where a bias is all there is."""
    options = {"hidden": 16, "points": (2, 1), "values": 7, "reach": 0.5, "scale": 4.0, "shared": True}
    decoder = RefinementDecoder(8, 3, 2, 2, **options)
    decoder(**INPUTS)
    decoder.corners[1].layers[-1].bias.assign(np.arange(28))
    first, second = decoder(**INPUTS).corners
    np.testing.assert_allclose(second, 2 * first)
    np.testing.assert_allclose(first[0, 0], np.arange(28))
    assert sum(weight.path.endswith("corners0/layer2/bias") for weight in decoder.weights) == 1

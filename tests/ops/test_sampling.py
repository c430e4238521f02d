"""Random and hardest samples: counts worked by hand, equal probabilities of candidates, and a plain loop."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.sampling import hardest_negatives, sample_balanced

SEED = np.array([1, 2], np.int32)


def candidates(positives, negatives, neither=0):
    """Return the candidates of one image: positives first, then negatives, then those that are neither."""
    kinds = np.repeat([1, 0, -1], [positives, negatives, neither])
    return kinds[None] == 1, kinds[None] == 0


def drawn(positive, negative, size, share, seed=SEED):
    """Return the numbers of positives and negatives of one image that are drawn."""
    result = sample_balanced(positive, negative, size, share, seed)
    assert not np.any(result[0] & ~positive)
    assert not np.any(result[1] & ~negative)
    return tuple(int(np.sum(part)) for part in result)


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [
        (20, 50, (4, 4)),  # plenty of both: half of 8 are positive
        (3, 50, (3, 5)),  # negatives take the places that positives leave
        (20, 2, (4, 2)),  # positives never fill the places of negatives
        (0, 50, (0, 8)),
        (20, 0, (4, 0)),
        (1, 1, (1, 1)),
        (0, 0, (0, 0)),
    ],
)
def test_counts_by_hand(positives, negatives, expected):
    assert drawn(*candidates(positives, negatives, neither=5), 8, 0.5) == expected


def test_the_share_is_rounded_down():
    assert drawn(*candidates(50, 50), 10, 0.25) == (2, 8)  # 2.5 positives


def test_equal_seeds_draw_alike_and_others_do_not():
    kinds = candidates(50, 50)
    first, again = (sample_balanced(*kinds, 20, 0.5, SEED) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = sample_balanced(*kinds, 20, 0.5, np.array([1, 3], np.int32))
    assert np.any(np.array(first) != np.array(other))


def test_every_candidate_is_equally_likely():
    positive, negative = (np.repeat(kind, 4000, axis=0) for kind in candidates(8, 12, 2))
    result = sample_balanced(positive, negative, 6, 0.5, SEED)
    # 3 of 8 positives and 3 of 12 negatives; 0.03 is four standard deviations of a mean of 4000.
    np.testing.assert_allclose(np.mean(result[0], axis=0), [3 / 8] * 8 + [0] * 14, atol=0.03)
    np.testing.assert_allclose(np.mean(result[1], axis=0), [0] * 8 + [1 / 4] * 12 + [0] * 2, atol=0.03)


@pytest.mark.parametrize(("size", "share"), [(1, 0.5), (7, 0.25), (16, 0.5), (100, 1.0)])
def test_counts_of_thousands_of_random_images_equal_a_loop(size, share):
    kinds = np.random.default_rng(0).choice([1, 0, -1], (1000, 30), p=[0.2, 0.6, 0.2])
    positive, negative = kinds == 1, kinds == 0
    result = [np.array(part) for part in sample_balanced(positive, negative, size, share, SEED)]
    assert not np.any(result[0] & ~positive)
    assert not np.any(result[1] & ~negative)
    for image in range(len(kinds)):
        expected = min(positive[image].sum(), int(size * share))
        assert result[0][image].sum() == expected
        assert result[1][image].sum() == min(negative[image].sum(), size - expected)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_sampling_in_a_graph_equals_eager(jit_compile):
    kinds = np.random.default_rng(0).choice([1, 0, -1], (5, 30))
    function = tf.function(lambda *masks: sample_balanced(*masks, 8, 0.5, SEED), jit_compile=jit_compile)
    np.testing.assert_array_equal(
        function(kinds == 1, kinds == 0), sample_balanced(kinds == 1, kinds == 0, 8, 0.5, SEED)
    )


def test_sampling_without_any_anchor():
    nothing = np.zeros((2, 0), bool)
    assert [part.shape for part in sample_balanced(nothing, nothing, 8, 0.5, SEED)] == [(2, 0)] * 2


def loop_hardest(losses, positive, negative, ratio):
    """Apply the definition to one image: rank the negatives by loss, take the first."""
    ranked = sorted((a for a in range(len(losses)) if negative[a]), key=lambda a: (-losses[a], a))
    return set(ranked[: int(ratio * max(positive.sum(), 1))])


def test_hardest_negatives_by_hand():
    losses = np.array([[9.0, 8.0, 1.0, 5.0, 3.0, 5.0, 5.0]], np.float32)
    positive = np.array([[True, False, False, False, False, False, False]])
    negative = np.array([[False, False, True, True, True, True, True]])  # the second is neither
    result = hardest_negatives(losses, positive, negative, ratio=2)
    np.testing.assert_array_equal(result, [[False, False, False, True, False, True, False]])  # the first of equals


def test_hardest_negatives_without_positives_are_those_of_one():
    losses, nothing = np.array([[1.0, 5.0, 2.0, 4.0, 3.0]], np.float32), np.zeros((1, 5), bool)
    assert np.flatnonzero(hardest_negatives(losses, nothing, ~nothing)).tolist() == [1, 3, 4]


def test_hardest_negatives_of_loss_zero_count():
    positive, negative = candidates(1, 4)
    assert np.sum(hardest_negatives(np.zeros((1, 5), np.float32), positive, negative)) == 3


def test_a_loss_that_is_not_a_number_takes_no_place():
    losses = np.array([[np.nan, 0.5, np.nan, 0.9, 0.1, np.inf]], np.float32)
    chosen = hardest_negatives(losses, np.zeros((1, 6), bool), np.ones((1, 6), bool))
    np.testing.assert_array_equal(chosen, [[False, True, False, True, False, True]])


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_hardest_negatives_of_thousands_of_random_images_equal_a_loop(jit_compile):
    rng = np.random.default_rng(0)
    kinds = rng.choice([1, 0, -1], (2000, 20), p=[0.15, 0.65, 0.2])
    losses = rng.integers(0, 12, kinds.shape).astype(np.float32)  # with ties
    function = hardest_negatives if jit_compile is None else tf.function(hardest_negatives, jit_compile=jit_compile)
    result = function(losses, kinds == 1, kinds == 0, 1.5).numpy()
    for row, kind, image in zip(losses, kinds, result, strict=True):
        assert set(np.flatnonzero(image)) == loop_hardest(row, kind == 1, kind == 0, 1.5)

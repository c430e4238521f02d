"""Which anchors or proposals of an image enter a loss, where there are far more negatives than positives."""

import math

import tensorflow as tf

from detect.ops.compiling import at_most, compiled, dimension


@compiled
def sample_balanced(
    candidates_positive: tf.Tensor,
    candidates_negative: tf.Tensor,
    size: int,
    positive_share: float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw `size` candidates of each image at random (Ren et al. 2015, 3.1.3; torchvision's balanced sampler).

    Args:
        candidates_positive: bool [B, A].
        candidates_negative: bool [B, A]; none of them is positive. What is neither is never drawn.
        size: how many are drawn; all negatives where there are not enough of them.
        positive_share: how much of `size` positives may take up, rounded down to whole candidates. What they leave,
            negatives fill; they are never filled up with positives.
        seed: integers [2]. Equal seeds draw alike.

    Returns:
        The drawn positives and the drawn negatives, bool [B, A] each. Every candidate of a kind is equally likely.
    """
    luck = tf.random.stateless_uniform(tf.shape(candidates_positive), seed, alg="philox")  # "auto" differs under XLA
    images = dimension(candidates_positive, 0)
    most = int(size * positive_share)
    positive = _take_highest(luck, candidates_positive, tf.fill([images], most), most)
    left = size - tf.math.count_nonzero(positive, axis=1, dtype=tf.int32)
    return positive, _take_highest(luck, candidates_negative, left, size)


@compiled
def hardest_negatives(losses: tf.Tensor, positive: tf.Tensor, negative: tf.Tensor, ratio: float = 3.0) -> tf.Tensor:
    """The negatives of each image with the largest losses, `ratio` for every positive (Liu et al. 2016, SSD, 2.2).

    Args:
        losses: float [B, A], what each would add to the loss as a negative. No gradient flows.
        positive: bool [B, A].
        negative: bool [B, A].
        ratio: negatives for one positive; an image's number is rounded down.

    Returns:
        bool [B, A]: of equal losses the first. Without positives none, as in torchvision; all where there are too few.
    """
    count = ratio * tf.math.count_nonzero(positive, axis=1, dtype=tf.float32)
    return _take_highest(tf.stop_gradient(losses), negative, tf.cast(count, tf.int32), dimension(losses, 1))


def _take_highest(values, candidates, count, most):
    """The `count` [B] candidates [B, A] with the highest values [B, A], the first of equals; `count` is <= `most`."""
    images, anchors = dimension(values, 0), dimension(values, 1)
    most = at_most(most, anchors)
    highest, position = tf.math.top_k(tf.where(candidates, values, -math.inf), most)  # [B, most]
    takes = (tf.range(most) < count[:, None]) & (highest > -math.inf)
    image = tf.broadcast_to(tf.range(images)[:, None], tf.shape(position))
    return tf.scatter_nd(tf.stack([image, position], axis=-1), tf.cast(takes, tf.int32), [images, anchors]) > 0

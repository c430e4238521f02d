"""Selection of the anchors or proposals that enter a loss, where there are far more negatives than positives."""

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
        size: candidates drawn per image; fewer where there are not enough negatives.
        positive_share: largest share of positives in `size`, rounded down to whole candidates. Negatives take the
            places that positives leave, but not the other way round.
        seed: integers [2]. Equal seeds draw the same candidates.

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
    """Select the negatives of each image with the largest losses, `ratio` per positive (Liu et al. 2016, SSD, 2.2).

    Args:
        losses: float [B, A], what each anchor would add to the loss as a negative. No gradient flows.
        positive: bool [B, A].
        negative: bool [B, A].
        ratio: negatives per positive; the number of an image is rounded down. An image without positives has as many as
            one with a single positive, so that what is only background teaches something too; in the paper and in
            torchvision it has none.

    Returns:
        bool [B, A]. Of equal losses the first are selected. An image with too few negatives has all of them. A loss
        that is not a number takes no place.
    """
    negative &= tf.equal(losses, losses)
    count = ratio * tf.maximum(tf.math.count_nonzero(positive, axis=1, dtype=tf.float32), 1)
    return _take_highest(tf.stop_gradient(losses), negative, tf.cast(count, tf.int32), dimension(losses, 1))


def _take_highest(values, candidates, count, most):
    """Mark the `count` [B] candidates [B, A] with the highest values [B, A], the first of equals.

    `count` is at most `most`, an integer.
    """
    images, anchors = dimension(values, 0), dimension(values, 1)
    most = at_most(most, anchors)
    highest, position = tf.math.top_k(tf.where(candidates, values, -math.inf), most)  # [B, most]
    takes = (tf.range(most) < count[:, None]) & (highest > -math.inf)
    image = tf.broadcast_to(tf.range(images)[:, None], tf.shape(position))
    return tf.scatter_nd(tf.stack([image, position], axis=-1), tf.cast(takes, tf.int32), [images, anchors]) > 0

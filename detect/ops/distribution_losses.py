"""Losses of boxes whose sides have distributions: with the true box, and with the last layer as a teacher (D-FINE).

Peng et al., D-FINE: Redefine Regression Task of DETRs as Fine-grained Distribution Refinement, arXiv 2410.13842,
sections 4.1 and 4.2. Authors' code: https://github.com/Peterande/D-FINE (Apache-2.0), `dfine_criterion.py`.

Distributions are those of `distributions`: logits [..., 4 * n] of the distances of left, top, right and bottom.
"""

import tensorflow as tf

from detect.ops.compiling import compiled, fused


@compiled
def positions_among(distances: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Return where distances [...] lie among the ascending values [n] of a distribution, in 0..n - 1.

    A distance between values i and i + 1 has a position between i and i + 1, in proportion. Distances beyond the
    outermost values have the positions of these. No gradient flows.
    """
    distances, values = tf.stop_gradient(distances)[..., None], tf.stop_gradient(values)
    # Each step from a value to the next adds the part of it that lies below the distance.
    passed = (tf.clip_by_value(distances, values[0], values[-1]) - values[:-1]) / (values[1:] - values[:-1])
    return tf.reduce_sum(tf.clip_by_value(passed, 0.0, 1.0), axis=-1)


@fused
def fine_grained_localization(logits: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Return the fine-grained localization loss (FGL), summed over the sides, before its weights, [...].

    It is the cross-entropy of each distribution with the two values around the true distance, each of which should have
    a probability in proportion to how near it is. The paper multiplies it by the IoU of the predicted box.

    Args:
        logits: [..., 4 * n].
        positions: of the true distances, see `positions_among`, of a shape that broadcasts with [..., 4].
    """
    away = tf.abs(positions[..., None] - tf.range(logits.shape[-1] // 4, dtype=positions.dtype))
    shares = tf.nn.relu(1 - away)  # of the two values around the position; 0 of all others

    @tf.custom_gradient
    def entropy(logits):
        found = tf.nn.log_softmax(_by_side(logits))
        slope = tf.reshape(tf.exp(found) - shares, tf.shape(logits))  # here already: XLA computes both in one pass
        return -tf.reduce_sum(shares * found, axis=[-2, -1]), lambda upstream: slope * upstream[..., None]

    return entropy(logits)


@fused
def distillation(logits: tf.Tensor, teacher: tf.Tensor, temperature: float = 5.0) -> tf.Tensor:
    """Return the decoupled distillation focal loss (DDF), summed over the sides, before its weights, [...].

    It is `temperature ** 2 * KL(softmax(teacher / temperature), softmax(logits / temperature))`. No gradient flows to
    the teacher.

    Args:
        logits: [..., 4 * n].
        teacher: logits of a shape that broadcasts with that.
        temperature: what logits are divided by; larger values compare the distributions beyond their peaks.
    """
    wanted = tf.nn.log_softmax(_by_side(tf.stop_gradient(teacher)) / temperature)

    @tf.custom_gradient
    def divergence(logits):
        found = tf.nn.log_softmax(_by_side(logits) / temperature)
        slope = tf.reshape(temperature * (tf.exp(found) - tf.exp(wanted)), tf.shape(logits))
        losses = tf.reduce_sum(tf.exp(wanted) * (wanted - found), axis=[-2, -1])
        return temperature**2 * losses, lambda upstream: slope * upstream[..., None]

    return divergence(logits)


def _by_side(logits):
    """Return the logits of each side, [..., 4, n]."""
    return tf.reshape(logits, tf.concat([tf.shape(logits)[:-1], [4, logits.shape[-1] // 4]], axis=0))

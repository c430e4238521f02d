"""Losses of the scores of queries: that of the true class should say how well the box of the query fits.

Queries compete for boxes, one to one, so the score decides which of several good ones is matched. A query has a label
and, for it, a quality in 0..1: the IoU of its box with the true one. The other classes, all of them where the label is
-1, should have the score 0. `looked_for` is as in `losses`.
"""

import tensorflow as tf

from detect.ops.compiling import fused
from detect.ops.losses import quality_of_class, where_known

LEAST_QUALITY = 0.01  # of `iou_aware_cross_entropy`


@fused
def held_varifocal(
    logits: tf.Tensor,
    labels: tf.Tensor,
    quality: tf.Tensor,
    alpha: float = 0.75,
    gamma: float = 2.0,
    looked_for: tf.Tensor | None = None,
) -> tf.Tensor:
    """Return the varifocal loss of RT-DETR, summed over the classes (`rtdetrv2_criterion.py`, `loss_labels_vfl`).

    The class of the label costs `quality * binary_cross_entropy(logit, quality)`, any other one
    `alpha * score ** gamma * binary_cross_entropy(logit, 0)`. It differs from `losses.varifocal`, which follows the
    paper (Zhang et al. 2021, arXiv 2008.13367, eq. 2), in that no gradient flows through the weights, and the class of
    a label whose quality is 0 costs nothing.

    Args:
        logits: [..., K].
        labels: integers [...], -1 for background.
        quality: [...] in 0..1. No gradient flows to it.
        alpha: weight of the classes that should have the score 0.
        gamma: exponent of the discount of those scores that are low already.
        looked_for: bool [..., K], broadcast. Other classes do not count, except that of the label.

    Returns:
        [...], of the type of the logits.
    """
    own, quality = quality_of_class(labels, quality, logits)
    return _held(logits, own, quality, quality, alpha, gamma, looked_for)


@fused
def matchability_aware(
    logits: tf.Tensor,
    labels: tf.Tensor,
    quality: tf.Tensor,
    alpha: float = 1.0,
    gamma: float = 1.5,
    looked_for: tf.Tensor | None = None,
) -> tf.Tensor:
    """Return the matchability-aware loss, summed over the classes (Huang et al. 2024, DEIM, arXiv 2412.04234, 3.3).

    The class of the label costs `binary_cross_entropy(logit, quality ** gamma)`, whatever its quality, so that matches
    of a low one count as well; any other one `alpha * score ** gamma * binary_cross_entropy(logit, 0)`. No gradient
    flows through the weights (authors' code, `deim_criterion.py`, `loss_labels_mal`).

    Args:
        logits: as of `held_varifocal`.
        labels: as of `held_varifocal`.
        quality: as of `held_varifocal`.
        alpha: as of `held_varifocal`.
        gamma: exponent of the quality and of the discount.
        looked_for: as of `held_varifocal`.

    Returns:
        [...], of the type of the logits.
    """
    own, quality = quality_of_class(labels, quality, logits)
    return _held(logits, own, tf.ones_like(quality), quality**gamma, alpha, gamma, looked_for)


@fused
def iou_aware_cross_entropy(
    logits: tf.Tensor,
    labels: tf.Tensor,
    quality: tf.Tensor,
    alpha: float = 0.25,
    gamma: float = 2.0,
    looked_for: tf.Tensor | None = None,
) -> tf.Tensor:
    """Return the IoU-aware binary cross-entropy, summed over the classes (Chen et al. 2024, LW-DETR, arXiv 2406.03459).

    The class of the label costs `binary_cross_entropy(logit, t)`, where t is `score ** alpha * quality ** (1 - alpha)`,
    but 0.01 at least, without a gradient. Any other one costs `score ** gamma * binary_cross_entropy(logit, 0)`, whose
    gradient flows through the weight too (RF-DETR's code, `lwdetr.py`, `loss_labels`; after Cai et al. 2023,
    Align-DETR, arXiv 2304.07527).

    Args:
        logits: as of `held_varifocal`.
        labels: as of `held_varifocal`.
        quality: as of `held_varifocal`.
        alpha: exponent of the score in t.
        gamma: exponent of the discount.
        looked_for: as of `held_varifocal`.

    Returns:
        [...], of the type of the logits.
    """
    own, quality = quality_of_class(labels, quality, logits)

    @tf.custom_gradient
    def loss(logits):
        score = tf.sigmoid(logits)
        target = tf.maximum(score**alpha * quality ** (1 - alpha), LEAST_QUALITY)
        discount = where_known(score**gamma, own, looked_for)
        yes = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logits)
        no = tf.math.softplus(logits)
        slope = tf.where(own, score - target, discount * (gamma * (1 - score) * no + score))
        losses = tf.reduce_sum(tf.where(own, yes, discount * no), axis=-1)
        return losses, lambda upstream: slope * upstream[..., None]

    return loss(logits)


def _held(logits, own, weight_of_own, target_of_own, alpha, gamma, looked_for):
    """Return the cross-entropy with what scores should be, each times a weight through which no gradient flows, [...].

    `weight_of_own` and `target_of_own`, [..., K], count for the class of the label, `own`.
    """
    target = tf.where(own, target_of_own, tf.zeros([], logits.dtype))

    @tf.custom_gradient
    def loss(logits):
        score = tf.sigmoid(logits)
        weight = where_known(tf.where(own, weight_of_own, alpha * score**gamma), own, looked_for)
        slope = weight * (score - target)  # computed here already, so that XLA computes both in one pass
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logits)
        return tf.reduce_sum(weight * entropy, axis=-1), lambda upstream: slope * upstream[..., None]

    return loss(logits)

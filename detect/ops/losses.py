"""Losses of predictions, element by element or row by row; callers mask, sum and normalise them.

In an image that is not labelled completely, a class that was not looked for is neither positive nor negative: whether
it is there is not known. `looked_for`, bool, says which classes were looked for; without it, all were. A box of another
class that is annotated all the same is positive for it.

Values and gradients are finite for every finite input, so a caller can compute the losses of all rows first and then
add up those that count (`sum_where`).
"""

import numpy as np
import tensorflow as tf

from detect.ops.boxes import EPSILON, ciou, diou, giou, paired_iou
from detect.ops.compiling import compiled, dimension, fused


@fused
def sigmoid_focal(
    logits: tf.Tensor,
    labels: tf.Tensor,
    alpha: float = 0.25,
    gamma: float = 2.0,
    looked_for: tf.Tensor | None = None,
) -> tf.Tensor:
    """Return the focal loss, summed over the classes (Lin et al. 2017, eq. 5).

    Each class is a yes-or-no question with probability p_t of the right answer and costs
    `-alpha_t * (1 - p_t) ** gamma * log(p_t)`, where alpha_t is alpha for yes and 1 - alpha for no.

    Args:
        logits: [..., K].
        labels: integers [...], -1 for background.
        alpha: weight of the questions whose answer is yes; the others have 1 - alpha.
        gamma: exponent of the discount of answers that are predicted well; 0 for none.
        looked_for: bool [..., K], broadcast. The questions about other classes do not count, unless the answer is yes.

    Returns:
        [...], of the type of the logits.
    """
    yes = labels[..., None] == tf.range(dimension(logits, -1), dtype=labels.dtype)  # [..., K]

    @tf.custom_gradient
    def focal(logits):
        wrong = tf.where(yes, -logits, logits)  # the logit of the wrong answer
        small = tf.exp(-tf.abs(wrong))
        share = tf.where(wrong > 0, tf.ones_like(small), small) / (1 + small)  # its sigmoid, 1 - p_t
        surprise = tf.nn.relu(wrong) + tf.math.log1p(small)  # its softplus, -log(p_t)
        weighted = tf.where(yes, tf.cast(alpha, logits.dtype), tf.cast(1 - alpha, logits.dtype)) * share**gamma
        weighted = where_known(weighted, yes, looked_for)
        slope = weighted * (gamma * (1 - share) * surprise + share)  # the gradient for `wrong`
        slope = tf.where(yes, -slope, slope)  # computed here already, so that XLA computes both in one pass
        return tf.reduce_sum(weighted * surprise, axis=-1), lambda upstream: slope * upstream[..., None]

    return focal(logits)


@fused
def quality_focal(
    logits: tf.Tensor,
    labels: tf.Tensor,
    quality: tf.Tensor,
    beta: float = 2.0,
    looked_for: tf.Tensor | None = None,
) -> tf.Tensor:
    """Return the quality focal loss, summed over the classes (Li et al. 2020, arXiv 2006.04388, eq. 2).

    Each class costs `|score - target| ** beta * binary_cross_entropy(logit, target)`, where the target is the quality
    for the class of the label and 0 for the others.

    Args:
        logits: [..., K].
        labels: integers [...], -1 for background.
        quality: [...] in 0..1, usually the IoU of the predicted box. No gradient flows to it.
        beta: exponent of the discount of scores that are near their targets; 0 for none.
        looked_for: bool [..., K], broadcast. Other classes do not count, except that of the label.

    Returns:
        [...], of the type of the logits.
    """
    yes, targets = quality_of_class(labels, quality, logits)

    @tf.custom_gradient
    def focal(logits):
        score = tf.sigmoid(logits)
        error = score - targets
        weight = where_known(tf.abs(error) ** beta, yes, looked_for)
        entropy = where_known(binary_cross_entropy(logits, targets), yes, looked_for)

        def gradient(upstream):
            # The derivative of |error| is its sign; error * |error| ** (beta - 2) would be infinite at 0 for small
            # betas.
            steepness = beta * tf.sign(error) * tf.maximum(tf.abs(error), EPSILON) ** (beta - 1)
            return (weight * error + entropy * steepness * score * (1 - score)) * upstream[..., None]

        return tf.reduce_sum(weight * entropy, axis=-1), gradient

    return focal(logits)


@fused
def varifocal(
    logits: tf.Tensor,
    labels: tf.Tensor,
    quality: tf.Tensor,
    alpha: float = 0.75,
    gamma: float = 2.0,
    looked_for: tf.Tensor | None = None,
) -> tf.Tensor:
    """Return the varifocal loss, summed over the classes (Zhang et al. 2021, arXiv 2008.13367, eq. 2).

    The class of the label costs `quality * binary_cross_entropy(logit, quality)`. Any other class, and that of the
    label where its quality is 0, costs `-alpha * score ** gamma * log(1 - score)`.

    Args:
        logits: [..., K].
        labels: integers [...], -1 for background.
        quality: [...] in 0..1, usually the IoU of the predicted box: the score that the class of the label should have.
            No gradient flows to it.
        alpha: weight of the classes that should have the score 0.
        gamma: exponent of the discount of those scores that are low already; 0 for none.
        looked_for: bool [..., K], broadcast. Other classes do not count, except that of the label.

    Returns:
        [...], of the type of the logits.
    """
    own, targets = quality_of_class(labels, quality, logits)
    yes = targets > 0

    @tf.custom_gradient
    def focal(logits):
        score = tf.sigmoid(logits)
        discount = where_known(alpha * score**gamma, own, looked_for)
        entropy = binary_cross_entropy(logits, targets)

        def gradient(upstream):
            no = discount * (gamma * (1 - score) * entropy + score)
            return tf.where(yes, targets * (score - targets), no) * upstream[..., None]

        return tf.reduce_sum(tf.where(yes, targets, discount) * entropy, axis=-1), gradient

    return focal(logits)


@compiled
def softmax_cross_entropy(logits: tf.Tensor, labels: tf.Tensor, looked_for: tf.Tensor | None = None) -> tf.Tensor:
    """Return `-log(softmax(logits)[label])` [...] of logits [..., K + 1], whose last column is the background.

    What is background in an image that is not labelled completely may also be an object of a class that was not looked
    for. It costs minus the logarithm of the probability that it is one or the other, the sum of their softmax (Cermelli
    et al. 2020, Modeling the Background for Incremental Learning, arXiv 2002.00718, section 3.2, for segmentation). So
    its gradient takes nothing from these classes in favour of the background.

    Args:
        logits: [..., K + 1].
        labels: integers [...], 0..K-1, or -1 for background.
        looked_for: bool [..., K], broadcast.
    """
    background = tf.cast(dimension(logits, -1) - 1, labels.dtype)
    columns = tf.where(labels < 0, background, labels)
    if looked_for is None:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=columns, logits=logits)
    own = columns[..., None] == tf.range(dimension(logits, -1), dtype=labels.dtype)  # [..., K + 1]
    others = tf.concat([~looked_for, tf.zeros_like(looked_for[..., :1])], axis=-1)
    possible = own | (others & (columns == background)[..., None])
    return tf.reduce_logsumexp(logits, axis=-1) - tf.reduce_logsumexp(tf.where(possible, logits, -np.inf), axis=-1)


@compiled
def absence_loss(objectness: tf.Tensor, log_not_looked_for: tf.Tensor) -> tf.Tensor:
    """Return what it costs that no object was found where not all classes were looked for, [...].

    With the objectness o, and the probability u that an object is of a class that was not looked for, this is
    `-log(1 - o * (1 - u))`: there is no object, or it is of such a class. As a function of the logit z of o it is
    `softplus(z) - softplus(z + log(u))`. For u = 0 it is the cross-entropy of "no object". The gradient for z is
    `o * (1 - u) * (1 - o) / (1 - o * (1 - u))`: it vanishes where the model is sure of an object that may be of such a
    class.

    Args:
        objectness: logits [...].
        log_not_looked_for: log(u) [...], 0 or less; minus infinity where all classes were looked for.
    """
    return tf.math.softplus(objectness) - tf.math.softplus(objectness + log_not_looked_for)


@compiled
def binary_cross_entropy(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Return `-targets * log(p) - (1 - targets) * log(1 - p)`, element by element.

    p is the sigmoid of the logits; targets are in 0..1.
    """
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(targets, logits.dtype), logits=logits)


@compiled
def squared_iou_loss(predicted: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """Return `1 - IoU ** 2` [...] of boxes [..., 4], row by row (Megvii YOLOX, `losses.py`)."""
    return 1 - tf.square(paired_iou(predicted, true))


@compiled
def giou_loss(predicted: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """Return `1 - GIoU` [...] in 0..2 of boxes [..., 4], row by row (Rezatofighi et al. 2019)."""
    return 1 - giou(predicted, true)


@compiled
def diou_loss(predicted: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """Return `1 - DIoU` [...] in 0..2 of boxes [..., 4], row by row (Zheng et al. 2020, eq. 7)."""
    return 1 - diou(predicted, true)


@compiled
def ciou_loss(predicted: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """Return `1 - CIoU` [...] of boxes [..., 4], row by row (Zheng et al. 2020, eq. 10)."""
    return 1 - ciou(predicted, true)


@compiled
def l1(predicted: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """Return the absolute differences, element by element."""
    return tf.abs(predicted - true)


@compiled
def smooth_l1(predicted: tf.Tensor, true: tf.Tensor, beta: float = 1 / 9) -> tf.Tensor:
    """Return a loss that is quadratic up to a difference of `beta`, then linear with slope 1, element by element.

    Girshick 2015, eq. 3, where beta is 1; the code of region proposal networks and RetinaNet uses 1/9.
    """
    return huber(predicted, true, beta) / beta


@compiled
def huber(predicted: tf.Tensor, true: tf.Tensor, delta: float = 0.1) -> tf.Tensor:
    """Return half the squared difference up to `delta`, then a line of slope `delta`, element by element (Huber 1964).

    The default is EfficientDet's.
    """
    difference = tf.abs(predicted - true)
    inner = tf.minimum(difference, delta)
    return inner * (difference - 0.5 * inner)


def weigh_positives(losses: tf.Tensor, labels: tf.Tensor, weights: np.ndarray | None) -> tf.Tensor:
    """Return losses of classes, each of a positive times the weight of its class.

    Args:
        losses: [...].
        labels: integers [...]; what is not in 0..K-1 is background, whose losses stay as they are.
        weights: [K], or None for 1.
    """
    if weights is None:
        return losses
    factors = tf.constant([*weights, 1], losses.dtype)
    is_background = (labels < 0) | (labels >= len(weights))
    return losses * tf.gather(factors, tf.where(is_background, len(weights), labels))


@compiled
def sum_where(mask: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
    """Return the sum, a scalar, of the `losses` [...] whose `mask`, bool [...], is true."""
    return tf.reduce_sum(tf.where(mask, losses, 0))


def quality_of_class(labels, quality, logits):
    """Return which class is that of the label, and targets: `quality` [...] for it, 0 for the others; [..., K] each."""
    own = labels[..., None] == tf.range(dimension(logits, -1), dtype=labels.dtype)
    return own, tf.where(own, tf.cast(tf.stop_gradient(quality), logits.dtype)[..., None], tf.zeros([], logits.dtype))


def where_known(values, own, looked_for):
    """Return `values` [..., K] for the class of the label, `own`, and for those that were looked for; 0 for others."""
    return values if looked_for is None else tf.where(own | looked_for, values, tf.zeros([], values.dtype))

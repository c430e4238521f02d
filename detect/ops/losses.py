"""Losses of predictions, element by element or row by row. The caller masks, sums and normalises them.

Values and gradients are finite for every finite input, so a caller may compute the loss of all rows and afterwards add
up those that count, with `sum_where`.
"""

import tensorflow as tf

from detect.ops.boxes import EPSILON, ciou, diou, giou, paired_iou
from detect.ops.compiling import compiled, dimension, fused


@fused
def sigmoid_focal(logits: tf.Tensor, labels: tf.Tensor, alpha: float = 0.25, gamma: float = 2.0) -> tf.Tensor:
    """Focal loss [...] of logits [..., K], summed over the classes (Lin et al. 2017, eq. 5).

    `labels` [...] are integers, -1 for background. Each class is a yes-or-no question with probability p_t of the
    right answer and costs `-alpha_t * (1 - p_t) ** gamma * log(p_t)`, with alpha_t = alpha for yes, 1 - alpha for no.
    """
    yes = labels[..., None] == tf.range(dimension(logits, -1), dtype=labels.dtype)  # [..., K]

    @tf.custom_gradient
    def focal(logits):
        wrong = tf.where(yes, -logits, logits)  # logit of the wrong answer
        small = tf.exp(-tf.abs(wrong))
        share = tf.where(wrong > 0, tf.ones_like(small), small) / (1 + small)  # its sigmoid, 1 - p_t
        surprise = tf.nn.relu(wrong) + tf.math.log1p(small)  # its softplus, -log(p_t)
        weighted = tf.where(yes, tf.cast(alpha, logits.dtype), tf.cast(1 - alpha, logits.dtype)) * share**gamma
        slope = weighted * (gamma * (1 - share) * surprise + share)  # by `wrong`
        slope = tf.where(yes, -slope, slope)  # known here already, so that XLA can make both in one pass
        return tf.reduce_sum(weighted * surprise, axis=-1), lambda upstream: slope * upstream[..., None]

    return focal(logits)


@fused
def quality_focal(logits: tf.Tensor, labels: tf.Tensor, quality: tf.Tensor, beta: float = 2.0) -> tf.Tensor:
    """Quality focal loss [...] of logits [..., K], summed over the classes (Li et al. 2020, arXiv 2006.04388, eq. 2).

    `labels` [...] are integers, -1 for background; `quality` [...] in 0..1, usually the IoU of the predicted box, is
    the score that the class of the label should have, and 0 that of the others. Each class costs
    `|score - target| ** beta * binary_cross_entropy(logit, target)`. No gradient flows to `quality`.
    """
    targets = _quality_of_class(labels, quality, logits)

    @tf.custom_gradient
    def focal(logits):
        score = tf.sigmoid(logits)
        error = score - targets
        weight = tf.abs(error) ** beta
        entropy = binary_cross_entropy(logits, targets)

        def gradient(upstream):
            # The slope of |error| is its sign; error * |error| ** (beta - 2) would be infinite at 0 for small betas.
            steepness = beta * tf.sign(error) * tf.maximum(tf.abs(error), EPSILON) ** (beta - 1)
            return (weight * error + entropy * steepness * score * (1 - score)) * upstream[..., None]

        return tf.reduce_sum(weight * entropy, axis=-1), gradient

    return focal(logits)


@fused
def varifocal(
    logits: tf.Tensor, labels: tf.Tensor, quality: tf.Tensor, alpha: float = 0.75, gamma: float = 2.0
) -> tf.Tensor:
    """Varifocal loss [...] of logits [..., K], summed over the classes (Zhang et al. 2021, arXiv 2008.13367, eq. 2).

    `labels` [...] are integers, -1 for background; `quality` [...] in 0..1, usually the IoU of the predicted box, is
    the score that the class of the label should have: it costs `quality * binary_cross_entropy(logit, quality)`. Any
    other class, and one whose quality is 0, costs `-alpha * score ** gamma * log(1 - score)`. No gradient flows to
    `quality`.
    """
    targets = _quality_of_class(labels, quality, logits)
    yes = targets > 0

    @tf.custom_gradient
    def focal(logits):
        score = tf.sigmoid(logits)
        discount = alpha * score**gamma
        entropy = binary_cross_entropy(logits, targets)

        def gradient(upstream):
            no = discount * (gamma * (1 - score) * entropy + score)
            return tf.where(yes, targets * (score - targets), no) * upstream[..., None]

        return tf.reduce_sum(tf.where(yes, targets, discount) * entropy, axis=-1), gradient

    return focal(logits)


@compiled
def softmax_cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """`-log(softmax(logits)[label])` [...] of logits [..., K + 1], whose last column is the background.

    `labels` [...] are integers, 0..K-1 or -1 for background.
    """
    columns = tf.where(labels < 0, tf.cast(dimension(logits, -1) - 1, labels.dtype), labels)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=columns, logits=logits)


@compiled
def binary_cross_entropy(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """`-targets * log(p) - (1 - targets) * log(1 - p)` for p = sigmoid(logits), element by element; targets in 0..1."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(targets, logits.dtype), logits=logits)


@compiled
def squared_iou_loss(predicted: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """`1 - IoU ** 2` [...] of boxes [..., 4], row by row (Megvii YOLOX, `losses.py`)."""
    return 1 - tf.square(paired_iou(predicted, true))


@compiled
def giou_loss(predicted: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """`1 - GIoU` [...] in 0..2 of boxes [..., 4], row by row (Rezatofighi et al. 2019)."""
    return 1 - giou(predicted, true)


@compiled
def diou_loss(predicted: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """`1 - DIoU` [...] in 0..2 of boxes [..., 4], row by row (Zheng et al. 2020, eq. 7)."""
    return 1 - diou(predicted, true)


@compiled
def ciou_loss(predicted: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """`1 - CIoU` [...] of boxes [..., 4], row by row (Zheng et al. 2020, eq. 10)."""
    return 1 - ciou(predicted, true)


@compiled
def l1(predicted: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """Absolute differences, element by element."""
    return tf.abs(predicted - true)


@compiled
def smooth_l1(predicted: tf.Tensor, true: tf.Tensor, beta: float = 1 / 9) -> tf.Tensor:
    """Quadratic up to a difference of `beta`, then linear of slope 1, element by element (Girshick 2015, eq. 3).

    The paper has beta 1; 1/9 is what RPN and RetinaNet code uses.
    """
    return huber(predicted, true, beta) / beta


@compiled
def huber(predicted: tf.Tensor, true: tf.Tensor, delta: float = 0.1) -> tf.Tensor:
    """Half the squared difference up to `delta`, then linear of slope `delta`, element by element (Huber 1964).

    The default is EfficientDet's.
    """
    difference = tf.abs(predicted - true)
    inner = tf.minimum(difference, delta)
    return inner * (difference - 0.5 * inner)


def sum_where(mask: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
    """The sum, a scalar, of the `losses` [...] whose `mask` bool [...] is true."""
    return tf.reduce_sum(tf.where(mask, losses, 0))


def _quality_of_class(labels, quality, logits):
    """`quality` [...] at the class of the label, 0 at the others: [..., K]."""
    yes = labels[..., None] == tf.range(dimension(logits, -1), dtype=labels.dtype)
    return tf.where(yes, tf.cast(tf.stop_gradient(quality), logits.dtype)[..., None], tf.zeros([], logits.dtype))

"""The choice of the tokens of an encoder that become the queries of its decoder, with their first boxes.

Source: RT-DETR (Zhao et al., arXiv 2304.08069, section 4.3), as in D-FINE and DEIMv2; authors' code:
https://github.com/Peterande/D-FINE, `src/zoo/dfine/dfine_decoder.py` (Apache-2.0).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from detect.layers.attention import Perceptron, layer_normalization
from detect.layers.composite import Composite
from detect.layers.convolution import prior_bias

SIDE = 0.05  # of the first boxes at the finest level, as a share of the image's sides; twice that at the next one
MARGIN = 0.01  # tokens whose first box is nearer than this to 0 or 1 in any coordinate are not used
FAR = 1e4  # logit of a coordinate of theirs: its sigmoid is 1


class Selection(NamedTuple):
    """The chosen tokens, the best one first."""

    queries: tf.Tensor  # [B, Q, D]
    class_logits: tf.Tensor  # float32 [B, Q, K]
    boxes: tf.Tensor  # float32 [B, Q, 4], relative boxes


class QuerySelection(Composite):
    """Memory [B, S, D] -> the `queries` tokens with the best scores, or all of them where there are fewer.

    Args:
        channels: D.
        classes: K.
        queries: Q.
        prior: initial score of every class.
        projected: whether tokens are projected and normalised first; DEIMv2 takes them as they are.
        activation: within the perceptron of the boxes.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        queries: int,
        prior: float = 0.01,
        projected: bool = True,
        activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.relu,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.queries = queries
        self.projected = projected
        if projected:
            self.projection = keras.layers.Dense(channels, name="projection")
            self.normalization = layer_normalization("normalization")
        self.class_logits = keras.layers.Dense(
            classes, bias_initializer=prior_bias(prior), dtype="float32", name="class_logits"
        )
        last = {"kernel_initializer": "zeros", "dtype": "float32"}
        self.box = Perceptron((channels, channels, 4), activation, last, name="box")

    def call(self, memory: tf.Tensor, sizes: Sequence[tuple[int, int]]) -> Selection:
        """Return the choice; `sizes` are height and width of each level of the memory, finest first."""
        anchors, seen = first_boxes(sizes)
        tokens = memory * tf.cast(seen, memory.dtype)
        if self.projected:
            tokens = self.normalization(self.projection(tokens))
        logits = self.class_logits(tokens)
        count = min(self.queries, len(anchors))
        chosen = tf.math.top_k(tf.reduce_max(logits, axis=-1), count).indices
        queries, class_logits = (tf.gather(values, chosen, batch_dims=1) for values in (tokens, logits))
        boxes = tf.sigmoid(self.box(queries) + tf.gather(tf.constant(anchors), chosen))
        return Selection(queries, class_logits, boxes)


def first_boxes(sizes: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes that tokens stand for before anything is learnt, and which tokens see features.

    Args:
        sizes: height and width of each level, finest first.

    Returns:
        Logits of relative boxes around the centre of each cell, float32 [S, 4]; and bool [S, 1].
    """
    shares = np.concatenate([cell_boxes(*size, SIDE * 2**level) for level, size in enumerate(sizes)])
    seen = np.all((shares > MARGIN) & (shares < 1 - MARGIN), axis=-1, keepdims=True)
    return np.where(seen, np.log(shares / (1 - shares)), FAR).astype(np.float32), seen


def cell_boxes(height: int, width: int, side: float = SIDE) -> np.ndarray:
    """Return the relative boxes around the centres of the cells of a grid, row by row: float64 [height * width, 4].

    Args:
        height: rows.
        width: columns.
        side: of the boxes, as a share of the image's sides.
    """
    y, x = (np.mgrid[:height, :width] + 0.5) / np.array([height, width]).reshape(2, 1, 1)
    sides = np.full_like(x, side)
    return np.stack([x, y, sides, sides], axis=-1).reshape(-1, 4)

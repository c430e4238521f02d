"""D-FINE's decoder: each layer refines the distributions of where the sides of a box are.

Paper: Peng et al., D-FINE, arXiv 2410.13842, section 4.1. Authors' code: https://github.com/Peterande/D-FINE,
`src/zoo/dfine/dfine_decoder.py` (Apache-2.0). DEIMv2 has this decoder too.
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from detect.layers.attention import Perceptron
from detect.layers.composite import Composite
from detect.layers.convolution import prior_bias
from detect.layers.decoder_layer import DecoderLayer
from detect.ops.distributions import expected_distances, moved_sides, weighting_values
from detect.ops.relative_boxes import logit

FARTHEST = 10.0  # bound of the codes of boxes
LIKELIEST = 4  # probabilities of a distribution that tell how certain it is


class Refined(NamedTuple):
    """Classes, boxes and distributions of queries after a layer, float32."""

    class_logits: tf.Tensor  # [B, Q, K]
    boxes: tf.Tensor  # [B, Q, 4], relative boxes
    corners: tf.Tensor  # [B, Q, 4 * n], logits of the distributions


class Decoded(NamedTuple):
    """Output of the decoder."""

    class_logits: tf.Tensor  # float32 [B, Q, K], of the first layer, before its distributions
    references: tf.Tensor  # float32 [B, Q, 4], the relative boxes that all distributions refine
    layers: list[Refined]


class RefinementDecoder(Composite):
    """Queries and their first boxes -> classes and boxes of each layer.

    Args:
        channels: D.
        classes: K.
        layers: number of layers.
        heads: of the attentions.
        hidden: channels within the perceptron of a layer.
        points: of the deformable attention, for each level.
        values: number of the values of a distribution, see `weighting_values`.
        reach: of the values, see there.
        scale: of the values, see there.
        prior: initial score of every class.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        layers: int,
        heads: int,
        hidden: int,
        points: tuple[int, ...],
        values: int,
        reach: float,
        scale: float,
        prior: float = 0.01,
        name: str | None = None,
    ):
        super().__init__(name=name, autocast=False)  # boxes stay float32
        self.values = weighting_values(values, reach, scale)
        self.scale = scale
        last = {"kernel_initializer": "zeros", "dtype": "float32"}
        self.position = Perceptron((2 * channels, channels), name="position")
        self.first_box = Perceptron((channels, channels, 4), last=last, name="first_box")
        self.layers = [
            DecoderLayer(channels, heads, hidden, points, gated=True, name=f"layer{index}") for index in range(layers)
        ]
        self.class_logits = [
            keras.layers.Dense(
                classes, bias_initializer=prior_bias(prior), dtype="float32", name=f"class_logits{index}"
            )
            for index in range(layers)
        ]
        self.corners = [
            Perceptron((channels, channels, 4 * values), last=last, name=f"corners{index}") for index in range(layers)
        ]
        self.quality = [
            Perceptron((64, 1), last={"kernel_initializer": "zeros"}, name=f"quality{index}") for index in range(layers)
        ]

    def call(
        self,
        queries: tf.Tensor,
        boxes: tf.Tensor,
        memory: tf.Tensor,
        sizes: Sequence[tuple[int, int]],
        attention_mask: tf.Tensor | None = None,
    ) -> Decoded:
        """Return what every layer says. No gradient flows from one layer's boxes to the one before.

        Args:
            queries: [B, Q, D].
            boxes: float32 [B, Q, 4], relative boxes.
            memory: [B, S, D], tokens of all levels side by side.
            sizes: height and width of each level.
            attention_mask: [Q, Q], see `MultiHeadAttention`.
        """
        first_logits = references = corners = None
        earlier = 0.0
        refined: list[Refined] = []
        for index, layer in enumerate(self.layers):
            positions = tf.clip_by_value(self.position(boxes), -FARTHEST, FARTHEST)
            queries = layer(queries, positions, boxes, memory, sizes=sizes, attention_mask=attention_mask)
            class_logits = self.class_logits[index](queries)
            change = self.corners[index](queries + earlier)
            if index == 0:
                first_logits = class_logits
                references = tf.sigmoid(self.first_box(queries) + logit(boxes))
                corners = change
            else:
                corners += change
            distances = expected_distances(corners, self.values)
            found = moved_sides(tf.stop_gradient(references), distances, self.scale)
            refined.append(Refined(class_logits + self._quality(index, corners), found, corners))
            boxes, earlier = tf.stop_gradient(found), tf.stop_gradient(queries)
        return Decoded(first_logits, references, refined)

    def _quality(self, index: int, corners: tf.Tensor) -> tf.Tensor:
        """Return what a layer adds to its class logits for how certain the box is, [B, Q, 1].

        It sees the largest probabilities of each side's distribution, and their mean.
        """
        shares = tf.nn.softmax(tf.reshape(corners, [-1, corners.shape[1], 4, len(self.values)]))
        likeliest = tf.math.top_k(shares, LIKELIEST).values
        seen = tf.concat([likeliest, tf.reduce_mean(likeliest, axis=-1, keepdims=True)], axis=-1)
        seen = tf.reshape(seen, [-1, corners.shape[1], 4 * (LIKELIEST + 1)])
        return tf.cast(self.quality[index](seen), tf.float32)

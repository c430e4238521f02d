"""D-FINE's decoder, which DEIMv2 has too: each layer refines the distributions of where the sides of a box are.

Papers: Peng et al., D-FINE, arXiv 2410.13842, section 4.1; Huang et al., DEIMv2, arXiv 2509.20787, section 3.3.
Authors' code: https://github.com/Peterande/D-FINE, `src/zoo/dfine/dfine_decoder.py`, and
https://github.com/Intellindust-AI-Lab/DEIMv2, `engine/deim/deim_decoder.py` (both Apache-2.0).
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from detect.layers.attention import Perceptron
from detect.layers.composite import Composite
from detect.layers.convolution import prior_bias
from detect.layers.decoder_layer import Decoded, DecoderLayer
from detect.ops.activations import swish
from detect.ops.distributions import expected_distances, moved_sides, probabilities_by_side, weighting_values
from detect.ops.relative_boxes import logit

FARTHEST = 10.0  # bound of the codes of boxes
LIKELIEST = 4  # probabilities of a distribution that tell how certain it is


class RefinementDecoder(Composite):
    """Queries and their first boxes -> classes, boxes and distributions of each layer.

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
        gated: as of `DecoderLayer`.
        shared: whether one perceptron finds the distributions of all layers.
        revised: whether all else is as in DEIMv2: layers that are `rms`, perceptrons with SiLU, and codes of the first
            boxes in all layers, instead of those of the boxes that the layer is given.
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
        gated: bool = True,
        shared: bool = False,
        revised: bool = False,
        name: str | None = None,
    ):
        super().__init__(name=name, autocast=False)  # boxes stay float32
        self.values = weighting_values(values, reach, scale)
        self.scale = scale
        self.revised = revised
        act = swish if revised else tf.nn.relu
        last = {"kernel_initializer": "zeros", "dtype": "float32"}
        self.position = Perceptron(3 * (channels,) if revised else (2 * channels, channels), act, name="position")
        self.first_box = Perceptron((channels, channels, 4), act, last, name="first_box")
        self.layers = [
            DecoderLayer(channels, heads, hidden, points, gated, projected=False, rms=revised, name=f"layer{index}")
            for index in range(layers)
        ]
        self.class_logits = [
            keras.layers.Dense(
                classes, bias_initializer=prior_bias(prior), dtype="float32", name=f"class_logits{index}"
            )
            for index in range(layers)
        ]
        self.corners = [
            Perceptron((channels, channels, 4 * values), act, last, name=f"corners{index}")
            for index in range(1 if shared else layers)
        ] * (layers if shared else 1)
        self.quality = [
            Perceptron((64, 1), act, {"kernel_initializer": "zeros"}, name=f"quality{index}") for index in range(layers)
        ]

    def call(
        self,
        queries: tf.Tensor,
        boxes: tf.Tensor,
        memory: tf.Tensor,
        sizes: Sequence[tuple[int, int]],
        attention_mask: tf.Tensor | None = None,
    ) -> Decoded:
        """Return what every layer says, before that what the first says of classes and boxes without distributions.

        No gradient flows from one layer's boxes to the one before.

        Args:
            queries: [B, Q, D].
            boxes: float32 [B, Q, 4], relative boxes.
            memory: [B, S, D], tokens of all levels side by side.
            sizes: height and width of each level.
            attention_mask: [Q, Q], see `MultiHeadAttention`.
        """
        decoded = Decoded([], [], [])
        references = positions = None
        earlier = corners = 0.0
        for index, layer in enumerate(self.layers):
            if index == 0 or not self.revised:
                positions = tf.clip_by_value(self.position(boxes), -FARTHEST, FARTHEST)
            queries = layer(queries, positions, boxes, memory, sizes=sizes, attention_mask=attention_mask)
            class_logits = self.class_logits[index](queries)
            if index == 0:
                references = tf.sigmoid(self.first_box(queries) + logit(boxes))
                decoded.class_logits.append(class_logits)
                decoded.boxes.append(references)
            corners += self.corners[index](queries + earlier)
            shares = probabilities_by_side(corners, len(self.values))
            found = moved_sides(tf.stop_gradient(references), expected_distances(shares, self.values), self.scale)
            decoded.class_logits.append(class_logits + self._quality(index, shares))
            decoded.boxes.append(found)
            decoded.corners.append(corners)
            boxes, earlier = tf.stop_gradient(found), tf.stop_gradient(queries)
        return decoded._replace(references=references)

    def _quality(self, index: int, shares: tf.Tensor) -> tf.Tensor:
        """Return what a layer adds to its class logits for how certain the box is, [B, Q, 1].

        It sees the largest probabilities of each side's distribution, and their mean.
        """
        likeliest = tf.math.top_k(shares, LIKELIEST).values
        seen = tf.concat([likeliest, tf.reduce_mean(likeliest, axis=-1, keepdims=True)], axis=-1)
        seen = tf.reshape(seen, [-1, shares.shape[1], 4 * (LIKELIEST + 1)])
        return tf.cast(self.quality[index](seen), tf.float32)

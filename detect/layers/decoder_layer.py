"""A layer of a transformer's decoder: queries look at each other, then at the features of the image.

Source: Deformable DETR (Zhu et al., arXiv 2010.04159, section 4.2); D-FINE adds what a query finds in the image through
a gate instead of a sum (Peng et al., arXiv 2410.13842, section 4.2); DEIMv2 has other normalisations and perceptrons
(Huang et al., arXiv 2509.20787, section 3.3).
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from detect.layers.attention import (
    MultiHeadAttention,
    Perceptron,
    SwiGLU,
    layer_normalization,
    rms_normalization,
)
from detect.layers.composite import Composite
from detect.layers.deformable_attention import DeformableAttention
from detect.ops.deformable import Method


class Decoded(NamedTuple):
    """Predictions of each layer of a decoder for its queries, the last layer last; boxes are relative boxes."""

    class_logits: list[tf.Tensor]  # float32 [B, Q, K] each
    boxes: list[tf.Tensor]  # float32 [B, Q, 4] each
    corners: list[tf.Tensor]  # float32 [B, Q, 4 * n] each: logits of distributions, of the last layers; or none
    references: tf.Tensor | None = None  # float32 [B, Q, 4]: the boxes that all distributions refine


class DecoderLayer(Composite):
    """Queries [B, Q, D] -> the same: self-attention, deformable attention, a perceptron.

    Args:
        channels: D.
        heads: of both attentions.
        hidden: channels within the perceptron; for `rms` twice as many, of which half are gates.
        points: of the deformable attention, for each level.
        gated: whether a `Gate` adds what was found in the image, instead of a sum.
        projected: whether the memory is projected, see `DeformableAttention`.
        rms: whether tokens are normalised by their root mean squares and the perceptron is a `SwiGLU`, instead of
            layer normalisations and a ReLU.
        method: of the sampling.
        sampling_heads: heads of the deformable attention; by default `heads`.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        hidden: int,
        points: tuple[int, ...],
        gated: bool = False,
        projected: bool = True,
        rms: bool = False,
        method: Method = "bilinear",
        sampling_heads: int | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name, autocast=False)  # boxes stay float32
        normalization = rms_normalization if rms else layer_normalization
        self.attention = MultiHeadAttention(channels, heads, name="attention")
        self.attention_normalization = normalization("attention_normalization")
        self.sampling = DeformableAttention(
            channels, sampling_heads or heads, points, projected, method, name="sampling"
        )
        self.gated = gated
        if gated:
            self.gate = Gate(channels, normalization("normalization"), name="gate")
        else:
            self.sampling_normalization = normalization("sampling_normalization")
        self.perceptron = (
            SwiGLU(hidden // 2, channels, name="perceptron")
            if rms
            else Perceptron((hidden, channels), name="perceptron")
        )
        self.normalization = normalization("normalization")

    def call(
        self,
        queries: tf.Tensor,
        positions: tf.Tensor,
        boxes: tf.Tensor,
        memory: tf.Tensor,
        sizes: Sequence[tuple[int, int]],
        attention_mask: tf.Tensor | None = None,
        groups: int = 1,
    ) -> tf.Tensor:
        """Return the queries with what they have found.

        Args:
            queries: [B, Q, D].
            positions: [B, Q, D], codes of the boxes.
            boxes: float32 [B, Q, 4], relative boxes that the queries stand for.
            memory: [B, S, D], tokens of all levels side by side.
            sizes: height and width of each level.
            attention_mask: [Q, Q], see `MultiHeadAttention`; of the queries of a group.
            groups: equal parts of the queries, which do not look at each other.
        """
        _, count, channels = queries.shape
        apart, places = (tf.reshape(part, [-1, count // groups, channels]) for part in (queries, positions))
        attended = tf.reshape(self.attention(apart, places, attention_mask=attention_mask), [-1, count, channels])
        queries = self.attention_normalization(queries + attended)
        found = self.sampling(queries + positions, boxes, memory, sizes=sizes)
        queries = self.gate(queries, found) if self.gated else self.sampling_normalization(queries + found)
        return self.normalization(queries + self.perceptron(queries))


class Gate(Composite):
    """Sum of two tensors [B, Q, D], each times a share that is learnt from both, normalised.

    Args:
        channels: D.
        normalization: of the sum.
    """

    def __init__(self, channels: int, normalization: keras.layers.Layer, name: str | None = None):
        super().__init__(name=name)
        self.shares = keras.layers.Dense(2 * channels, kernel_initializer="zeros", name="shares")
        self.normalization = normalization

    def call(self, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        shares = tf.sigmoid(self.shares(tf.concat([first, second], axis=-1)))
        share_of_first, share_of_second = tf.split(shares, 2, axis=-1)
        return self.normalization(share_of_first * first + share_of_second * second)

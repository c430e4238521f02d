"""Attention between tokens, and the parts that transformers of several detectors share.

Source: Vaswani et al., Attention Is All You Need (arXiv 1706.03762); as in DETR (Carion et al., arXiv 2005.12872),
positions are added to queries and keys but not to values. The parameters are those of PyTorch's
`torch.nn.MultiheadAttention`, whose three projections of the input are one tensor there.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from detect.layers.composite import Composite
from detect.ops.activations import swish

EPSILON = 1e-5  # of layer normalisations, as in PyTorch


class MultiHeadAttention(Composite):
    """Self-attention of tokens [B, T, D], which have positions.

    It is written in matrix products, because Keras' layer takes longer: it reorders axes by `einsum`.

    Args:
        channels: D.
        heads: number of heads, which divide the channels among themselves.
    """

    def __init__(self, channels: int, heads: int, name: str | None = None):
        super().__init__(name=name)
        self.channels = channels
        self.heads = heads
        self.query, self.key, self.value, self.output_projection = (
            keras.layers.Dense(channels, name=part) for part in ("query", "key", "value", "output")
        )

    def call(
        self, tokens: tf.Tensor, positions: tf.Tensor | None = None, attention_mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Return what each token makes of all tokens.

        Args:
            tokens: [B, T, D].
            positions: [T, D] or [B, T, D], added to the tokens where they are compared.
            attention_mask: [T, T], added to the logits of the attention, -inf where the token of a row must not look at
                that of a column.
        """
        placed = tokens if positions is None else tokens + positions
        query = self._by_head(self.query(placed)) * (self.channels // self.heads) ** -0.5
        logits = tf.matmul(query, self._by_head(self.key(placed)), transpose_b=True)  # [B, heads, T, T]
        if attention_mask is not None:
            logits += tf.cast(attention_mask, logits.dtype)
        shares = tf.cast(tf.nn.softmax(tf.cast(logits, tf.float32)), logits.dtype)  # bfloat16 cannot add up many
        attended = tf.matmul(shares, self._by_head(self.value(tokens)))
        return self.output_projection(tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), tf.shape(tokens)))

    def _by_head(self, tokens: tf.Tensor) -> tf.Tensor:
        """Return tokens [B, T, D] as [B, heads, T, D / heads]."""
        split = tf.reshape(tokens, [-1, tokens.shape[1], self.heads, self.channels // self.heads])
        return tf.transpose(split, [0, 2, 1, 3])


class EncoderLayer(Composite):
    """Self-attention and a perceptron, each added to its input and then normalised: tokens [B, T, D] -> the same.

    Args:
        channels: D.
        heads: of the attention.
        hidden: channels within the perceptron, which has a GELU.
    """

    def __init__(self, channels: int, heads: int, hidden: int, name: str | None = None):
        super().__init__(name=name)
        self.attention = MultiHeadAttention(channels, heads, name="attention")
        self.attention_normalization = layer_normalization("attention_normalization")
        self.perceptron = Perceptron((hidden, channels), gelu, name="perceptron")
        self.normalization = layer_normalization("normalization")

    def call(self, tokens: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
        tokens = self.attention_normalization(tokens + self.attention(tokens, positions))
        return self.normalization(tokens + self.perceptron(tokens))


class SwiGLU(Composite):
    """Perceptron whose hidden channels are gated: [..., C] -> [..., channels]; Shazeer 2020, arXiv 2002.05202, eq. 6.

    Args:
        hidden: channels within.
        channels: of the output.
    """

    def __init__(self, hidden: int, channels: int, name: str | None = None):
        super().__init__(name=name)
        # The first one returns the gates, then what they let through.
        self.layers = [
            keras.layers.Dense(count, name=f"layer{index}") for index, count in enumerate((2 * hidden, channels))
        ]

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        gates, features = tf.split(self.layers[0](inputs), 2, axis=-1)
        return self.layers[1](swish(gates) * features)


class Perceptron(Composite):
    """Fully connected layers with an activation between them: [..., C] -> [..., channels of the last].

    Args:
        channels: of each layer's output.
        activation: between the layers.
        last: options of the last layer.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.relu,
        last: Mapping[str, Any] = MappingProxyType({}),
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.activation = activation
        options: list[Mapping[str, Any]] = [*({} for _ in channels[:-1]), last]
        self.layers = [
            keras.layers.Dense(count, name=f"layer{index}", **option)
            for index, (count, option) in enumerate(zip(channels, options, strict=True))
        ]

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        features = inputs
        for layer in self.layers[:-1]:
            features = self.activation(layer(features))
        return self.layers[-1](features)


def gelu(features: tf.Tensor) -> tf.Tensor:
    """Return `x * Phi(x)`, element by element, with the exact normal distribution (arXiv 1606.08415).

    It is written with erf, by which runtimes know it; TensorFlow's own has erfc.
    """
    return 0.5 * features * (1 + tf.math.erf(features * 0.5**0.5))


class LayerNormalization(keras.layers.LayerNormalization):
    """Keras' layer, over the channels of each token (arXiv 1607.06450), computed by `standardized`."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.cast(standardized(inputs, self.epsilon) * self.gamma + self.beta, self.compute_dtype)


def standardized(features: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Return features [..., C] less their mean, divided by their deviation over the channels: float32.

    The mean is subtracted first, or much would be lost where it is large; and OpenVINO knows a normalisation by this
    form only.

    Args:
        features: [..., C].
        epsilon: added to the variance.
    """
    features = tf.cast(features, tf.float32)
    centred = features - tf.reduce_mean(features, axis=[-1], keepdims=True)  # OpenVINO fails with a scalar axis
    return centred / tf.sqrt(tf.reduce_mean(tf.square(centred), axis=[-1], keepdims=True) + epsilon)


def layer_normalization(name: str, epsilon: float = EPSILON) -> LayerNormalization:
    """Return a normalisation over the channels of each token."""
    return LayerNormalization(epsilon=epsilon, name=name)


def rms_normalization(name: str) -> keras.layers.RMSNormalization:
    """Return a normalisation of each token by the root mean square of its channels (arXiv 1910.07467)."""
    return keras.layers.RMSNormalization(epsilon=1e-6, name=name)


def sine_positions(height: int, width: int, channels: int, temperature: float = 10_000.0) -> np.ndarray:
    """Return the codes of the cells of a grid, row by row: float32 [height * width, channels].

    A quarter of the channels each has sine and cosine of the row and sine and cosine of the column, with wavelengths
    from 2 pi to 2 pi * temperature (arXiv 1706.03762, section 3.5, for two axes).

    Args:
        height: rows.
        width: columns.
        channels: a multiple of 4.
        temperature: the ratio of wavelengths.
    """
    quarter = channels // 4
    frequencies = 1 / temperature ** (np.arange(quarter) / quarter)
    rows, columns = (axis.reshape(-1, 1) * frequencies for axis in np.mgrid[:height, :width])
    return np.concatenate([np.sin(rows), np.cos(rows), np.sin(columns), np.cos(columns)], axis=1).astype(np.float32)

"""The queries of RF-DETR: chosen in two stages, decoded in groups.

Papers: LW-DETR (Chen et al., arXiv 2406.03459, section 3.1), whose decoder this is; Group DETR (Chen et al., arXiv
2207.13085): in training there are several groups of queries, each of which learns all boxes; only the first is used
afterwards. Authors' code: https://github.com/roboflow/rf-detr, `rfdetr/models/transformer.py` and
`rfdetr/models/lwdetr.py` (Apache-2.0).

Groups lie side by side: of G groups of Q queries, number g * Q + q is query q of group g.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from detect.layers.attention import EPSILON, Perceptron, layer_normalization, standardized
from detect.layers.composite import Composite
from detect.layers.convolution import prior_bias
from detect.layers.decoder_layer import DecoderLayer
from detect.layers.query_selection import MARGIN, cell_boxes
from detect.ops.compiling import dimension

TEMPERATURE = 10_000  # ratio of the wavelengths in the codes of boxes


class Answers(NamedTuple):
    """Classes and boxes of queries."""

    class_logits: tf.Tensor  # float32 [B, Q, K], or of several layers [L, B, Q, K]
    boxes: tf.Tensor  # float32 [B, Q, 4], relative boxes; or [L, B, Q, 4]


class GroupedSelection(Composite):
    """Memory [B, S, C] -> for each group the `queries` best tokens, or all of them where there are fewer.

    Args:
        channels: C.
        classes: K.
        queries: Q, of a group.
        groups: G.
        prior: initial score of every class.
    """

    def __init__(
        self, channels: int, classes: int, queries: int, groups: int, prior: float = 0.01, name: str | None = None
    ):
        super().__init__(name=name)
        self.queries = queries
        self.projection = GroupedDense(channels, groups, name="projection")
        self.normalization = GroupedNormalization(groups, name="normalization")
        self.class_logits = GroupedDense(
            classes, groups, bias_initializer=prior_bias(prior), dtype="float32", name="class_logits"
        )
        self.box0 = GroupedDense(channels, groups, name="box0")
        self.box1 = GroupedDense(channels, groups, name="box1")
        self.box2 = GroupedDense(4, groups, kernel_initializer="zeros", dtype="float32", name="box2")

    def call(self, memory: tf.Tensor, height: int, width: int, groups: int) -> Answers:
        """Return what the chosen tokens say, [B, groups * Q, ...], the best of each group first.

        Args:
            memory: [B, height * width, C].
            height: rows of tokens.
            width: tokens of a row.
            groups: how many of the groups choose.
        """
        cells = cell_boxes(height, width).astype(np.float32)
        inner = np.flatnonzero(np.all((cells > MARGIN) & (cells < 1 - MARGIN), axis=1))
        cells = tf.constant(cells[inner])
        memory = memory if len(inner) == height * width else tf.gather(memory, inner, axis=1)
        shared = tf.reshape(memory, [1, -1, memory.shape[-1]])  # batch and tokens as one axis
        tokens = self.normalization(self.projection(shared, groups=groups), groups=groups)
        logits = self.class_logits(tokens, groups=groups)
        tokens, logits = (tf.reshape(part, [groups, -1, len(inner), part.shape[-1]]) for part in (tokens, logits))
        count = min(self.queries, len(inner))
        chosen = tf.math.top_k(tf.reduce_max(logits, axis=-1), count).indices  # [groups, B, Q]
        tokens, logits = (tf.gather(part, chosen, batch_dims=2) for part in (tokens, logits))
        boxes = refined(tf.gather(cells, chosen), self._deltas(tokens, groups))
        return Answers(_side_by_side(logits), _side_by_side(boxes))

    def _deltas(self, tokens: tf.Tensor, groups: int) -> tf.Tensor:
        """Return the changes of the boxes of tokens [groups, B, Q, C]: float32 [groups, B, Q, 4]."""
        _, _, count, channels = tokens.shape
        flat = tf.reshape(tokens, [groups, -1, channels])
        hidden = tf.nn.relu(self.box0(flat, groups=groups))
        hidden = tf.nn.relu(self.box1(hidden, groups=groups))
        return tf.reshape(self.box2(hidden, groups=groups), [groups, -1, count, 4])


class GroupedDecoder(Composite):
    """Boxes of each query -> its classes and boxes after each layer.

    All layers look around the same boxes, and all change these.

    Args:
        channels: C.
        classes: K.
        layers: number of layers.
        heads: of the attention among the queries of a group.
        sampling_heads: of the deformable attention.
        hidden: channels within the perceptron of a layer.
        points: that a head of the deformable attention looks at.
        queries: Q, of a group.
        groups: G.
        prior: initial score of every class.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        layers: int,
        heads: int,
        sampling_heads: int,
        hidden: int,
        points: int,
        queries: int,
        groups: int,
        prior: float = 0.01,
        name: str | None = None,
    ):
        super().__init__(name=name, autocast=False)  # boxes stay float32
        self.channels = channels
        self.shape = (groups, queries)
        self.position = Perceptron((channels, channels), name="position")
        self.layers = [
            DecoderLayer(channels, heads, hidden, (points,), sampling_heads=sampling_heads, name=f"layer{index}")
            for index in range(layers)
        ]
        self.normalization = layer_normalization("normalization")
        self.class_logits = keras.layers.Dense(
            classes, bias_initializer=prior_bias(prior), dtype="float32", name="class_logits"
        )
        last = {"kernel_initializer": "zeros", "dtype": "float32"}
        self.box = Perceptron((channels, channels, 4), last=last, name="box")

    def build(self, input_shape) -> None:
        self.features = self.add_weight(
            name="features", shape=[*self.shape, self.channels], initializer="random_normal"
        )
        self.deltas = self.add_weight(name="deltas", shape=[*self.shape, 4], initializer="zeros")

    def call(self, memory: tf.Tensor, sizes: Sequence[tuple[int, int]], boxes: tf.Tensor, groups: int) -> Answers:
        """Return what each layer says of the queries, the last layer last.

        Args:
            memory: [B, S, C], tokens of all levels side by side.
            sizes: height and width of each level.
            boxes: float32 [B, groups * Q, 4], relative boxes; no gradient flows to them.
            groups: how many of the groups there are.
        """
        count = boxes.shape[1] // groups
        deltas = tf.reshape(self.deltas[:groups, :count], [groups * count, 4])
        boxes = refined(tf.stop_gradient(boxes), deltas)
        positions = self.position(tf.cast(box_codes(boxes, self.channels // 2), memory.dtype))
        start = tf.reshape(self.features[:groups, :count], [groups * count, self.channels])
        queries = tf.broadcast_to(tf.cast(start, memory.dtype), tf.shape(positions))
        logits, found = [], []
        for layer in self.layers:
            queries = layer(queries, positions, boxes, memory, sizes=sizes, groups=groups)
            features = self.normalization(queries)
            logits.append(self.class_logits(features))
            found.append(refined(boxes, self.box(features)))
        return Answers(tf.stack(logits), tf.stack(found))


class GroupedDense(keras.layers.Layer):
    """A fully connected layer for each group: [groups, N, C] -> [groups, N, units]. See `GroupedSelection`.

    Args:
        units: channels of the output.
        groups: how many groups there are.
        kernel_initializer: of the kernels; by default that of Glorot, for each group by itself.
        bias_initializer: of the biases.
    """

    def __init__(
        self,
        units: int,
        groups: int,
        kernel_initializer: str | None = None,
        bias_initializer: str | keras.initializers.Initializer = "zeros",
        **options: Any,
    ):
        super().__init__(**options)
        self.units = units
        self.groups = groups
        # Keras takes the groups for places of a convolution, which makes the fans larger.
        alone = keras.initializers.VarianceScaling(scale=groups, mode="fan_avg", distribution="uniform")
        self.kernel_initializer = kernel_initializer or alone
        self.bias_initializer = bias_initializer

    def build(self, input_shape) -> None:
        shape = (self.groups, input_shape[-1], self.units)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self.kernel_initializer)
        shape = (self.groups, 1, self.units)
        self.bias = self.add_weight(name="bias", shape=shape, initializer=self.bias_initializer)

    def call(self, inputs: tf.Tensor, groups: int) -> tf.Tensor:
        """Return the outputs of the first `groups`; inputs are those of each [groups, N, C], or of all [1, N, C]."""
        return tf.matmul(inputs, self.kernel[:groups]) + self.bias[:groups]


class GroupedNormalization(keras.layers.Layer):
    """Layer normalisation with a scale and an offset of each group: [groups, N, C] -> the same.

    Args:
        groups: how many groups there are.
    """

    def __init__(self, groups: int, name: str | None = None):
        super().__init__(name=name)
        self.groups = groups

    def build(self, input_shape) -> None:
        shape = (self.groups, 1, input_shape[-1])
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones", autocast=False)
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros", autocast=False)

    def call(self, inputs: tf.Tensor, groups: int) -> tf.Tensor:
        """Return the first `groups`, normalised."""
        features = standardized(inputs, EPSILON) * self.gamma[:groups] + self.beta[:groups]
        return tf.cast(features, inputs.dtype)


def refined(boxes: tf.Tensor, deltas: tf.Tensor) -> tf.Tensor:
    """Return relative boxes [..., 4] with centres moved by so many sides, and sides multiplied by exp(delta).

    Args:
        boxes: float32 [..., 4].
        deltas: float32, of a shape that broadcasts with that.
    """
    centres, sides = boxes[..., :2], boxes[..., 2:]
    return tf.concat([centres + deltas[..., :2] * sides, tf.exp(deltas[..., 2:]) * sides], axis=-1)


def box_codes(boxes: tf.Tensor, channels: int) -> tf.Tensor:
    """Return codes of relative boxes [..., 4], of y, x, width and height in this order: float32 [..., 4 * channels].

    A number has sine and cosine in turn, with wavelengths from 1 to nearly `TEMPERATURE`.

    Args:
        boxes: float32 [..., 4].
        channels: of each of the four numbers; even.
    """
    frequencies = 2 * np.pi / TEMPERATURE ** (np.arange(0, channels, 2) / channels)
    numbers = tf.gather(boxes, [1, 0, 2, 3], axis=-1)
    angles = numbers[..., None] * tf.constant(frequencies, tf.float32)  # [..., 4, channels / 2]
    codes = tf.stack([tf.sin(angles), tf.cos(angles)], axis=-1)
    leading = [dimension(boxes, axis) for axis in range(boxes.shape.rank - 1)]
    return tf.reshape(codes, [*leading, 4 * channels])


def _side_by_side(values: tf.Tensor) -> tf.Tensor:
    """Return values of each group [groups, B, Q, C] as [B, groups * Q, C]."""
    groups, _, count, channels = values.shape
    return tf.reshape(tf.transpose(values, [1, 0, 2, 3]), [-1, groups * count, channels])

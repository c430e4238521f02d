"""BiFPN, the neck of EfficientDet: a pyramid that is passed top-down and bottom-up, several times.

Paper: Tan et al., EfficientDet, arXiv 1911.09070; figure 2 (d) shows a cell. Structure and initial values are those of
the authors' code (https://github.com/google/automl, `efficientdet/tf2/`, Apache-2.0), so that the published weights
fit.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.composite import Composite
from detect.layers.path_aggregation import enlarge
from detect.layers.same_convolution import SameConvolution, SeparableConvolution

EPSILON = 1e-4  # paper, section 3.3

Activation = Callable[[tf.Tensor], tf.Tensor]


class BiFpn(Composite):
    """Features at strides 8, 16 and 32 -> levels P3, P4 and so on, at strides 8, 16, 32, 64 and so on.

    A level is half as high and wide as the one before it, rounded up.

    Args:
        filters: channels of every level.
        cells: how often the pyramid is passed down and up.
        levels: number of levels; those beyond P5 are pooled from the last features.
        weighted: whether features are fused with learnt weights ("fast normalized fusion", section 3.3) or just added.
        activation: of every node.
    """

    def __init__(
        self,
        filters: int,
        cells: int,
        levels: int,
        weighted: bool,
        activation: Activation,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.pooled = levels - 3
        self.coarse = lateral(filters, "coarse")
        options: dict[str, Any] = {"filters": filters, "levels": levels, "weighted": weighted, "activation": activation}
        self.cells = [Cell(**options, first=index == 0, name=f"cell{index}") for index in range(cells)]

    def call(self, features: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        levels = [*features, pool(self.coarse(features[-1], training=training))]
        for _ in range(self.pooled - 1):
            levels.append(pool(levels[-1]))
        for cell in self.cells:
            levels = cell(levels, training=training)
        return levels


class Cell(Composite):
    """All levels, finest first -> levels of the same sizes, each computed from all others.

    Args:
        filters: channels of every level.
        levels: number of levels.
        weighted: whether features are fused with learnt weights.
        activation: of every node.
        first: whether this is the first cell, whose three finest features come from the backbone with other channels.
    """

    def __init__(
        self,
        filters: int,
        levels: int,
        weighted: bool,
        activation: Activation,
        first: bool,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.levels = levels

        def node(level: int, name: str) -> Node:
            return Node(filters, first and level < 3, weighted, activation, name=f"{name}{level + 3}")

        self.down = [node(level, "down") for level in range(levels - 1)]  # P3 to the last but one
        self.up = [node(level, "up") for level in range(1, levels)]  # P4 to the last

    def call(self, features: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        down = [features[-1]]
        for level in reversed(range(self.levels - 1)):
            coarser = fitted(down[0], like=features[level])
            down.insert(0, self.down[level]([features[level], coarser], training=training))
        outputs = [down[0]]
        for level in range(1, self.levels):
            between = [down[level]] if level < self.levels - 1 else []
            fused = [features[level], *between, pool(outputs[-1])]
            outputs.append(self.up[level - 1](fused, training=training))
        return outputs


class Node(Composite):
    """Fuse features of one size: a weighted sum, the activation, a separable convolution and a normalisation.

    Args:
        filters: channels of the output.
        project: whether the first of the features has other channels and is projected.
        weighted: whether the sum has learnt weights.
        activation: of the sum.
    """

    def __init__(self, filters: int, project: bool, weighted: bool, activation: Activation, name: str | None = None):
        super().__init__(name=name)
        self.activation = activation
        self.project = lateral(filters, "project") if project else None
        self.fusion = Fusion(name="fusion") if weighted else None
        self.convolution = SeparableConvolution(filters, "glorot_uniform", name="convolution")
        self.normalization = BatchNormalization(name="normalization")

    def build(self, input_shape) -> None:
        self.normalization.build((None, None, None, self.convolution.filters))

    def call(self, features: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        first, *others = features
        if self.project is not None:
            first = self.project(first, training=training)
        fused = tf.add_n([first, *others]) if self.fusion is None else self.fusion([first, *others])
        return self.convolution(self.activation(fused), normalization=self.normalization, training=training)


class Fusion(keras.layers.Layer):
    """Average features [B, H, W, C] with learnt weights, none of which is negative (paper, section 3.3)."""

    def build(self, input_shape) -> None:
        self.shares = [
            self.add_weight(name=f"share{index}", shape=(), initializer="ones", autocast=False)
            for index in range(len(input_shape))
        ]

    def call(self, features: list[tf.Tensor]) -> tf.Tensor:
        shares = [tf.nn.relu(share) for share in self.shares]
        total = tf.add_n(shares) + EPSILON
        pairs = zip(features, shares, strict=True)
        return tf.add_n([level * tf.cast(share / total, level.dtype) for level, share in pairs])


def lateral(filters: int, name: str) -> SameConvolution:
    """Return a 1 x 1 convolution from the backbone's channels to those of the pyramid."""
    return SameConvolution(filters, bias=True, initializer="glorot_uniform", name=name)


def pool(features: tf.Tensor) -> tf.Tensor:
    """Return the maxima over 3 x 3 with stride 2: half the height and width, rounded up."""
    return tf.nn.max_pool2d(features, 3, 2, "SAME")


def fitted(features: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Return the features enlarged to the size of `like`, by repeating each value.

    The height and width of `like` are twice those of `features`, or one less.
    """
    height, width = like.shape[1:3]
    enlarged = enlarge(features)
    even = (height, width) == (2 * features.shape[1], 2 * features.shape[2])
    return enlarged if even else enlarged[:, :height, :width]

"""Blocks of parallel 3 x 3 and 1 x 1 convolutions, computed as one convolution where the statistics are fixed.

Source: RepVGG (Ding et al., arXiv 2101.03697, section 3.3); as parts of cross-stage partial blocks they are in
RT-DETR's (arXiv 2304.08069, section 4.2) and D-FINE's (arXiv 2410.13842, section 4.2) hybrid encoder. Structure and
activations are those of the authors' code (https://github.com/Peterande/D-FINE, `src/zoo/dfine/hybrid_encoder.py`, and
https://github.com/lyuwenyu/RT-DETR, `rtdetrv2_pytorch/src/zoo/rtdetr/hybrid_encoder.py`; both Apache-2.0).
"""

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.normalized_convolution import NormalizedConvolution, fixed_affine
from detect.ops.activations import swish


class ActivatedConvolution(Composite):
    """Convolution, batch normalisation and SiLU: [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), filters]."""

    def __init__(self, filters: int, kernel_size: int = 1, stride: int = 1, name: str | None = None):
        super().__init__(name=name)
        self.convolution = NormalizedConvolution(filters, kernel_size, stride, name="convolution")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return swish(self.convolution(inputs, training=training))


class RepBlock(Composite):
    """The sum of a 3 x 3 and a 1 x 1 convolution, each normalised, and SiLU: [B, H, W, C] -> [B, H, W, filters].

    While the statistics are fixed, one 3 x 3 convolution computes it (RepVGG, figure 4).
    """

    def __init__(self, filters: int, name: str | None = None):
        super().__init__(name=name)
        self.spatial = NormalizedConvolution(filters, 3, name="spatial")
        self.pointwise = NormalizedConvolution(filters, 1, name="pointwise")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        parts = (self.spatial, self.pointwise)
        if not all(part.built for part in parts) or (training and any(part.normalization.trainable for part in parts)):
            return swish(self.spatial(inputs, training=training) + self.pointwise(inputs, training=training))
        (scale, offset), (pointwise_scale, pointwise_offset) = (fixed_affine(part.normalization) for part in parts)
        pointwise = tf.pad(self.pointwise.kernel * pointwise_scale, [[1, 1], [1, 1], [0, 0], [0, 0]])
        kernel = tf.cast(self.spatial.kernel * scale + pointwise, inputs.dtype)
        features = tf.nn.conv2d(inputs, kernel, 1, "SAME")
        return swish(tf.nn.bias_add(features, tf.cast(offset + pointwise_offset, inputs.dtype)))


class RepPartial(Composite):
    """A cross-stage partial block of `RepBlock`s, whose two branches are added: [B, H, W, C] -> [B, H, W, filters].

    Args:
        filters: channels of the output.
        depth: number of `RepBlock`s.
        expansion: channels within, as a share of those of the output; another share than 1 takes one more convolution.
    """

    def __init__(self, filters: int, depth: int, expansion: float = 1.0, name: str | None = None):
        super().__init__(name=name)
        within = int(filters * expansion)
        self.through = ActivatedConvolution(within, name="through")
        self.around = ActivatedConvolution(within, name="around")
        self.blocks = [RepBlock(within, name=f"block{index}") for index in range(depth)]
        self.merge = ActivatedConvolution(filters, name="merge") if within != filters else None

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = self.through(inputs, training=training)
        for block in self.blocks:
            features = block(features, training=training)
        features += self.around(inputs, training=training)
        return features if self.merge is None else self.merge(features, training=training)


class RepElan(Composite):
    """D-FINE's fusion block, an efficient layer aggregation of `RepPartial`s: [B, H, W, C] -> [B, H, W, filters].

    Half of a 1 x 1 convolution goes through two branches in sequence; all parts are concatenated. It is called
    RepNCSPELAN4 in the authors' code.

    Args:
        filters: channels of the output.
        within: channels of the branches.
        depth: number of `RepBlock`s of each branch.
    """

    def __init__(self, filters: int, within: int, depth: int, name: str | None = None):
        super().__init__(name=name)
        self.split = ActivatedConvolution(2 * filters, name="split")
        self.partials = [RepPartial(within, depth, name=f"partial{index}") for index in range(2)]
        self.convolutions = [ActivatedConvolution(within, 3, name=f"convolution{index}") for index in range(2)]
        self.merge = ActivatedConvolution(filters, name="merge")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        split = self.split(inputs, training=training)
        parts = [split]
        # Not by slicing: OpenVINO would reorder the axes for it.
        features = tf.split(split, 2, axis=-1)[1]
        for partial, convolution in zip(self.partials, self.convolutions, strict=True):
            features = convolution(partial(features, training=training), training=training)
            parts.append(features)
        return self.merge(tf.concat(parts, axis=-1), training=training)


def fusion_block(filters: int, depth: float, expansion: float, *, elan: bool, name: str) -> keras.layers.Layer:
    """Return the block in which a hybrid encoder fuses two levels.

    Args:
        filters: channels of each level.
        depth: number of `RepBlock`s of a branch, as a share of three.
        expansion: channels within, as a share of `filters`; halved in a `RepElan`.
        elan: whether it is D-FINE's `RepElan`, or RT-DETR's `RepPartial`.
        name: of the layer.
    """
    blocks = round(3 * depth)
    if elan:
        return RepElan(filters, round(expansion * filters // 2), blocks, name=name)
    return RepPartial(filters, blocks, expansion, name=name)

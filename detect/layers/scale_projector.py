"""The projector of LW-DETR and RF-DETR: features of several depths of a transformer -> one level.

Paper: Chen et al., LW-DETR, arXiv 2406.03459, section 3.1: a C2f block, whose source is YOLOv8. Authors' code:
https://github.com/roboflow/rf-detr, `rfdetr/models/backbone/projector.py` (Apache-2.0); this is what it does for P4.
"""

import keras
import tensorflow as tf

from detect.layers.attention import layer_normalization
from detect.layers.composite import Composite
from detect.ops.activations import swish

EPSILON = 1e-6  # of the layer normalisations


class ScaleProjector(Composite):
    """Features [B, h, w, C] of several depths -> one level [B, h, w, filters].

    Args:
        filters: channels of the level; half as many within.
        blocks: of two 3 x 3 convolutions each. What every block makes is used.
    """

    def __init__(self, filters: int = 256, blocks: int = 3, name: str | None = None):
        super().__init__(name=name)
        self.first = ProjectorConvolution(filters, 1, name="first")
        self.blocks = [
            [ProjectorConvolution(filters // 2, 3, name=f"block{index}_{half}") for half in range(2)]
            for index in range(blocks)
        ]
        self.last = ProjectorConvolution(filters, 1, name="last")
        self.normalization = layer_normalization("normalization", EPSILON)

    def call(self, features: list[tf.Tensor]) -> tf.Tensor:
        parts = tf.split(self.first(tf.concat(features, axis=-1)), 2, axis=-1)
        for first, second in self.blocks:
            parts.append(second(first(parts[-1])))
        return self.normalization(self.last(tf.concat(parts, axis=-1)))


class ProjectorConvolution(Composite):
    """Convolution without bias, layer normalisation, SiLU: [B, h, w, C] -> [B, h, w, filters]."""

    def __init__(self, filters: int, kernel_size: int, name: str | None = None):
        super().__init__(name=name)
        self.convolution = keras.layers.Conv2D(filters, kernel_size, padding="same", use_bias=False, name="convolution")
        self.normalization = layer_normalization("normalization", EPSILON)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return swish(self.normalization(self.convolution(inputs)))

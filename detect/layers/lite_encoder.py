"""The encoder of the smallest DEIMv2: convolutions across two levels, the coarser of which it makes itself.

Paper: Huang et al., Real-Time Object Detection Meets DINOv3, arXiv 2509.20787, section 3.2. Authors' code:
https://github.com/Intellindust-AI-Lab/DEIMv2, `engine/deim/lite_encoder.py` (Apache-2.0).
"""

import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.normalized_convolution import NormalizedConvolution
from detect.layers.path_aggregation import enlarge
from detect.layers.reparameterized import ActivatedConvolution, fusion_block


class LiteEncoder(Composite):
    """Features [B, H, W, C] -> two levels, [B, H, W, filters] and [B, H / 2, W / 2, filters]. H and W are even.

    Args:
        filters: channels of both levels.
        depth: of the fusion blocks, see `fusion_block`.
        expansion: of the fusion blocks.
    """

    def __init__(self, filters: int, depth: float, expansion: float, name: str | None = None):
        super().__init__(name=name)
        self.projection = NormalizedConvolution(filters, 1, name="projection")
        self.coarse = AveragedReduction(filters, name="coarse")
        self.context = ActivatedConvolution(filters, name="context")
        self.down_block = fusion_block(filters, depth, expansion, elan=True, name="down")
        self.reduction = AveragedReduction(filters, name="reduction")
        self.up_block = fusion_block(filters, depth, expansion, elan=True, name="up")

    def call(self, features: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        fine = self.projection(features, training=training)
        coarse = self.coarse(fine, training=training)
        everywhere = tf.reduce_mean(coarse, axis=[1, 2], keepdims=True)
        coarse = self.context(coarse + everywhere, training=training)
        fine = self.down_block(fine + enlarge(coarse), training=training)
        return [fine, self.up_block(coarse + self.reduction(fine, training=training), training=training)]


class AveragedReduction(Composite):
    """Means of 3 x 3 cells, zeros beyond the border among them, and a 1 x 1 convolution: half the sides."""

    def __init__(self, filters: int, name: str | None = None):
        super().__init__(name=name)
        self.convolution = ActivatedConvolution(filters, name="convolution")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        padded = tf.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])
        return self.convolution(tf.nn.avg_pool2d(padded, 3, 2, "VALID"), training=training)

"""The hybrid encoder of RT-DETR, D-FINE and DEIMv2: attention in the coarsest level, convolutions across the levels.

Paper: Zhao et al., DETRs Beat YOLOs on Real-time Object Detection, arXiv 2304.08069, section 4.2 and figure 3: AIFI is
attention within a level, CCFF the fusion of levels. Authors' code: https://github.com/lyuwenyu/RT-DETR,
`rtdetrv2_pytorch/src/zoo/rtdetr/hybrid_encoder.py`, and https://github.com/Peterande/D-FINE,
`src/zoo/dfine/hybrid_encoder.py`; both Apache-2.0.

Difference: position codes follow the rows of the features. Those in the authors' code follow the columns, which is the
same for squares, for which their weights were trained.
"""

from typing import Any

import tensorflow as tf

from detect.layers.attention import EncoderLayer, sine_positions
from detect.layers.composite import Composite
from detect.layers.normalized_convolution import NormalizedConvolution, NormalizedDepthwise
from detect.layers.path_aggregation import enlarge
from detect.layers.reparameterized import ActivatedConvolution, fusion_block


class HybridEncoder(Composite):
    """Features of some strides, each twice the one before it -> as many levels with `filters` channels each.

    Args:
        levels: their number.
        filters: channels of all levels.
        heads: of the attention within the coarsest level.
        hidden: channels of the perceptron behind it.
        depth: of the fusion blocks, see `fusion_block`.
        expansion: of the fusion blocks.
        elan: whether the fusion blocks are those of D-FINE; otherwise all is as in RT-DETR.
        summed: whether two levels are added where they meet, as in DEIMv2, instead of concatenated.
    """

    def __init__(
        self,
        levels: int,
        filters: int,
        heads: int,
        hidden: int,
        depth: float,
        expansion: float,
        elan: bool,
        summed: bool = False,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.summed = summed
        self.projections = [NormalizedConvolution(filters, 1, name=f"projection{index}") for index in range(levels)]
        self.attention = EncoderLayer(filters, heads, hidden, name="attention")
        kinds: dict[str, Any] = {"depth": depth, "expansion": expansion, "elan": elan}
        lateral = NormalizedConvolution if elan else ActivatedConvolution
        reduction = SeparableReduction if elan else _dense_reduction
        steps = range(levels - 1)
        self.laterals = [lateral(filters, 1, name=f"lateral{index}") for index in steps]
        self.down_blocks = [fusion_block(filters, **kinds, name=f"down{index}") for index in steps]
        self.reductions = [reduction(filters, name=f"reduction{index}") for index in steps]
        self.up_blocks = [fusion_block(filters, **kinds, name=f"up{index}") for index in steps]

    def call(self, features: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        levels = [
            projection(level, training=training) for projection, level in zip(self.projections, features, strict=True)
        ]
        levels[-1] = self._attend(levels[-1])
        return self._upwards(self._downwards(levels, training), training)

    def _attend(self, level: tf.Tensor) -> tf.Tensor:
        """Return the coarsest level after attention of each cell to all cells."""
        height, width, channels = level.shape[1:]
        positions = tf.cast(sine_positions(height, width, channels), level.dtype)
        tokens = self.attention(tf.reshape(level, [-1, height * width, channels]), positions)
        return tf.reshape(tokens, [-1, height, width, channels])

    def _downwards(self, levels: list[tf.Tensor], training: bool) -> list[tf.Tensor]:
        """Return the levels with what the coarser ones add to them, finest first."""
        inner = [levels[-1]]
        for lateral, block, level in zip(self.laterals, self.down_blocks, reversed(levels[:-1]), strict=True):
            inner[0] = lateral(inner[0], training=training)
            inner.insert(0, block(self._joined(enlarge(inner[0]), level), training=training))
        return inner

    def _upwards(self, inner: list[tf.Tensor], training: bool) -> list[tf.Tensor]:
        """Return the levels with what the finer ones add to them, finest first."""
        outer = [inner[0]]
        for reduction, block, level in zip(self.reductions, self.up_blocks, inner[1:], strict=True):
            reduced = reduction(outer[-1], training=training)
            outer.append(block(self._joined(reduced, level), training=training))
        return outer

    def _joined(self, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        return first + second if self.summed else tf.concat([first, second], axis=-1)


class SeparableReduction(Composite):
    """A 1 x 1 and a depthwise convolution with a stride of 2, without activations: [B, H, W, C] -> half the sides."""

    def __init__(self, filters: int, name: str | None = None):
        super().__init__(name=name)
        self.pointwise = NormalizedConvolution(filters, 1, name="pointwise")
        self.depthwise = NormalizedDepthwise(3, 2, name="depthwise")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.depthwise(self.pointwise(inputs, training=training), training=training)


def _dense_reduction(filters: int, name: str) -> ActivatedConvolution:
    return ActivatedConvolution(filters, 3, 2, name=name)

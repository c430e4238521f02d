"""Path aggregation pyramid, the neck of YOLOX (arXiv 2107.08430; path aggregation networks: arXiv 1803.01534).

The structure is that of the authors' code (https://github.com/Megvii-BaseDetection/YOLOX, `yolox/models/yolo_pafpn.py`,
Apache-2.0): features are concatenated, and a cross-stage partial block follows.
"""

import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.convolution import ConvolutionBlock, spatial_block
from detect.layers.csp_darknet import CrossStagePartial


class PathAggregationPyramid(Composite):
    """Features at strides 8, 16 and 32 -> three levels of the same shapes, each computed from all three features.

    Args:
        filters: channels of the three features.
        depth: bottlenecks of each cross-stage partial block.
        separable: whether convolutions are depthwise separable instead of dense.
    """

    def __init__(self, filters: tuple[int, int, int], depth: int, separable: bool = False, name: str | None = None):
        super().__init__(name=name)
        low, middle, high = filters
        options = {"depth": depth, "shortcut": False, "separable": separable}
        self.lateral32 = ConvolutionBlock(middle, name="lateral32")
        self.down16 = CrossStagePartial(middle, **options, name="down16")
        self.lateral16 = ConvolutionBlock(low, name="lateral16")
        self.down8 = CrossStagePartial(low, **options, name="down8")
        self.stride8to16 = spatial_block(low, 3, stride=2, separable=separable, name="stride8to16")
        self.up16 = CrossStagePartial(middle, **options, name="up16")
        self.stride16to32 = spatial_block(middle, 3, stride=2, separable=separable, name="stride16to32")
        self.up32 = CrossStagePartial(high, **options, name="up32")

    def call(self, features: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        stride8, stride16, stride32 = features
        lateral32 = self.lateral32(stride32, training=training)
        inner16 = self.down16(tf.concat([enlarge(lateral32), stride16], axis=-1), training=training)
        lateral16 = self.lateral16(inner16, training=training)
        outer8 = self.down8(tf.concat([enlarge(lateral16), stride8], axis=-1), training=training)

        raised16 = self.stride8to16(outer8, training=training)
        outer16 = self.up16(tf.concat([raised16, lateral16], axis=-1), training=training)
        raised32 = self.stride16to32(outer16, training=training)
        outer32 = self.up32(tf.concat([raised32, lateral32], axis=-1), training=training)
        return [outer8, outer16, outer32]


@tf.custom_gradient
def enlarge(features: tf.Tensor):
    """Repeat each value in 2 x 2 places: [B, H, W, C] -> [B, 2 H, 2 W, C].

    The gradient, sums of 2 x 2 values, is computed by pooling: XLA has no gradient of TensorFlow's resizing.
    """
    height, width = tf.unstack(tf.shape(features)[1:3])
    enlarged = tf.image.resize(features, [2 * height, 2 * width], "nearest")
    return enlarged, lambda upstream: 4 * tf.nn.avg_pool2d(upstream, 2, 2, "VALID")

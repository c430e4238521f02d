"""HGNetV2, the backbone of D-FINE and DEIMv2: few wide blocks that concatenate the outputs of all their convolutions.

It is of PaddleDetection (https://github.com/PaddlePaddle/PaddleDetection, `ppdet/modeling/backbones/hgnet_v2.py`,
Apache-2.0) and has no paper. Structure and sizes are those of D-FINE's authors (https://github.com/Peterande/D-FINE,
`src/nn/backbone/hgnetv2.py`, Apache-2.0), so that their weights fit.

Pixels are divided by 255, and otherwise not normalised. In the small ones, up to B3, learnt affine maps follow the
ReLUs. Atto, Femto and Pico are the first three stages of B0, with a smaller third one; they are of DEIMv2's authors
(https://github.com/Intellindust-AI-Lab/DEIMv2, `engine/backbone/hgnetv2.py`, Apache-2.0).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.layers.normalized_convolution import NormalizedConvolution, NormalizedDepthwise

Size = Literal["atto", "femto", "pico", "b0", "b1", "b2", "b3", "b4", "b5"]


@dataclass(frozen=True)
class Sizes:
    """Channels and numbers of layers of an HGNetV2. Tuples have a number for each of its stages, four at most."""

    stem: tuple[int, int]  # channels within the stem, and of its output
    within: tuple[int, ...]  # channels of the layers of a block
    filters: tuple[int, ...]  # channels of the output of a stage
    blocks: tuple[int, ...]
    layers: int  # in a block
    affine: bool  # whether there are learnt affine maps
    kernels: tuple[int, ...] = (3, 3, 5, 5)  # sizes of those of the layers of a block


_FILTERS = (128, 512, 1024, 2048)
SIZES: dict[str, Sizes] = {
    "atto": Sizes((16, 16), (16, 32, 64), (64, 256, 256), (1, 1, 1), 3, True, (3, 3, 3)),
    "femto": Sizes((16, 16), (16, 32, 64), (64, 256, 512), (1, 1, 1), 3, True),
    "pico": Sizes((16, 16), (16, 32, 64), (64, 256, 512), (1, 1, 2), 3, True),
    "b0": Sizes((16, 16), (16, 32, 64, 128), (64, 256, 512, 1024), (1, 1, 2, 1), 3, True),
    "b1": Sizes((24, 32), (32, 48, 96, 192), (64, 256, 512, 1024), (1, 1, 2, 1), 3, True),
    "b2": Sizes((24, 32), (32, 64, 128, 256), (96, 384, 768, 1536), (1, 1, 3, 1), 4, True),
    "b3": Sizes((24, 32), (32, 64, 128, 256), _FILTERS, (1, 1, 3, 1), 5, True),
    "b4": Sizes((32, 48), (48, 96, 192, 384), _FILTERS, (1, 1, 3, 1), 6, False),
    "b5": Sizes((32, 64), (64, 128, 256, 512), _FILTERS, (1, 2, 5, 2), 6, False),
}

# From filters, kernel size, stride, `activated` and name to a unit.
Unit = Callable[..., Composite]


class HGNetV2(Composite):
    """Images of 0..255 [B, H, W, 3] -> features of its last `levels` stages, finest first.

    The stages have the strides 4, 8, 16 and 32; the smallest have the first three. H and W must be multiples of the
    last stride.

    Args:
        size: a key of `SIZES`, or the sizes themselves.
        levels: how many features are returned.
        frozen: whether training leaves the statistics, scales and offsets of all batch normalisations alone.
    """

    def __init__(self, size: Size | Sizes, levels: int = 4, frozen: bool = False, name: str | None = None):
        super().__init__(name=name)
        sizes = size if isinstance(size, Sizes) else SIZES[size]
        self.size = next((key for key, row in SIZES.items() if row == sizes), None)
        self.levels = levels
        unit = functools.partial(ConvolutionUnit, affine=sizes.affine, frozen=frozen)
        self.stem = Stem(*sizes.stem, unit, name="stem")
        self.stages = [
            Stage(
                filters=sizes.filters[index],
                within=sizes.within[index],
                blocks=sizes.blocks[index],
                layers=sizes.layers,
                kernel_size=sizes.kernels[index],
                light=index >= 2,
                reduce=index > 0,
                unit=unit,
                name=f"stage{index + 1}",
            )
            for index in range(len(sizes.filters))
        ]
        for number, stage in enumerate(self.stages, start=1):  # by these names they can be frozen
            setattr(self, f"stage{number}", stage)

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        features = self.stem(images, training=training)
        levels = []
        for stage in self.stages:
            features = stage(features, training=training)
            levels.append(features)
        return levels[-self.levels :]


class ConvolutionUnit(Composite):
    """Convolution, batch normalisation, and where `activated` a ReLU and a learnt affine map.

    [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), filters].

    Args:
        filters: channels of the output; None: a depthwise convolution.
        kernel_size: height and width of the kernel. One of 2 is padded at the bottom and on the right.
        stride: 1 or 2.
        activated: whether a ReLU follows.
        affine: whether a learnt affine map follows the ReLU.
        frozen: whether training leaves the normalisation alone.
    """

    def __init__(
        self,
        filters: int | None,
        kernel_size: int,
        stride: int = 1,
        activated: bool = True,
        affine: bool = False,
        frozen: bool = False,
        name: str | None = None,
    ):
        super().__init__(name=name)
        options: dict[str, Any] = {
            "kernel_size": kernel_size,
            "stride": stride,
            "frozen": frozen,
            "name": "convolution",
        }
        self.convolution = (
            NormalizedDepthwise(**options) if filters is None else NormalizedConvolution(filters, **options)
        )
        self.activated = activated
        self.affine = Affine(name="affine") if activated and affine else None

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = self.convolution(inputs, training=training)
        features = tf.nn.relu(features) if self.activated else features
        return features if self.affine is None else self.affine(features)


class Affine(keras.layers.Layer):
    """`scale * x + offset` with two learnt numbers: the learnable affine block of the authors' code."""

    def build(self, input_shape) -> None:
        self.scale = self.add_weight(name="scale", shape=(1,), initializer="ones")
        self.offset = self.add_weight(name="offset", shape=(1,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.scale * inputs + self.offset


class Stem(Composite):
    """Images of 0..255 [B, H, W, 3] -> features [B, H / 4, W / 4, filters].

    Args:
        within: channels in between.
        filters: channels of the output.
        unit: makes the convolutions.
    """

    def __init__(self, within: int, filters: int, unit: Unit, name: str | None = None):
        super().__init__(name=name)
        self.first = unit(within, 3, 2, name="first")
        self.narrow = unit(within // 2, 2, name="narrow")
        self.wide = unit(within, 2, name="wide")
        self.reduce = unit(within, 3, 2, name="reduce")
        self.last = unit(filters, 1, name="last")

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        pixels = tf.cast(tf.cast(images, tf.float32) / 255, self.compute_dtype)
        features = self.first(pixels, training=training)
        convolved = self.wide(self.narrow(features, training=training), training=training)
        # Zeros of the padding may win: with an affine map, features may be negative.
        padded = tf.pad(features, [[0, 0], [0, 1], [0, 1], [0, 0]])
        pooled = tf.nn.max_pool2d(padded, 2, 1, "VALID")
        joined = tf.concat([pooled, convolved], axis=-1)
        return self.last(self.reduce(joined, training=training), training=training)


class Stage(Composite):
    """Blocks in sequence, all but the first of which add their input to their output.

    Args:
        filters: channels of the output.
        within: channels of the layers of a block.
        blocks: number of blocks.
        layers: number of layers of a block.
        kernel_size: of these layers.
        light: whether they are a 1 x 1 and a depthwise convolution instead of a dense one.
        reduce: whether a depthwise convolution with a stride of 2 comes first.
        unit: makes the convolutions.
    """

    def __init__(
        self,
        filters: int,
        within: int,
        blocks: int,
        layers: int,
        kernel_size: int,
        light: bool,
        reduce: bool,
        unit: Unit,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.reduce = unit(None, 3, 2, activated=False, name="reduce") if reduce else None
        self.blocks = [
            Block(filters, within, layers, kernel_size, light, index > 0, unit, name=f"block{index}")
            for index in range(blocks)
        ]

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = inputs if self.reduce is None else self.reduce(inputs, training=training)
        for block in self.blocks:
            features = block(features, training=training)
        return features


class Block(Composite):
    """Layers in sequence; two 1 x 1 convolutions of the input and of all their outputs side by side.

    Args:
        filters: channels of the output.
        within: channels of each layer.
        layers: their number.
        kernel_size: of the layers.
        light: whether they are a 1 x 1 and a depthwise convolution instead of a dense one.
        residual: whether the input is added to the output.
        unit: makes the convolutions.
    """

    def __init__(
        self,
        filters: int,
        within: int,
        layers: int,
        kernel_size: int,
        light: bool,
        residual: bool,
        unit: Unit,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.residual = residual
        self.layers = [
            LightLayer(within, kernel_size, unit, name=f"layer{index}")
            if light
            else unit(within, kernel_size, name=f"layer{index}")
            for index in range(layers)
        ]
        self.squeeze = unit(filters // 2, 1, name="squeeze")
        self.excite = unit(filters, 1, name="excite")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        outputs = [inputs]
        for layer in self.layers:
            outputs.append(layer(outputs[-1], training=training))
        features = self.squeeze(tf.concat(outputs, axis=-1), training=training)
        features = self.excite(features, training=training)
        return features + inputs if self.residual else features


class LightLayer(Composite):
    """A 1 x 1 convolution without an activation, then a depthwise one: [B, H, W, C] -> [B, H, W, filters]."""

    def __init__(self, filters: int, kernel_size: int, unit: Unit, name: str | None = None):
        super().__init__(name=name)
        self.pointwise = unit(filters, 1, activated=False, name="pointwise")
        self.depthwise = unit(None, kernel_size, name="depthwise")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.depthwise(self.pointwise(inputs, training=training), training=training)

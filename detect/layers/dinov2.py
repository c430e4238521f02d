"""DINOv2 with windows, the backbone of RF-DETR: a vision transformer that mostly attends within parts of the image.

Papers: Oquab et al., DINOv2, arXiv 2304.07193; Dosovitskiy et al., ViT, arXiv 2010.11929; windows as in LW-DETR (Chen
et al., arXiv 2406.03459, section 3.1); Robinson et al., RF-DETR, arXiv 2511.09554. Authors' code:
https://github.com/roboflow/rf-detr, `rfdetr/models/backbone/dinov2_with_windowed_attn.py` (Apache-2.0).

Difference: the windows of images that are not square have the shape of the image. In the authors' code their sides are
exchanged when the image is divided, which is the same for squares.
"""

import keras
import numpy as np
import tensorflow as tf

from detect.layers.attention import MultiHeadAttention, Perceptron, gelu, layer_normalization
from detect.layers.composite import Composite
from detect.layers.resnet import DEVIATION, MEAN

STAGES = 4  # after each of them, features are returned
EPSILON = 1e-6  # of the layer normalisations
SHARPNESS = -0.5  # the parameter `a` of the cubic kernel with which PyTorch resizes without aliasing


class DINOv2(Composite):
    """RGB images [B, H, W, 3] of 0..255 -> four features [B, H / patch, W / patch, channels], of growing depth.

    H and W must be multiples of `patch * windows`.

    Args:
        channels: of each token.
        heads: of the attentions.
        blocks: of each stage. The first block of each stage but the first attends to the whole image, the others
            attend within windows.
        patch: side of the square that is a token, pixels.
        windows: their number along each side of the image.
        positions: side of the grid of learnt positions, in tokens; it is resized to that of the image.
    """

    def __init__(
        self,
        channels: int = 384,
        heads: int = 6,
        blocks: int = 3,
        patch: int = 16,
        windows: int = 2,
        positions: int = 24,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.patch = patch
        self.windows = windows
        self.stem = Stem(channels, patch, windows, positions, name="stem")
        self.stages = [
            Stage(channels, heads, blocks, windows, whole_first=index > 0, name=f"stage{index + 1}")
            for index in range(STAGES)
        ]
        self.stage1, self.stage2, self.stage3, self.stage4 = self.stages
        self.normalization = layer_normalization("normalization", EPSILON)

    def call(self, images: tf.Tensor) -> list[tf.Tensor]:
        height, width = images.shape[1] // self.patch, images.shape[2] // self.patch
        tokens = self.stem(images)
        features = []
        for stage in self.stages:
            tokens = stage(tokens)
            features.append(join_windows(self.normalization(tokens)[:, 1:], self.windows, height, width))
        return features


class Stem(Composite):
    """Images [B, H, W, 3] -> tokens [B * windows^2, 1 + T, channels]: of each window its class token and its T patches.

    Args:
        channels: as of `DINOv2`.
        patch: as there.
        windows: as there.
        positions: as there.
    """

    def __init__(self, channels: int, patch: int, windows: int, positions: int, name: str | None = None):
        super().__init__(name=name)
        self.windows = windows
        self.side = positions
        self.projection = keras.layers.Conv2D(channels, patch, strides=patch, name="projection")

    def build(self, input_shape) -> None:
        channels, start = self.projection.filters, keras.initializers.TruncatedNormal(stddev=0.02)
        self.class_token = self.add_weight(name="class_token", shape=[1, channels], initializer=start)
        self.class_position = self.add_weight(name="class_position", shape=[1, channels], initializer=start)
        self.positions = self.add_weight(
            name="positions", shape=[self.side, self.side, channels], initializer=start, autocast=False
        )

    def call(self, images: tf.Tensor) -> tf.Tensor:
        pixels = (tf.cast(images, tf.float32) - MEAN) / DEVIATION
        patches = self.projection(tf.cast(pixels, self.compute_dtype))
        patches += tf.cast(resized(self.positions, *patches.shape[1:3]), patches.dtype)
        tokens = split_windows(patches, self.windows)
        first = tf.broadcast_to(self.class_token + self.class_position, [tf.shape(tokens)[0], 1, patches.shape[-1]])
        return tf.concat([first, tokens], axis=1)


class Stage(Composite):
    """Blocks in sequence: tokens [B * windows^2, T, C] -> the same.

    Args:
        channels: C.
        heads: of the attentions.
        blocks: their number.
        windows: along each side of the image.
        whole_first: whether the first block attends to the whole image.
    """

    def __init__(
        self, channels: int, heads: int, blocks: int, windows: int, whole_first: bool, name: str | None = None
    ):
        super().__init__(name=name)
        self.blocks = [
            Block(channels, heads, windows if whole_first and index == 0 else 1, name=f"block{index}")
            for index in range(blocks)
        ]

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


class Block(Composite):
    """Attention and a perceptron, each normalised first, scaled and added: tokens [N, T, C] -> the same.

    Args:
        channels: C.
        heads: of the attention.
        joined: along each side, how many windows attend to each other.
    """

    def __init__(self, channels: int, heads: int, joined: int = 1, name: str | None = None):
        super().__init__(name=name)
        self.joined = joined**2
        self.attention_normalization = layer_normalization("attention_normalization", EPSILON)
        self.attention = MultiHeadAttention(channels, heads, name="attention")
        self.attention_scale = LayerScale(name="attention_scale")
        self.normalization = layer_normalization("normalization", EPSILON)
        self.perceptron = Perceptron((4 * channels, channels), gelu, name="perceptron")
        self.scale = LayerScale(name="scale")

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        tokens += self.attention_scale(self._attend(self.attention_normalization(tokens)))
        return tokens + self.scale(self.perceptron(self.normalization(tokens)))

    def _attend(self, tokens: tf.Tensor) -> tf.Tensor:
        _, count, channels = tokens.shape
        together = tf.reshape(tokens, [-1, self.joined * count, channels])
        return tf.reshape(self.attention(together), [-1, count, channels])


class LayerScale(keras.layers.Layer):
    """Multiply each channel by a factor that is learnt, at first 1 (arXiv 2103.17239, equation 4): [..., C] -> same."""

    def build(self, input_shape) -> None:
        self.factors = self.add_weight(name="factors", shape=input_shape[-1:], initializer="ones")

    def call(self, features: tf.Tensor) -> tf.Tensor:
        return features * self.factors


def split_windows(patches: tf.Tensor, windows: int) -> tf.Tensor:
    """Return the patches [B, h, w, C] of each window: [B * windows^2, h * w / windows^2, C], row by row."""
    _, height, width, channels = patches.shape
    rows, columns = height // windows, width // windows
    parts = tf.reshape(patches, [-1, windows, rows, windows, columns, channels])
    return tf.reshape(tf.transpose(parts, [0, 1, 3, 2, 4, 5]), [-1, rows * columns, channels])


def join_windows(tokens: tf.Tensor, windows: int, height: int, width: int) -> tf.Tensor:
    """Return the inverse of `split_windows`: [B * windows^2, h * w / windows^2, C] -> [B, h, w, C]."""
    rows, columns, channels = height // windows, width // windows, tokens.shape[-1]
    parts = tf.reshape(tokens, [-1, windows, windows, rows, columns, channels])
    return tf.reshape(tf.transpose(parts, [0, 1, 3, 2, 4, 5]), [-1, height, width, channels])


def resized(grid: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Return learnt positions [h, w, C] for a grid of another size: [height, width, C], by cubic interpolation."""
    if tuple(grid.shape[:2]) == (height, width):
        return grid
    rows, columns = cubic_weights(grid.shape[0], height), cubic_weights(grid.shape[1], width)
    return tf.einsum("ih,jw,hwc->ijc", rows, columns, grid)


def cubic_weights(length: int, resized_length: int) -> np.ndarray:
    """Return the share of each old value in each new one, float32 [resized_length, length].

    The kernel is that of Keys (1981, equation 15) with the parameter `SHARPNESS`; it is widened where values become
    fewer, so that none is left out. Values beyond the ends do not count. So does PyTorch's `interpolate` with
    `mode="bicubic"` and `antialias=True`.
    """
    ratio = length / resized_length
    centres = (np.arange(resized_length) + 0.5) * ratio - 0.5
    distances = np.abs(np.arange(length) - centres[:, None]) / max(ratio, 1)
    near = ((SHARPNESS + 2) * distances - (SHARPNESS + 3)) * distances**2 + 1
    far = SHARPNESS * (((distances - 5) * distances + 8) * distances - 4)
    weights = np.where(distances < 1, near, np.where(distances < 2, far, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

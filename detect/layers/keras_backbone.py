"""Networks of Keras, such as those of `keras.applications` and KerasHub, as backbones of detectors."""

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Literal

import keras
import tensorflow as tf

from detect.errors import BadInput, RunFailure
from detect.layers.composite import Composite

STRIDES = (8, 16, 32)
Part = Literal["backbone", "neck"]
_WAYS_ON: MappingProxyType[Part, str] = MappingProxyType(
    {
        "backbone": "Choose other layers.",
        "neck": "Name the strides of its levels in `strides` of the model's class, or choose other layers.",
    }
)


class KerasBackbone(Composite):
    """uint8 RGB images [B, H, W, 3] -> features at strides 8, 16 and 32, which a network of Keras computes.

    Args:
        network: from images [B, H, W, 3] of any height and width to the outputs of three of its layers, finest first.
        preprocess: from float32 RGB images of 0..255 to those that the network takes; by default they are the same.
        pretrained: returns this network with trained weights, from which training starts unless it is told otherwise.
            It is not called where the trained detector is loaded.
    """

    def __init__(
        self,
        network: keras.Model,
        preprocess: Callable[[tf.Tensor], tf.Tensor] | None = None,
        pretrained: Callable[[], keras.Model] | None = None,
        name: str = "backbone",
    ):
        super().__init__(name=name)
        self.network = network
        self.preprocess = preprocess
        self.pretrained = pretrained

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        pixels = tf.cast(images, tf.float32)
        pixels = pixels if self.preprocess is None else self.preprocess(pixels)
        features = self.network(pixels, training=training)
        features = list(features) if isinstance(features, (list, tuple)) else [features]
        require_strides(features, STRIDES, images, "backbone")
        return features

    def load_pretrained(self) -> None:
        """Give the network the weights of the one that `pretrained` returns.

        Raises:
            RunFailure: they cannot be had, or are those of another network.
        """
        assert self.pretrained is not None
        try:
            self.network.set_weights(self.pretrained().get_weights())
        except Exception as error:  # a user's code may raise anything
            raise RunFailure(f"`pretrained` of the backbone failed: {type(error).__name__}: {error}") from error


def require_strides(levels: Sequence[tf.Tensor], strides: Sequence[int], images: tf.Tensor, part: Part) -> None:
    """Raise `BadInput` unless features have these strides.

    Args:
        levels: features [B, h, w, C].
        strides: the expected ones, pixels.
        images: of which the features are.
        part: of the network, for the error.
    """
    height, width = images.shape[1:3]
    expected = [(math.ceil(height / stride), math.ceil(width / stride)) for stride in strides]
    found = [tuple(level.shape[1:3]) for level in levels]
    if found != expected:
        raise BadInput(
            f"The {part} returns features of {_listed(found)} for images of {height} x {width}; expected those of the "
            f"strides {', '.join(map(str, strides))}: {_listed(expected)}. {_WAYS_ON[part]}"
        )


def _listed(sizes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(f"{height} x {width}" for height, width in sizes)

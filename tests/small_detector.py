"""A detector for tests in which any does: it is traced in a tenth of the time that those of the package take."""

import keras
import tensorflow as tf

from detect.layers.composite import Composite
from detect.models.detector import Variant
from detect.models.fcos import FCOS, Config

CHANNELS, STRIDES = (32, 128, 128, 128, 32), (2, 2, 2, 1, 1)  # of the convolutions


class Backbone(Composite):
    """Images -> one feature at stride 8."""

    def __init__(self, name: str):
        super().__init__(name=name)
        options = {"padding": "same", "activation": "relu"}
        self.convolutions = [
            keras.layers.Conv2D(filters, 3, stride, name=f"convolution{number}", **options)
            for number, (filters, stride) in enumerate(zip(CHANNELS, STRIDES, strict=True))
        ]

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        features = tf.cast(images, tf.float32) / 255
        for convolution in self.convolutions:
            features = convolution(features)
        return [features]


class Neck(Composite):
    """The features as they are."""

    def call(self, features: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        return features


class SmallDetector(FCOS):
    """FCOS of one level behind five convolutions."""

    variant = Variant(Config(filters=32, layers=1), image_size=64)
    strides = (8,)
    size_divisor = 8

    def create_backbone(self) -> keras.layers.Layer:
        return Backbone(name="backbone")

    def create_neck(self) -> keras.layers.Layer:
        return Neck(name="neck")

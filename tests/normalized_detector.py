"""The small detector with batch normalisation behind its convolutions, whose training several devices must share."""

import keras
import tensorflow as tf
from small_detector import CHANNELS, STRIDES, SmallDetector

from detect.layers.composite import Composite
from detect.layers.convolution import ConvolutionBlock


class Backbone(Composite):
    """Images -> one feature at stride 8."""

    def __init__(self, name: str):
        super().__init__(name=name)
        self.blocks = [
            ConvolutionBlock(filters, 3, stride, name=f"block{number}")
            for number, (filters, stride) in enumerate(zip(CHANNELS, STRIDES, strict=True))
        ]

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        features = tf.cast(images, tf.float32) / 255
        for block in self.blocks:
            features = block(features, training=training)
        return [features]


class NormalizedDetector(SmallDetector):
    """FCOS of one level behind five blocks of convolution and batch normalisation."""

    def create_backbone(self) -> keras.layers.Layer:
        return Backbone(name="backbone")
